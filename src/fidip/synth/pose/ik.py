"""Arms that reach: where a hand lies on something, and the shoulder and elbow that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.joint_angles import (
    UP,
    between,
    direction,
    frame_of,
    hinge,
    perpendicular,
    set_bones,
    unit,
)
from fidip.synth.pose.rotation import about, to_vector

SIGN = {"L": 1.0, "R": -1.0}
_STRETCH = 0.985  # of the arm's length: the elbow stays a little bent
_SETTLED = 0.9999  # cosine of the forearm's turn from one try to the next
_BEND_DEG = 65.0  # the furthest that a hand bends away from the forearm


@dataclass(frozen=True, eq=False)
class Touch:
    """What a hand does: the middle of its palm is at ``place``.

    Attributes:
        place: (3,) metres.
        normal: (3,) which way the palm looks.
        fingers: (3,) which way the fingers point.
        elbow: (3,) which way the elbow goes.
    """

    place: Floats
    normal: Floats
    fingers: Floats
    elbow: Floats


@dataclass(frozen=True, eq=False)
class _Palm:
    """A hand in the rest pose: its axes, the middle of its palm's skin from the wrist, and the forearm's length; metres."""

    fingers: Floats
    normal: Floats
    middle: Floats
    forearm: float


@lru_cache(maxsize=4)
def _palm(body: Body, side: str) -> _Palm:
    """Of the mean adult: the hand's longest and shortest axes; closed fingers are on the palm's side."""
    rest, heads = body.rest("adult", np.zeros(8))
    hands, wrist = body.hands["adult"], heads[body.index[f"wrist.{side}"]]
    opened, closing = rest.copy(), np.zeros_like(rest)
    opened[hands.vertices] += hands.open
    closing[hands.vertices] = -hands.open
    hand = body.share(f"wrist.{side}") > 0.9
    points = opened[hand] - wrist
    _, _, axes = np.linalg.svd(points - points.mean(0), full_matrices=False)
    fingers, normal = axes[0] * np.sign(points.mean(0) @ axes[0]), axes[2]
    normal = normal * np.sign(closing[hand].sum(0) @ normal)
    along = points @ fingers
    middle = points[(along > 0.3 * along.max()) & (along < 0.55 * along.max())]
    skin = np.percentile(middle @ normal, 95)
    center = middle.mean(0)
    middle = center + (skin - center @ normal) * normal
    return _Palm(fingers, normal, middle, _forearm(body, heads, side))


def joint(body: Body, heads: Floats, rotations: Floats, bone: str) -> Floats:
    """(3,) where a bone starts in a posed body whose root is at the origin."""
    index, place = body.index[bone], np.zeros(3)
    while body.parents[index] >= 0:
        parent = int(body.parents[index])
        place = place + rotations[parent] @ (heads[index] - heads[parent])
        index = parent
    return place + heads[index]


def lay_hand(body: Body, heads: Floats, rotations: Floats, side: str, touch: Touch) -> float:
    """Turn the bones of an arm, in (J, 3, 3) world rotations, until its palm is where ``touch`` has it.

    Returns:
        Metres that the palm stays away from there: 0 where the arm is long enough.
    """
    palm = _palm(body, side)
    size = _forearm(body, heads, side) / palm.forearm
    chest = rotations[body.index[f"clavicle.{side}"]]
    away = 0.0
    before, forearm = np.zeros(3), touch.fingers
    root, socket = (
        body.index[f"shoulder01.{side}"],
        joint(body, heads, rotations, f"shoulder01.{side}"),
    )
    bone = heads[body.index[f"upperarm01.{side}"]] - heads[root]
    for _ in range(3):  # the shoulder gives with the arm, and the hand with the forearm
        if before @ forearm > _SETTLED:
            break
        before, hand = forearm, _hand_rotation(palm, touch, forearm)
        wrist = touch.place - size * hand @ palm.middle
        shoulder = socket + rotations[root] @ bone
        upper, lower, forearm, away = _two_bones(body, heads, side, wrist - shoulder, touch.elbow)
        set_bones(rotations, body, [f"shoulder01.{side}"], between(chest, upper, 0.4))
        set_bones(rotations, body, [f"upperarm01.{side}", f"upperarm02.{side}"], upper)
        set_bones(rotations, body, [f"lowerarm01.{side}"], lower)
        along = direction(body, heads, f"lowerarm01.{side}", f"wrist.{side}")
        twist = float(np.rad2deg(to_vector(lower.T @ hand) @ along))
        set_bones(rotations, body, [f"lowerarm02.{side}"], lower @ about(along, 0.5 * twist))
        set_bones(rotations, body, [f"wrist.{side}"], hand)
    return away


def _hand_rotation(palm: _Palm, touch: Touch, forearm: Floats) -> Floats:
    """(3, 3) the hand's rotation from rest: the palm looks as asked, the fingers at most so far from the forearm."""
    fingers = perpendicular(touch.fingers, touch.normal)
    bend = np.rad2deg(np.arccos(np.clip(fingers @ forearm, -1, 1)))
    if bend > _BEND_DEG:
        share = _BEND_DEG / bend
        fingers = unit(share * fingers + (1 - share) * forearm)
    normal = perpendicular(touch.normal, fingers)
    return frame_of(fingers, normal) @ frame_of(palm.fingers, perpendicular(palm.normal, palm.fingers)).T  # fmt: skip


def _two_bones(
    body: Body, heads: Floats, side: str, reach: Floats, elbow: Floats
) -> tuple[Floats, Floats, Floats, float]:
    """Rotations of upper arm and forearm whose wrist is ``reach`` (3,) from the shoulder; the forearm's direction, the gap."""
    names = (f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}")
    a, b, c = (heads[body.index[name]] for name in names)
    first, second = float(np.linalg.norm(b - a)), float(np.linalg.norm(c - b))
    far = float(np.linalg.norm(reach))
    near = np.clip(far, abs(first - second) + 0.03, _STRETCH * (first + second))
    straight = reach / far
    cosine = (first**2 + near**2 - second**2) / (2 * first * near)
    aside = perpendicular(elbow, straight)
    bend = first * (cosine * straight + np.sqrt(1 - cosine**2) * aside)
    upper, lower = unit(bend), unit(near * straight - bend)
    flexion = float(np.rad2deg(np.arccos(np.clip(upper @ lower, -1, 1))))
    first_turn, second_turn = hinge(
        body, heads, *names, upper, perpendicular(lower, upper), flexion, -UP
    )
    return first_turn, second_turn, lower, float(max(0.0, far - near))


def _forearm(body: Body, heads: Floats, side: str) -> float:
    start, end = (heads[body.index[f"{bone}.{side}"]] for bone in ("lowerarm01", "wrist"))
    return float(np.linalg.norm(end - start))
