"""Poses of an adult who holds an infant: under the arms, in the crook of an arm, or on the lap.

The infant is posed first; the adult is fitted to it. Positions are metres in the infant's frame: z
is up and the infant faces -y unless it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body, RestShape
from fidip.synth.pose.collision import depth_under
from fidip.synth.pose.ik import HandTarget, joint_position, place_hand
from fidip.synth.pose.joint_angles import (
    SIDE_SIGNS,
    UP,
    perpendicular,
    pose_rotations,
    trunk_rotation,
    unit,
)
from fidip.synth.pose.posture import AngleRanges, draw_angles
from fidip.synth.pose.rotation import about
from fidip.synth.render.mesh import vertex_normals

_STANDING = AngleRanges(
    bend=(-4, 10), lean=(-5, 5), twist=(-6, 6), nod=(5, 28), turn=(-15, 15),
    raise_=(35, 50), reach=(60, 85), elbow=(60, 90), pronate=(0, 0),
    flex=(-6, 8), spread=(1, 9), rotate=(0, 15), knee=(0, 10), ankle=(-5, 5),
)  # fmt: skip
_SEATED = AngleRanges(
    bend=(2, 16), lean=(-4, 4), twist=(-5, 5), nod=(8, 32), turn=(-12, 12),
    raise_=(35, 50), reach=(60, 85), elbow=(60, 90), pronate=(0, 0),
    flex=(86, 93), spread=(0, 7), rotate=(0, 8), knee=(72, 95), ankle=(-5, 5),
)  # fmt: skip
_ATTEMPTS = 5
_PRESSED = 0.008  # metres by which a hand may press into soft skin
_OFF = 0.02  # metres by which a palm may move away from the skin to make room for its fingers
_GOOD_ENOUGH = 0.016  # metres of misfit below which no further attempt is made


@dataclass(frozen=True, eq=False)
class Infant:
    """A posed infant and the axes of its trunk.

    Attributes:
        body: the infant's body.
        vertices: (V, 3) posed skin, metres.
        joints: (17, 3) keypoints, metres.
        normals: (V, 3) unit normals of the skin.
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
    def from_vertices(cls, body: Body, vertices: Floats) -> Infant:
        """Measure the trunk of posed vertices (V, 3), metres."""
        joints = body.keypoints(vertices)
        up = unit(joints[5:7].mean(0) - joints[11:13].mean(0))
        left = perpendicular(joints[5] - joints[6] + joints[11] - joints[12], up)
        normals = vertex_normals(vertices, body.faces)
        return cls(body, vertices, joints, normals, up, left, np.cross(left, up))

    def trunk(self, low: float, high: float) -> Floats:
        """Return the (N, 3) skin of the trunk between two heights: 0 at hips, 1 at shoulders."""
        skin, height = self._trunk
        return skin[(height > low) & (height < high)]

    @cached_property
    def _trunk(self) -> tuple[Floats, Floats]:
        """The (N, 3) skin of the trunk and its (N,) height."""
        hips, neck = self.joints[11:13].mean(0), self.joints[5:7].mean(0)
        skin = self.vertices[self.body.weight_of("spine", "root", "pelvis") > 0.75]
        return skin, (skin - hips) @ self.up / np.linalg.norm(neck - hips)

    def against(self, place: Floats, normal: Floats) -> Floats:
        """Return the (3,) point where a palm that moves along its normal meets trunk or thighs."""
        mine = self.body.weight_of("spine", "root", "pelvis", "upperleg") > 0.6
        away = self.vertices[mine] - place
        height = away @ normal
        near = np.linalg.norm(away - height[:, None] * normal, axis=1) < 0.04
        met: Floats = place + (height[near].min(initial=0.1) - 0.004) * normal
        return met


@dataclass(frozen=True, eq=False)
class Adult:
    """An adult whose trunk and legs are posed and whose arms are still to be placed.

    Attributes:
        rest: body and rest shape, the hands opened.
        rotations: (J, 3, 3) world rotations of the bones; those of the arms change.
        forward: (3,) horizontal direction that the adult faces.
    """

    rest: RestShape
    rotations: Floats
    forward: Floats

    @classmethod
    def turned(
        cls,
        rest: RestShape,
        ranges: AngleRanges,
        pitch: float,
        yaw: float,
        rng: np.random.Generator,
    ) -> Adult:
        """Pose an adult who faces -y, turned by ``yaw`` and tipped by ``pitch``, degrees."""
        root = about(UP, yaw) @ trunk_rotation(0.0, pitch)
        rotations = pose_rotations(rest.body, rest.heads, root, draw_angles(ranges, rng))
        return cls(rest, rotations, about(UP, yaw) @ np.array([0.0, -1.0, 0.0]))

    @property
    def leftward(self) -> Floats:
        """(3,) horizontal direction to the adult's left."""
        left: Floats = np.cross(self.forward, -UP)
        return left

    def shoulder(self, side: str) -> Floats:
        """Return the (3,) position of a shoulder, metres."""
        return self._joint(f"upperarm01.{side}")

    def skin(self) -> Floats:
        """Return the (V, 3) posed vertices, metres."""
        return self.rest.pose(self.rotations)

    def hand(self, side: str) -> Floats:
        """Return the (N, 3) posed skin of a hand, metres."""
        bone = self.rest.body.index[f"wrist.{side}"]
        rows = _hand(self.rest.body, side)
        mine = self.rest.vertices.take(rows, 0) - self.rest.heads[bone]
        skin: Floats = mine @ self.rotations[bone].T + self._joint(f"wrist.{side}")
        return skin

    def part(self, posed: Floats, *bones: str) -> Floats:
        """Return those of the posed vertices (V, 3) that move with bones."""
        mine: Floats = posed[self.rest.body.weight_of(*bones) > 0.8]
        return mine

    def place_hand(self, side: str, target: HandTarget) -> float:
        """Turn an arm until its palm is at a target; return the distance that is left, metres."""
        return place_hand(self.rest.body, self.rest.heads, self.rotations, side, target)

    def _joint(self, bone: str) -> Floats:
        return joint_position(self.rest.body, self.rest.heads, self.rotations, bone)


@lru_cache(maxsize=8)
def _hand(body: Body, side: str) -> NDArray[np.intp]:
    return np.flatnonzero(body.weight_of(f"wrist.{side}") > 0.8)


@dataclass(frozen=True, eq=False)
class HoldingPose:
    """A posed adult who holds the infant.

    Attributes:
        vertices: (V, 3) of the adult, metres; only a hand's if ``misfit`` exceeds the limit.
        forward: (3,) horizontal direction that the adult faces.
        seat: (3,) underside of a sitting adult, metres; None for one who stands.
        misfit: metres by which hands miss their targets and bodies cut into each other.
    """

    vertices: Floats
    forward: Floats
    seat: Floats | None
    misfit: float


_Way = Callable[[Infant, RestShape, float, np.random.Generator], HoldingPose]
"""Fits an adult to an infant; the third argument is the misfit over which it may stop."""


def fit_adult(way: str, infant: Infant, rest: RestShape, rng: np.random.Generator) -> HoldingPose:
    """Pose an adult who holds an infant: the best fit of a few draws.

    Args:
        way: one of ``WAYS``.
        infant: the posed infant.
        rest: the adult.
        rng: random stream.
    """
    best = WAYS[way](infant, rest, np.inf, rng)
    for _ in range(_ATTEMPTS - 1):
        if best.misfit < _GOOD_ENOUGH:
            break
        other = WAYS[way](infant, rest, best.misfit, rng)
        best = min(best, other, key=lambda pose: pose.misfit)
    return best


def _under_the_arms(
    infant: Infant, rest: RestShape, limit: float, rng: np.random.Generator
) -> HoldingPose:
    """Hold the infant up by the chest, facing the adult or away."""
    behind = rng.random() < 0.6
    yaw = rng.normal(0, 6) + (0 if behind else 180)
    adult = Adult.turned(rest, _STANDING, rng.uniform(-3, 8), yaw, rng)
    targets = _at_the_sides(infant, adult, (0.5, 0.8), rng)
    hands = np.mean([target.place for target in targets.values()], axis=0)
    shoulders = hands - rng.uniform(0.33, 0.42) * adult.forward + rng.uniform(0.0, 0.2) * UP
    shift = shoulders - (adult.shoulder("L") + adult.shoulder("R")) / 2
    return _with_hands(infant, adult, shift, targets, limit)


def _on_the_lap(
    infant: Infant, rest: RestShape, limit: float, rng: np.random.Generator
) -> HoldingPose:
    """Seat the infant on the thighs, its back to the adult."""
    adult = Adult.turned(rest, _SEATED, rng.uniform(-8, 2), rng.normal(0, 6), rng)
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
    targets = _at_the_sides(infant, adult, (0.2, 0.55), rng)
    seat = np.array([0.0, 0.0, thighs[:, 2].min()]) + shift
    return _with_hands(infant, adult, shift, targets, limit, seat)


def _in_the_crook(
    infant: Infant, rest: RestShape, limit: float, rng: np.random.Generator
) -> HoldingPose:
    """Lay the infant along a forearm, the head at the elbow; the other hand is under the bottom."""
    toward = 1.0 if infant.front[0] > 0 else -1.0  # the belly is turned to the adult
    crook, other = ("R", "L") if toward > 0 else ("L", "R")
    yaw = (-90 if toward > 0 else 90) + rng.normal(0, 6)
    adult = Adult.turned(rest, _STANDING, rng.uniform(-6, 2), yaw, rng)
    ahead = adult.forward
    hips, neck = infant.joints[11:13].mean(0), infant.joints[5:7].mean(0)
    lower, upper = infant.trunk(-0.2, 0.25), infant.trunk(0.75, 1.1)
    wrist = np.array([*(hips + 0.03 * ahead)[:2], lower[:, 2].min() - 0.025])
    nape = np.array([*(neck + 0.02 * ahead)[:2], upper[:, 2].min() - 0.04])
    along = unit(wrist - nape)
    chain = ("upperarm01", "lowerarm01", "wrist")
    arms = [rest.heads[rest.body.index[f"{bone}.{crook}"]] for bone in chain]
    first, second = (float(np.linalg.norm(arms[i + 1] - arms[i])) for i in (0, 1))
    elbow = wrist - second * along
    back = rng.uniform(0.72, 0.88) * first
    shoulder = elbow - back * ahead + np.sqrt(first**2 - back**2) * UP
    shift = shoulder - adult.shoulder(crook)
    normal = unit(UP - 0.6 * ahead)
    under = infant.against(0.75 * hips + 0.25 * infant.joints[13:15].mean(0) + 0.02 * ahead, UP)
    below = -UP + 0.3 * SIDE_SIGNS[crook] * adult.leftward
    outward = -UP + 0.6 * SIDE_SIGNS[other] * adult.leftward
    place = infant.against(wrist + 0.06 * along, normal)
    targets = {
        crook: HandTarget(place, normal, along, below),
        other: HandTarget(under, UP, unit(ahead - 0.5 * along), outward),
    }
    return _with_hands(infant, adult, shift, targets, limit)


WAYS: dict[str, _Way] = {
    "under_the_arms": _under_the_arms,
    "in_the_crook": _in_the_crook,
    "on_the_lap": _on_the_lap,
}
"""Ways to hold an infant, by name."""


def _at_the_sides(
    infant: Infant, adult: Adult, band: tuple[float, float], rng: np.random.Generator
) -> dict[str, HandTarget]:
    """Place both hands around the trunk; ``band`` is 0 at the hips and 1 at the shoulders."""
    low = rng.uniform(band[0], band[1] - 0.2)
    skin, targets = infant.trunk(low, low + 0.2), {}
    for side, sign in SIDE_SIGNS.items():
        outward = sign * perpendicular(adult.leftward, infant.up)
        depth = perpendicular(adult.forward, infant.up)
        edge = skin[skin @ outward > np.percentile(skin @ outward, 90)].mean(0)
        middle = skin.mean(0)
        edge = edge + ((middle - edge) @ depth - 0.02) * depth + 0.006 * outward
        fingers = unit(depth + rng.uniform(0.0, 0.35) * infant.up - 0.1 * outward)
        elbow = -UP + rng.uniform(0.3, 0.9) * sign * adult.leftward
        targets[side] = HandTarget(edge, -outward, fingers, elbow)
    return targets


def _with_hands(
    infant: Infant,
    adult: Adult,
    shift: Floats,
    targets: dict[str, HandTarget],
    limit: float,
    seat: Floats | None = None,
) -> HoldingPose:
    """Place the hands of an adult who is moved by ``shift`` (3,), and measure the misfit.

    Stops once the misfit exceeds ``limit``.
    """
    misfit = 0.0
    for side, target in targets.items():
        place = target.place - shift
        for _ in range(3):
            away = adult.place_hand(side, replace(target, place=place))
            skin = adult.hand(side) + shift
            cut = depth_under(skin, infant.vertices, infant.normals)
            if cut < _PRESSED:
                break
            place = place - (cut - 0.5 * _PRESSED) * target.normal  # curled fingers need room
        off = float(np.linalg.norm(place + shift - target.place))
        misfit += away + max(0.0, off - _OFF)
        if misfit > limit:
            return HoldingPose(skin, adult.forward, seat, misfit)
    vertices = adult.skin() + shift
    cut = depth_under(vertices, infant.vertices, infant.normals)
    if misfit + cut <= limit:
        normals = vertex_normals(vertices, adult.rest.body.faces)
        cut = max(cut, depth_under(infant.vertices, vertices, normals))
    return HoldingPose(vertices, adult.forward, seat, misfit + cut)
