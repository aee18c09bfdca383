"""The hands of a caregiver, which touch a lying infant again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body, RestShape, default_body
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.clothing.garments import Outfit
from fidip.synth.pose.holding import Adult
from fidip.synth.pose.ik import HandTarget
from fidip.synth.pose.joint_angles import SIDE_SIGNS, UP
from fidip.synth.render.mesh import Mesh
from fidip.synth.render.raster import visible_fraction
from fidip.synth.scene.companion import KNEELING, above_floor, draw_adult
from fidip.synth.scene.stage import Stage, with_prop

_PLACES = 12  # draws of where the adult kneels
_GOOD_ENOUGH = 0.8  # visible fraction of the infant at which no further place is drawn
_TOUCHED = np.arange(5, 17)  # joints below the head
_NEAR = 6  # joints that a hand touches: the nearest ones
_LIFT = 0.25  # chance that a hand rests in the air instead
_AWAY = -1


@dataclass(frozen=True)
class Handling:
    """Statistics of a caregiver's hands.

    Attributes:
        touch: range of the length of a touch, s.
        move: range of the time between two touches, s.
        height: range of the height of the palm above a touched joint, m.
    """

    touch: Range = (0.3, 1.0)
    move: Range = (0.25, 0.7)
    height: Range = (0.03, 0.05)

    def draw(
        self,
        body: Body,
        stage: Stage,
        appearance: Appearance,
        seconds: float,
        rng: np.random.Generator,
    ) -> Caregiver:
        """Draw an adult who kneels beside the infant of a stage, out of the camera's way.

        Args:
            body: the infant's body.
            stage: the infant and the camera.
            appearance: statistics of the adult's clothes.
            seconds: length of the clip.
            rng: random stream.
        """
        grown = body if "adult" in body.shapes else default_body()
        rest, outfit = draw_adult(grown, appearance, rng)
        opening = HandOpening("adult", *rng.uniform(0.4, 0.9, 2))
        opened = open_hands(grown, rest.vertices, rest.heads, opening)
        best, most = None, -1.0
        for _ in range(_PLACES):
            adult, shift = _beside(stage, RestShape(grown, opened, rest.heads), rng)
            paths = {
                side: self._path(adult.shoulder(side) + shift, stage.joints, seconds, rng)
                for side in SIDE_SIGNS
            }
            tried = Caregiver(adult, shift, outfit, rest.vertices, paths)
            seen = tried.leaves_visible(stage)
            if seen > most:
                best, most = tried, seen
            if most >= _GOOD_ENOUGH:
                break
        assert best is not None
        return best

    def _path(
        self, shoulder: Floats, joints: Floats, seconds: float, rng: np.random.Generator
    ) -> HandPath:
        """Draw the touches of a hand whose arm hangs at ``shoulder`` (3,), metres."""
        distance = np.linalg.norm(joints[_TOUCHED] - shoulder, axis=1)
        near = _TOUCHED[np.argsort(distance)[:_NEAR]]
        stops, start = [], -float(rng.uniform(*self.touch))
        while start < seconds + 1:
            end = start + float(rng.uniform(*self.touch))
            joint = _AWAY if rng.random() < _LIFT else int(rng.choice(near))
            aside = rng.normal(0, 0.015, 2)
            stops.append((start, end, joint, *aside, rng.uniform(*self.height)))
            start = end + float(rng.uniform(*self.move))
        return HandPath(np.array(stops))


@dataclass(frozen=True, eq=False)
class HandPath:
    """Where a palm is over time: above one joint after the other.

    Attributes:
        stops: (N, 6) start and end in seconds, joint or -1 for the air, and the palm's offset from
            the joint along x, y and z, metres.
    """

    stops: Floats

    def place(self, joints: Floats, air: Floats, time: float) -> Floats:
        """Return the (3,) place of the palm at ``time`` seconds, metres.

        Args:
            joints: (17, 3) of the infant at that time, metres.
            air: (3,) where the palm is when it touches nothing, metres.
            time: seconds, not before the first stop.
        """
        now = max(int(np.searchsorted(self.stops[:, 0], time, side="right")) - 1, 0)
        after = min(now + 1, len(self.stops) - 1)
        here, there = (self._above(self.stops[row], joints, air) for row in (now, after))
        end, start = self.stops[now, 1], self.stops[after, 0]
        way = float(np.clip((time - end) / max(start - end, 1e-6), 0, 1))
        eased = way * way * (3 - 2 * way)
        raised = 0.06 * np.sin(np.pi * way) * UP  # over what lies between
        place: Floats = here + eased * (there - here) + raised
        return place

    @staticmethod
    def _above(stop: Floats, joints: Floats, air: Floats) -> Floats:
        joint = int(stop[2])
        return air if joint == _AWAY else joints[joint] + stop[3:]


@dataclass(frozen=True, eq=False)
class Caregiver:
    """An adult whose hands move.

    Attributes:
        adult: the pose without the arms.
        shift: (3,) from the adult's own frame into the room, metres.
        outfit: skin and clothes.
        texture: (V, 3) coordinates of the rest shape, metres.
        paths: what the hands do, by side.
    """

    adult: Adult
    shift: Floats
    outfit: Outfit
    texture: Floats
    paths: dict[str, HandPath]

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return a stage with the adult at ``time`` seconds."""
        return with_prop(stage, self._mesh(stage.joints, time), self.outfit)

    def leaves_visible(self, stage: Stage) -> float:
        """Return the fraction of the infant's vertices that the adult leaves visible at first."""
        skin = stage.worn[0].vertices[::7]
        return visible_fraction(skin, self._mesh(stage.joints, 0.0), stage.camera)

    def _mesh(self, joints: Floats, time: float) -> Mesh:
        adult = replace(self.adult, rotations=self.adult.rotations.copy())
        forward = self.adult.forward
        for side, path in self.paths.items():
            shoulder = self.adult.shoulder(side) + self.shift
            air = shoulder + 0.3 * forward - 0.25 * UP
            place = path.place(joints, air, time) - self.shift
            elbow = 0.5 * UP + SIDE_SIGNS[side] * self.adult.leftward - 0.5 * forward
            adult.place_hand(side, HandTarget(place, -UP, forward, elbow))
        body, cover = self.adult.rest.body, self.outfit.cover
        mesh = Mesh(adult.skin() + self.shift, body.faces, self.texture, 0, cover)
        return self.outfit.worn(above_floor(mesh))


def _beside(stage: Stage, rest: RestShape, rng: np.random.Generator) -> tuple[Adult, Floats]:
    """Draw an adult who leans over the infant, and the adult's place (3,), metres."""
    middle = stage.joints[[5, 6, 11, 12]].mean(0)
    toward = stage.camera.position[:2] - middle[:2]
    where = np.arctan2(toward[1], toward[0]) + rng.choice([-1, 1]) * rng.uniform(1.0, np.pi)
    yaw = float(np.rad2deg(where)) - 90.0  # an adult who faces -y stands at +y
    adult = Adult.turned(rest, KNEELING, float(rng.uniform(15, 50)), yaw, rng)
    shoulders = (adult.shoulder("L") + adult.shoulder("R")) / 2
    back, height = rng.uniform(0.3, 0.42), rng.uniform(0.36, 0.46)
    return adult, middle - back * adult.forward + height * UP - shoulders
