"""Inverse kinematics of arms: the shoulder and elbow that put a hand at a target."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.joint_angles import (
    UP,
    Bend,
    between,
    direction,
    frame_of,
    hinge,
    perpendicular,
    set_bones,
    unit,
)
from fidip.synth.pose.rotation import about, to_vector

_STRETCH = 0.985  # longest reach as a fraction of the arm's length: the elbow stays slightly bent
_SETTLED = 0.9999  # cosine between the forearm's directions in consecutive iterations
_BEND_DEG = 65.0  # largest angle between hand and forearm


@dataclass(frozen=True, eq=False)
class HandTarget:
    """Where a hand goes and how it is oriented.

    Attributes:
        place: (3,) position of the middle of the palm, metres.
        normal: (3,) direction that the palm faces.
        fingers: (3,) direction that the fingers point in.
        elbow: (3,) direction in which the elbow bends outwards.
    """

    place: Floats
    normal: Floats
    fingers: Floats
    elbow: Floats


@dataclass(frozen=True, eq=False)
class _Palm:
    """A hand in the rest pose.

    Attributes:
        fingers, normal: (3,) axes of the hand.
        middle: (3,) middle of the palm's skin relative to the wrist, metres.
        forearm: length of the forearm, metres.
    """

    fingers: Floats
    normal: Floats
    middle: Floats
    forearm: float


@lru_cache(maxsize=4)
def _palm(body: Body, side: str) -> _Palm:
    """Measure the palm of the mean adult: the hand's longest axis and its shortest one.

    Closing the fingers moves them to the side that the palm faces, which gives the normal its sign.
    """
    rest, heads = body.rest("adult", np.zeros(8))
    hands, wrist = body.hands["adult"], heads[body.index[f"wrist.{side}"]]
    opened, closing = rest.copy(), np.zeros_like(rest)
    opened[hands.vertices] += hands.open
    closing[hands.vertices] = -hands.open
    hand = body.weight_of(f"wrist.{side}") > 0.9
    points = opened[hand] - wrist
    _, _, axes = np.linalg.svd(points - points.mean(0), full_matrices=False)
    fingers, normal = axes[0] * np.sign(points.mean(0) @ axes[0]), axes[2]
    normal = normal * np.sign(closing[hand].sum(0) @ normal)
    along = points @ fingers
    middle = points[(along > 0.3 * along.max()) & (along < 0.55 * along.max())]
    skin = np.percentile(middle @ normal, 95)
    center = middle.mean(0)
    middle = center + (skin - center @ normal) * normal
    return _Palm(fingers, normal, middle, body.forearm_length(heads, side))


def joint_position(body: Body, heads: Floats, rotations: Floats, bone: str) -> Floats:
    """Return the (3,) head of a bone in a posed body whose root is at the origin, metres.

    Example:
        >>> from fidip.synth.body.body_model import default_body
        >>> body = default_body()
        >>> _, heads = body.rest("adult", np.zeros(8))
        >>> turned = np.tile(np.diag([-1.0, -1.0, 1.0]), (len(body.bones), 1, 1))  # half a turn
        >>> wrist = heads[body.index["wrist.L"]]
        >>> (joint_position(body, heads, turned, "wrist.L") / wrist).round(6).tolist()
        [-1.0, -1.0, 1.0]
    """
    index, place = body.index[bone], np.zeros(3)
    while body.parents[index] >= 0:
        parent = int(body.parents[index])
        place = place + rotations[parent] @ (heads[index] - heads[parent])
        index = parent
    return place + heads[index]


def place_hand(
    body: Body, heads: Floats, rotations: Floats, side: str, target: HandTarget
) -> float:
    """Turn the bones of an arm until its palm is at a target.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        rotations: (J, 3, 3) world rotations, changed in place.
        side: "L" or "R".
        target: where the palm goes.

    Returns:
        Distance between palm and target, metres; 0 where the arm is long enough.
    """
    palm = _palm(body, side)
    size = body.forearm_length(heads, side) / palm.forearm
    chest = rotations[body.index[f"clavicle.{side}"]]
    gap = 0.0
    before, forearm = np.zeros(3), target.fingers
    bone = f"shoulder01.{side}"
    root, socket = body.index[bone], joint_position(body, heads, rotations, bone)
    upper_arm = heads[body.index[f"upperarm01.{side}"]] - heads[root]
    for _ in range(3):  # the shoulder moves with the arm, and the hand with the forearm
        if before @ forearm > _SETTLED:
            break
        before, hand = forearm, _hand_rotation(palm, target, forearm)
        wrist = target.place - size * hand @ palm.middle
        offset = wrist - (socket + rotations[root] @ upper_arm)
        upper, lower, forearm, gap = _two_bones(body, heads, side, offset, target.elbow)
        set_bones(rotations, body, [bone], between(chest, upper, 0.4))
        set_bones(rotations, body, [f"upperarm01.{side}", f"upperarm02.{side}"], upper)
        set_bones(rotations, body, [f"lowerarm01.{side}"], lower)
        along = direction(body, heads, f"lowerarm01.{side}", f"wrist.{side}")
        twist = float(np.rad2deg(to_vector(lower.T @ hand) @ along))
        set_bones(rotations, body, [f"lowerarm02.{side}"], lower @ about(along, 0.5 * twist))
        set_bones(rotations, body, [f"wrist.{side}"], hand)
    return gap


def _hand_rotation(palm: _Palm, target: HandTarget, forearm: Floats) -> Floats:
    """Return the hand's (3, 3) rotation from rest, its angle to the forearm limited."""
    fingers = perpendicular(target.fingers, target.normal)
    bend = np.rad2deg(np.arccos(np.clip(fingers @ forearm, -1, 1)))
    if bend > _BEND_DEG:
        fraction = _BEND_DEG / bend
        fingers = unit(fraction * fingers + (1 - fraction) * forearm)
    normal = perpendicular(target.normal, fingers)
    rest = frame_of(palm.fingers, perpendicular(palm.normal, palm.fingers))
    return frame_of(fingers, normal) @ rest.T


def _two_bones(
    body: Body, heads: Floats, side: str, offset: Floats, elbow: Floats
) -> tuple[Floats, Floats, Floats, float]:
    """Solve for the upper arm and forearm whose wrist is at ``offset`` (3,) from the shoulder.

    Returns:
        World rotations (3, 3) of upper arm and forearm, the forearm's direction (3,), and the
        distance that is out of reach, metres.
    """
    names = (f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}")
    a, b, c = (heads[body.index[name]] for name in names)
    first, second = float(np.linalg.norm(b - a)), float(np.linalg.norm(c - b))
    far = float(np.linalg.norm(offset))
    near = np.clip(far, abs(first - second) + 0.03, _STRETCH * (first + second))
    straight = offset / far
    cosine = (first**2 + near**2 - second**2) / (2 * first * near)
    aside = perpendicular(elbow, straight)
    bend = first * (cosine * straight + np.sqrt(1 - cosine**2) * aside)
    upper, lower = unit(bend), unit(near * straight - bend)
    flexion = float(np.rad2deg(np.arccos(np.clip(upper @ lower, -1, 1))))
    folded = Bend(upper, perpendicular(lower, upper), flexion)
    first_turn, second_turn = hinge(body, heads, names, folded, -UP)
    return first_turn, second_turn, lower, float(max(0.0, far - near))
