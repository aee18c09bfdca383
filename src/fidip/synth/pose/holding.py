"""Ways in which an adult holds an infant: under the arms, in the crook of an arm, on the lap.

The infant is posed already; the adult is built around it. All is in metres in the infant's frame: z up, the infant's
front towards -y unless it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.collision import reaches_under
from fidip.synth.pose.ik import SIGN, Touch, joint, lay_hand
from fidip.synth.pose.joint_angles import UP, perpendicular, pose_rotations, trunk_rotation, unit
from fidip.synth.pose.posture import Angles, draw_angles
from fidip.synth.pose.rotation import about
from fidip.synth.render.mesh import vertex_normals

_STANDING = Angles(
    bend=(-4, 10), lean=(-5, 5), twist=(-6, 6), nod=(5, 28), turn=(-15, 15), raise_=(35, 50), reach=(60, 85),
    elbow=(60, 90), pronate=(0, 0), flex=(-6, 8), spread=(1, 9), rotate=(0, 15), knee=(0, 10), ankle=(-5, 5),
)  # fmt: skip
_SEATED = Angles(
    bend=(2, 16), lean=(-4, 4), twist=(-5, 5), nod=(8, 32), turn=(-12, 12), raise_=(35, 50), reach=(60, 85),
    elbow=(60, 90), pronate=(0, 0), flex=(86, 93), spread=(0, 7), rotate=(0, 8), knee=(72, 95), ankle=(-5, 5),
)  # fmt: skip
_ATTEMPTS = 5
_PRESSED = 0.008  # metres that a hand presses into soft skin
_OFF = 0.02  # metres that a palm may be away from the skin for its fingers' sake
_ENOUGH = 0.016  # metres that bodies may press into each other without another attempt


@dataclass(frozen=True, eq=False)
class Infant:
    """The one who is held.

    Attributes:
        body, vertices, joints: the body, its posed skin (V, 3) and its 17 key points.
        normals: (V, 3) of the skin.
        up, left, front: (3,) axes of the trunk.
    """

    body: Body
    vertices: Floats
    joints: Floats
    normals: Floats
    up: Floats
    left: Floats
    front: Floats

    @classmethod
    def of(cls, body: Body, vertices: Floats) -> Infant:
        joints = body.keypoints(vertices)
        up = unit(joints[5:7].mean(0) - joints[11:13].mean(0))
        left = perpendicular(joints[5] - joints[6] + joints[11] - joints[12], up)
        normals = vertex_normals(vertices, body.faces)
        return cls(body, vertices, joints, normals, up, left, np.cross(left, up))

    def trunk(self, low: float, high: float) -> Floats:
        """(N, 3) skin of the trunk between two heights: 0 at the hips, 1 at the shoulders."""
        skin, height = self._trunk
        return skin[(height > low) & (height < high)]

    @cached_property
    def _trunk(self) -> tuple[Floats, Floats]:
        """(N, 3) skin of the trunk and (N,) its height."""
        hips, neck = self.joints[11:13].mean(0), self.joints[5:7].mean(0)
        skin = self.vertices[self.body.share("spine", "root", "pelvis") > 0.75]
        return skin, (skin - hips) @ self.up / np.linalg.norm(neck - hips)

    def against(self, place: Floats, normal: Floats) -> Floats:
        """(3,) where a palm that looks along ``normal`` meets trunk or thighs when it is pushed on from ``place``."""
        mine = self.body.share("spine", "root", "pelvis", "upperleg") > 0.6
        away = self.vertices[mine] - place
        height = away @ normal
        near = np.linalg.norm(away - height[:, None] * normal, axis=1) < 0.04
        met: Floats = place + (height[near].min(initial=0.1) - 0.004) * normal
        return met


@dataclass(frozen=True, eq=False)
class Adult:
    """The one who holds, before the arms are placed.

    Attributes:
        body, rest, heads: the body and its rest pose with hands as open as they are.
        rotations: (J, 3, 3) of all bones; arms are still to be placed.
        forward: (3,) level, where the adult faces.
    """

    body: Body
    rest: Floats
    heads: Floats
    rotations: Floats
    forward: Floats

    @classmethod
    def turned(
        cls, body: Body, rest: Floats, heads: Floats, angles: Angles, pitch: float, yaw: float,
        rng: np.random.Generator,
    ) -> Adult:  # fmt: skip
        """Facing -y turned by ``yaw`` about z, the trunk tipped forward by ``pitch``; degrees."""
        root = about(UP, yaw) @ trunk_rotation(0.0, pitch)
        rotations = pose_rotations(body, heads, root, draw_angles(angles, rng))
        return cls(body, rest, heads, rotations, about(UP, yaw) @ np.array([0.0, -1.0, 0.0]))

    @property
    def leftward(self) -> Floats:
        left: Floats = np.cross(self.forward, -UP)
        return left

    def shoulder(self, side: str) -> Floats:
        return joint(self.body, self.heads, self.rotations, f"upperarm01.{side}")

    def skin(self) -> Floats:
        return self.body.pose(self.rest, self.heads, self.rotations)

    def hand(self, side: str) -> Floats:
        """(N, 3) posed skin of a hand."""
        bone = self.body.index[f"wrist.{side}"]
        mine = self.rest.take(_hand(self.body, side), 0) - self.heads[bone]
        place = joint(self.body, self.heads, self.rotations, f"wrist.{side}")
        skin: Floats = mine @ self.rotations[bone].T + place
        return skin

    def part(self, posed: Floats, *bones: str) -> Floats:
        mine: Floats = posed[self.body.share(*bones) > 0.8]
        return mine


@lru_cache(maxsize=8)
def _hand(body: Body, side: str) -> NDArray[np.intp]:
    return np.flatnonzero(body.share(f"wrist.{side}") > 0.8)


@dataclass(frozen=True, eq=False)
class Held:
    """An adult who holds the infant.

    Attributes:
        vertices: (V, 3) of the adult; of a hand alone where no more was placed, as the flaw is over its limit.
        forward: (3,) where the adult faces.
        seat: (3,) the underside of who sits on something, metres; None where nobody does.
        flaw: metres by which hands miss and bodies cut into each other.
    """

    vertices: Floats
    forward: Floats
    seat: Floats | None
    flaw: float


Way = Callable[[Infant, Body, Floats, Floats, float, np.random.Generator], Held]


def hold(
    way: str, infant: Infant, body: Body, rest: Floats, heads: Floats, rng: np.random.Generator
) -> Held:
    """An adult of rest pose (V, 3) and bone heads (J, 3) who holds the infant: of a few draws the best."""
    best = WAYS[way](infant, body, rest, heads, np.inf, rng)
    for _ in range(_ATTEMPTS - 1):
        if best.flaw < _ENOUGH:
            break
        other = WAYS[way](infant, body, rest, heads, best.flaw, rng)
        best = min(best, other, key=lambda held: held.flaw)
    return best


def _under_the_arms(
    infant: Infant, body: Body, rest: Floats, heads: Floats, limit: float, rng: np.random.Generator
) -> Held:
    """Held up by the chest, facing the adult or away."""
    behind = rng.random() < 0.6
    yaw = rng.normal(0, 6) + (0 if behind else 180)
    adult = Adult.turned(body, rest, heads, _STANDING, rng.uniform(-3, 8), yaw, rng)
    touches = _at_the_sides(infant, adult, (0.5, 0.8), rng)
    hands = np.mean([touch.place for touch in touches.values()], axis=0)
    shoulders = hands - rng.uniform(0.33, 0.42) * adult.forward + rng.uniform(0.0, 0.2) * UP
    shift = shoulders - (adult.shoulder("L") + adult.shoulder("R")) / 2
    return _held(infant, adult, shift, touches, limit)


def _on_the_lap(
    infant: Infant, body: Body, rest: Floats, heads: Floats, limit: float, rng: np.random.Generator
) -> Held:
    """Sitting on the thighs, the back to the adult."""
    adult = Adult.turned(body, rest, heads, _SEATED, rng.uniform(-8, 2), rng.normal(0, 6), rng)
    posed, ahead, aside = adult.skin(), adult.forward, adult.leftward
    belly = adult.part(posed, "spine05", "spine04", "spine03", "root", "pelvis")
    thighs = adult.part(posed, "upperleg")
    back = infant.trunk(0.0, 0.9)
    gap = rng.uniform(0.0, 0.03)
    forward = (back @ ahead).min() - gap - (belly[np.abs(belly @ aside) < 0.1] @ ahead).max()
    level = infant.joints[11:13].mean(0) @ aside - rng.normal(0, 0.015)
    bottom = infant.trunk(-1.0, 0.3)
    under = thighs @ ahead + forward
    middle = infant.joints[11:13].mean(0) @ ahead
    near = thighs[np.abs(under - middle) < 0.08]
    height = bottom[:, 2].min() + 0.02 - np.percentile(near[:, 2], 92)
    shift = forward * ahead + level * aside + height * UP
    touches = _at_the_sides(infant, adult, (0.2, 0.55), rng)
    seat = np.array([0.0, 0.0, thighs[:, 2].min()]) + shift
    return _held(infant, adult, shift, touches, limit, seat)


def _in_the_crook(
    infant: Infant, body: Body, rest: Floats, heads: Floats, limit: float, rng: np.random.Generator
) -> Held:
    """Lying along a forearm before the chest, the head at the elbow; the other hand is under the bottom."""
    toward = 1.0 if infant.front[0] > 0 else -1.0  # the belly is turned to the adult
    crook, other = ("R", "L") if toward > 0 else ("L", "R")
    yaw = (-90 if toward > 0 else 90) + rng.normal(0, 6)
    adult = Adult.turned(body, rest, heads, _STANDING, rng.uniform(-6, 2), yaw, rng)
    ahead = adult.forward
    hips, neck = infant.joints[11:13].mean(0), infant.joints[5:7].mean(0)
    lower, upper = infant.trunk(-0.2, 0.25), infant.trunk(0.75, 1.1)
    wrist = np.array([*(hips + 0.03 * ahead)[:2], lower[:, 2].min() - 0.025])
    nape = np.array([*(neck + 0.02 * ahead)[:2], upper[:, 2].min() - 0.04])
    along = unit(wrist - nape)
    arms = [heads[body.index[f"{b}.{crook}"]] for b in ("upperarm01", "lowerarm01", "wrist")]
    first, second = (float(np.linalg.norm(arms[i + 1] - arms[i])) for i in (0, 1))
    elbow = wrist - second * along
    back = rng.uniform(0.72, 0.88) * first
    shoulder = elbow - back * ahead + np.sqrt(first**2 - back**2) * UP
    shift = shoulder - adult.shoulder(crook)
    normal = unit(UP - 0.6 * ahead)
    under = infant.against(0.75 * hips + 0.25 * infant.joints[13:15].mean(0) + 0.02 * ahead, UP)
    below = -UP + 0.3 * SIGN[crook] * adult.leftward
    touches = {
        crook: Touch(infant.against(wrist + 0.06 * along, normal), normal, along, below),
        other: Touch(under, UP, unit(ahead - 0.5 * along), -UP + 0.6 * SIGN[other] * adult.leftward),
    }  # fmt: skip
    return _held(infant, adult, shift, touches, limit)


WAYS: dict[str, Way] = {
    "under_the_arms": _under_the_arms,
    "in_the_crook": _in_the_crook,
    "on_the_lap": _on_the_lap,
}


def _at_the_sides(
    infant: Infant, adult: Adult, band: tuple[float, float], rng: np.random.Generator
) -> dict[str, Touch]:
    """Both hands around the trunk at heights within ``band``, 0 at the hips and 1 at the shoulders."""
    low = rng.uniform(band[0], band[1] - 0.2)
    skin, touches = infant.trunk(low, low + 0.2), {}
    for side, sign in SIGN.items():
        outward = sign * perpendicular(adult.leftward, infant.up)
        depth = perpendicular(adult.forward, infant.up)
        edge = skin[skin @ outward > np.percentile(skin @ outward, 90)].mean(0)
        middle = skin.mean(0)
        edge = edge + ((middle - edge) @ depth - 0.02) * depth + 0.006 * outward
        fingers = unit(depth + rng.uniform(0.0, 0.35) * infant.up - 0.1 * outward)
        elbow = -UP + rng.uniform(0.3, 0.9) * sign * adult.leftward
        touches[side] = Touch(edge, -outward, fingers, elbow)
    return touches


def _held(
    infant: Infant, adult: Adult, shift: Floats, touches: dict[str, Touch], limit: float,
    seat: Floats | None = None,
) -> Held:  # fmt: skip
    """Place the hands of an adult who is moved by ``shift`` (3,), and see how well it fits: no further once over ``limit``."""
    flaw = 0.0
    for side, touch in touches.items():
        place = touch.place - shift
        for _ in range(3):
            here = replace(touch, place=place)
            away = lay_hand(adult.body, adult.heads, adult.rotations, side, here)
            skin = adult.hand(side) + shift
            cut = reaches_under(skin, infant.vertices, infant.normals)
            if cut < _PRESSED:
                break
            place = place - (cut - 0.5 * _PRESSED) * touch.normal  # curled fingers need room
        flaw += away + max(0.0, float(np.linalg.norm(place + shift - touch.place)) - _OFF)
        if flaw > limit:
            return Held(skin, adult.forward, seat, flaw)
    vertices = adult.skin() + shift
    cut = reaches_under(vertices, infant.vertices, infant.normals)
    if flaw + cut <= limit:
        normals = vertex_normals(vertices, adult.body.faces)
        cut = max(cut, reaches_under(infant.vertices, vertices, normals))
    return Held(vertices, adult.forward, seat, flaw + cut)
