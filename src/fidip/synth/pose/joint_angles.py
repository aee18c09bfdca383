"""Poses of infants and adults: joint angles, drawn from a posture's ranges, turned into bone rotations.

Angles are degrees. Limbs are aimed: the pose says where a bone points and which way its joint folds, so that the same
angles mean the same thing for every body shape, whatever its rest pose.
"""

from __future__ import annotations

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.posture import POSTURES, Drawn, Posture, draw_angles
from fidip.synth.pose.rotation import about, cross, of_vector, to_vector

LEFT, BACK, UP = np.eye(3)
SIDES = (("L", 1.0), ("R", -1.0))


def sample_pose(body: Body, heads: Floats, posture: str, rng: np.random.Generator) -> Floats:
    """(J, 3, 3) world rotations of a random pose for a body with rest bone heads (J, 3), metres.

    The pose whose limbs stay clearest of the trunk, the head and each other among a few draws.
    """
    best, least = None, np.inf
    for _ in range(8):
        rotations = pose_rotations(
            body,
            heads,
            root_rotation(POSTURES[posture], rng),
            draw_angles(POSTURES[posture].angles, rng),
        )
        depth = penetration(body, heads, rotations)
        if depth < least:
            best, least = rotations, depth
        if least == 0.0:
            break
    assert best is not None
    return best


def root_rotation(posture: Posture, rng: np.random.Generator) -> Floats:
    """(3, 3) rotation of the trunk; heading on the ground and view belong to the camera."""
    side, pitch = rng.uniform(*posture.side), rng.uniform(*posture.pitch)
    return trunk_rotation(side, pitch)


def trunk_rotation(side: float, pitch: float) -> Floats:
    """(3, 3) rotation of a trunk turned about its own axis by ``side``, then tipped by ``pitch``, degrees."""
    return about(LEFT, pitch) @ about(UP, side)


def pose_rotations(body: Body, heads: Floats, root: Floats, drawn: Drawn) -> Floats:
    """(J, 3, 3) world rotations of all bones for joint angles."""
    out = np.tile(np.eye(3), (len(body.bones), 1, 1))
    angle = drawn.left
    set_bones(out, body, ["root", "pelvis.L", "pelvis.R"], root)
    chest = _chain(
        out, body, ["spine05", "spine04", "spine03", "spine02", "spine01"], root,
        _trunk(angle["bend"], angle["lean"], angle["twist"]),
    )  # fmt: skip
    _chain(
        out, body, ["neck01", "neck02", "neck03", "head"], chest,
        _trunk(angle["nod"], angle["tilt"], angle["turn"]),
    )  # fmt: skip
    for (side, sign), limb in zip(SIDES, (drawn.left, drawn.right), strict=True):
        _arm(out, body, heads, side, sign, chest, limb)
        _leg(out, body, heads, side, sign, root, limb)
    return out


def _arm(
    out: Floats,
    body: Body,
    heads: Floats,
    side: str,
    sign: float,
    chest: Floats,
    a: dict[str, float],
) -> None:
    shrug = about(BACK, -sign * 0.3 * max(0.0, a["raise_"] - 50.0))
    set_bones(out, body, [f"clavicle.{side}"], chest @ shrug)
    raise_, reach = np.deg2rad([a["raise_"], a["reach"]])
    outward = np.cos(reach) * sign * LEFT - np.sin(reach) * BACK
    aim = np.sin(raise_) * outward - np.cos(raise_) * UP
    fold = perpendicular(-BACK + 0.6 * UP - 0.5 * sign * LEFT, aim)
    fold = about(aim, sign * a["roll"]) @ fold
    upper, lower = hinge(
        body, heads, f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}",
        chest @ aim, chest @ fold, a["elbow"], -BACK,
    )  # fmt: skip
    set_bones(out, body, [f"shoulder01.{side}"], between(chest @ shrug, upper, 0.4))
    set_bones(out, body, [f"upperarm01.{side}", f"upperarm02.{side}"], upper)
    set_bones(out, body, [f"lowerarm01.{side}"], lower)
    along = direction(body, heads, f"lowerarm01.{side}", f"wrist.{side}")
    for bone, share in ((f"lowerarm02.{side}", 0.5), (f"wrist.{side}", 1.0)):
        set_bones(out, body, [bone], lower @ about(along, sign * share * a["pronate"]))


def _leg(
    out: Floats,
    body: Body,
    heads: Floats,
    side: str,
    sign: float,
    root: Floats,
    a: dict[str, float],
) -> None:
    thigh = (
        about(LEFT, -a["flex"]) @ about(BACK, -sign * a["spread"]) @ about(UP, sign * a["rotate"])
    )
    upper, lower = hinge(
        body, heads, f"upperleg01.{side}", f"lowerleg01.{side}", f"foot.{side}",
        root @ thigh @ -UP, root @ thigh @ BACK, a["knee"], BACK,
    )  # fmt: skip
    set_bones(out, body, [f"upperleg01.{side}", f"upperleg02.{side}"], upper)
    set_bones(out, body, [f"lowerleg01.{side}", f"lowerleg02.{side}"], lower)
    set_bones(out, body, [f"foot.{side}"], lower @ about(LEFT, a["ankle"]))


def hinge(
    body: Body,
    heads: Floats,
    first: str,
    second: str,
    end: str,
    aim: Floats,
    fold: Floats,
    flexion: float,
    habit: Floats,
) -> tuple[Floats, Floats]:
    """World rotations of two bones joined by a hinge.

    The first points along ``aim``; the second is turned from it towards ``fold`` by ``flexion``
    degrees. The rest pose gives the frame in which the joint already folds a little; where it is
    straight, the joint folds towards ``habit``.
    """
    rest_aim = direction(body, heads, first, second)
    rest_second = direction(body, heads, second, end)
    if body.is_straight:
        rest_fold = perpendicular(habit, rest_aim)
        rest_flexion = float(
            np.rad2deg(np.arctan2(rest_second @ rest_fold, rest_second @ rest_aim))
        )
    else:
        rest_fold = perpendicular(rest_second, rest_aim)
        rest_flexion = float(np.rad2deg(np.arccos(np.clip(rest_aim @ rest_second, -1, 1))))
    rest_frame, frame = frame_of(rest_aim, rest_fold), frame_of(aim, fold)
    folding = about(UP, flexion - rest_flexion)  # the frame's third axis is the hinge
    return frame @ rest_frame.T, frame @ folding @ rest_frame.T


def _chain(out: Floats, body: Body, bones: list[str], start: Floats, total: Floats) -> Floats:
    """Share a rotation evenly among consecutive bones; returns the last one's world rotation."""
    step = of_vector(to_vector(total) / len(bones))
    for bone in bones:
        start = start @ step
        set_bones(out, body, [bone], start)
    return start


def _trunk(forward: float, left: float, turn: float) -> Floats:
    return about(LEFT, forward) @ about(BACK, left) @ about(UP, turn)


def set_bones(out: Floats, body: Body, bones: list[str], rotation: Floats) -> None:
    for bone in bones:
        out[body.index[bone]] = rotation


def direction(body: Body, heads: Floats, start: str, end: str) -> Floats:
    return unit(heads[body.index[end]] - heads[body.index[start]])


def between(start: Floats, end: Floats, share: float) -> Floats:
    """The rotation a share of the way from start to end."""
    matrix: Floats = of_vector(share * to_vector(end @ start.T)) @ start
    return matrix


def frame_of(first: Floats, second: Floats) -> Floats:
    return np.stack([first, second, cross(first, second)], axis=1)


def perpendicular(vector: Floats, axis: Floats) -> Floats:
    return unit(vector - (vector @ axis) * axis)


def unit(vector: Floats) -> Floats:
    length_one: Floats = vector / np.sqrt(vector.dot(vector))
    return length_one


# Bones as spheres along the line from their head towards another bone's head: (bone, towards, share
# of the way, radius as a share of the shoulder-to-hip distance).
_TRUNK_SPHERES = (
    ("spine05", "spine01", 0.0, 0.20), ("spine05", "spine01", 0.35, 0.20), ("spine05", "spine01", 0.7, 0.21),
    ("spine01", "neck01", 0.2, 0.21), ("head", "neck03", -1.6, 0.30),
)  # fmt: skip
_LIMB_SPHERES = tuple(
    sphere
    for side in "LR"
    for sphere in (
        (f"lowerarm01.{side}", f"wrist.{side}", 0.4, 0.07), (f"lowerarm01.{side}", f"wrist.{side}", 1.0, 0.06),
        (f"lowerarm01.{side}", f"wrist.{side}", 1.45, 0.08), (f"lowerleg01.{side}", f"foot.{side}", 0.05, 0.10),
        (f"lowerleg01.{side}", f"foot.{side}", 0.5, 0.10), (f"lowerleg01.{side}", f"foot.{side}", 1.05, 0.08),
    )
)  # fmt: skip


def _spheres(
    body: Body, joints: Floats, spheres: tuple[tuple[str, str, float, float], ...]
) -> tuple[Floats, Floats]:
    starts = joints[[body.index[s[0]] for s in spheres]]
    ends = joints[[body.index[s[1]] for s in spheres]]
    share, radius = np.array([s[2:] for s in spheres]).T
    length = np.linalg.norm(joints[body.index["spine01"]] - joints[body.index["root"]])
    return starts + share[:, None] * (ends - starts), radius * length


def penetration(body: Body, heads: Floats, rotations: Floats) -> float:
    """How far (metres, summed) limb spheres cut into the trunk, the head and the limbs of the other side."""
    turn, shift = body.transforms(heads, rotations)
    joints = np.einsum("jik,jk->ji", turn, heads) + shift
    trunk, trunk_radius = _spheres(body, joints, _TRUNK_SPHERES)
    limbs, limb_radius = _spheres(body, joints, _LIMB_SPHERES)
    into_trunk = limb_radius[:, None] + trunk_radius - _distances(limbs, trunk)
    half = len(limbs) // 2
    across = limb_radius[:half, None] + limb_radius[half:] - _distances(limbs[:half], limbs[half:])
    return float(np.clip(into_trunk, 0, None).sum() + np.clip(across, 0, None).sum())


def _distances(a: Floats, b: Floats) -> Floats:
    distance: Floats = np.linalg.norm(a[:, None] - b, axis=-1)
    return distance
