"""Random poses: joint angles drawn from a posture's ranges, converted to bone rotations.

AngleRanges are degrees. A limb's pose is where its first bone points and which way its joint folds,
so the same angles mean the same pose for every body shape and rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.pose.posture import POSTURES, JointAngles, Posture, draw_angles
from fidip.synth.pose.rotation import about, cross, of_vector, to_vector

LEFT, BACK, UP = np.eye(3)
SIDE_SIGNS = {"L": 1.0, "R": -1.0}
"""Sign of x by side."""
_DRAWS = 8


@dataclass(frozen=True, eq=False)
class Bend:
    """How two bones that share a hinge are placed.

    Attributes:
        aim: (3,) unit direction of the first bone.
        fold: (3,) unit direction, perpendicular to ``aim``, that the second bone turns towards.
        flexion: angle of that turn, degrees.
    """

    aim: Floats
    fold: Floats
    flexion: float


def sample_pose(body: Body, heads: Floats, posture: str, rng: np.random.Generator) -> Floats:
    """Draw a random pose, the one of a few draws whose limbs stay clearest of the body.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        posture: name of a posture.
        rng: random stream.

    Returns:
        (J, 3, 3) world rotations of the bones away from the rest pose.
    """
    best, least = None, np.inf
    kind = POSTURES[posture]
    for _ in range(_DRAWS):
        root = root_rotation(kind, rng)
        rotations = pose_rotations(body, heads, root, draw_angles(kind.angles, rng))
        depth = penetration(body, heads, rotations)
        if depth < least:
            best, least = rotations, depth
        if least == 0.0:
            break
    assert best is not None
    return best


def root_rotation(posture: Posture, rng: np.random.Generator) -> Floats:
    """Draw the (3, 3) rotation of the trunk; the heading on the ground is up to the camera."""
    side, pitch = rng.uniform(*posture.side), rng.uniform(*posture.pitch)
    return trunk_rotation(side, pitch)


def trunk_rotation(side: float, pitch: float) -> Floats:
    """Return the (3, 3) rotation by ``side`` about the trunk's axis, then by ``pitch``, degrees."""
    return about(LEFT, pitch) @ about(UP, side)


def pose_rotations(body: Body, heads: Floats, root: Floats, angles: JointAngles) -> Floats:
    """Convert joint angles to bone rotations.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        root: (3, 3) world rotation of the trunk.
        angles: joint angles, degrees.

    Returns:
        (J, 3, 3) world rotations of the bones away from the rest pose.
    """
    out = np.tile(np.eye(3), (len(body.bones), 1, 1))
    angle = angles.left
    set_bones(out, body, ["root", "pelvis.L", "pelvis.R"], root)
    spine = [f"spine0{number}" for number in (5, 4, 3, 2, 1)]
    bend = _trunk(angle["bend"], angle["lean"], angle["twist"])
    chest = _spread_rotation(out, body, spine, root, bend)
    neck = ["neck01", "neck02", "neck03", "head"]
    _spread_rotation(out, body, neck, chest, _trunk(angle["nod"], angle["tilt"], angle["turn"]))
    for side, limb in (("L", angles.left), ("R", angles.right)):
        _arm(out, body, heads, side, chest, limb)
        _leg(out, body, heads, side, root, limb)
    return out


def _arm(
    out: Floats, body: Body, heads: Floats, side: str, chest: Floats, angle: dict[str, float]
) -> None:
    sign = SIDE_SIGNS[side]
    shrug = about(BACK, -sign * 0.3 * max(0.0, angle["raise_"] - 50.0))
    set_bones(out, body, [f"clavicle.{side}"], chest @ shrug)
    raise_, reach = np.deg2rad([angle["raise_"], angle["reach"]])
    outward = np.cos(reach) * sign * LEFT - np.sin(reach) * BACK
    aim = np.sin(raise_) * outward - np.cos(raise_) * UP
    fold = perpendicular(-BACK + 0.6 * UP - 0.5 * sign * LEFT, aim)
    fold = about(aim, sign * angle["roll"]) @ fold
    bones = (f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}")
    bend = Bend(chest @ aim, chest @ fold, angle["elbow"])
    upper, lower = hinge(body, heads, bones, bend, -BACK)
    set_bones(out, body, [f"shoulder01.{side}"], between(chest @ shrug, upper, 0.4))
    set_bones(out, body, [f"upperarm01.{side}", f"upperarm02.{side}"], upper)
    set_bones(out, body, [f"lowerarm01.{side}"], lower)
    along = direction(body, heads, f"lowerarm01.{side}", f"wrist.{side}")
    for bone, fraction in ((f"lowerarm02.{side}", 0.5), (f"wrist.{side}", 1.0)):
        set_bones(out, body, [bone], lower @ about(along, sign * fraction * angle["pronate"]))


def _leg(
    out: Floats, body: Body, heads: Floats, side: str, root: Floats, angle: dict[str, float]
) -> None:
    sign = SIDE_SIGNS[side]
    thigh = about(LEFT, -angle["flex"]) @ about(BACK, -sign * angle["spread"])
    thigh = thigh @ about(UP, sign * angle["rotate"])
    bones = (f"upperleg01.{side}", f"lowerleg01.{side}", f"foot.{side}")
    bend = Bend(root @ thigh @ -UP, root @ thigh @ BACK, angle["knee"])
    upper, lower = hinge(body, heads, bones, bend, BACK)
    set_bones(out, body, [f"upperleg01.{side}", f"upperleg02.{side}"], upper)
    set_bones(out, body, [f"lowerleg01.{side}", f"lowerleg02.{side}"], lower)
    set_bones(out, body, [f"foot.{side}"], lower @ about(LEFT, angle["ankle"]))


def hinge(
    body: Body, heads: Floats, bones: tuple[str, str, str], bend: Bend, habit: Floats
) -> tuple[Floats, Floats]:
    """Return the world rotations of two bones that are joined by a hinge.

    The rest pose gives the frame in which the joint is already slightly folded.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        bones: names of the two bones and of the one after them.
        bend: where the bones point.
        habit: (3,) direction in which a joint folds that is straight in the rest pose.

    Returns:
        The (3, 3) rotations of the first and of the second bone.
    """
    first, second, end = bones
    rest_aim = direction(body, heads, first, second)
    rest_second = direction(body, heads, second, end)
    if body.is_straight:
        rest_fold = perpendicular(habit, rest_aim)
        folded = np.arctan2(rest_second @ rest_fold, rest_second @ rest_aim)
    else:
        rest_fold = perpendicular(rest_second, rest_aim)
        folded = np.arccos(np.clip(rest_aim @ rest_second, -1, 1))
    rest_frame, frame = frame_of(rest_aim, rest_fold), frame_of(bend.aim, bend.fold)
    # the frame's third axis is the hinge
    folding = about(UP, bend.flexion - float(np.rad2deg(folded)))
    return frame @ rest_frame.T, frame @ folding @ rest_frame.T


def _spread_rotation(
    out: Floats, body: Body, bones: list[str], start: Floats, total: Floats
) -> Floats:
    """Spread a rotation evenly over consecutive bones; return the last one's world rotation."""
    step = of_vector(to_vector(total) / len(bones))
    for bone in bones:
        start = start @ step
        set_bones(out, body, [bone], start)
    return start


def _trunk(forward: float, left: float, turn: float) -> Floats:
    return about(LEFT, forward) @ about(BACK, left) @ about(UP, turn)


def set_bones(out: Floats, body: Body, bones: list[str], rotation: Floats) -> None:
    """Set the rotations of named bones in ``out`` (J, 3, 3)."""
    for bone in bones:
        out[body.index[bone]] = rotation


def direction(body: Body, heads: Floats, start: str, end: str) -> Floats:
    """Return the (3,) unit vector from one bone's head to another's."""
    return unit(heads[body.index[end]] - heads[body.index[start]])


def between(start: Floats, end: Floats, fraction: float) -> Floats:
    """Return the rotation (3, 3) at a fraction of the way from ``start`` to ``end``."""
    matrix: Floats = of_vector(fraction * to_vector(end @ start.T)) @ start
    return matrix


def frame_of(first: Floats, second: Floats) -> Floats:
    """Return the (3, 3) matrix whose columns are two unit vectors and their cross product."""
    return np.stack([first, second, cross(first, second)], axis=1)


def perpendicular(vector: Floats, axis: Floats) -> Floats:
    """Return the (3,) unit vector of the part of ``vector`` that is perpendicular to ``axis``.

    Example:
        >>> perpendicular(np.array([3.0, 4.0, 0.0]), np.array([1.0, 0.0, 0.0])).tolist()
        [0.0, 1.0, 0.0]
    """
    return unit(vector - (vector @ axis) * axis)


def unit(vector: Floats) -> Floats:
    """Return a vector (3,) scaled to length 1.

    Example:
        >>> unit(np.array([3.0, 0.0, 4.0])).tolist()
        [0.6, 0.0, 0.8]
    """
    length_one: Floats = vector / np.sqrt(vector.dot(vector))
    return length_one


_Spheres = tuple[tuple[str, str, float, float], ...]
"""Spheres on a line from a bone's head to another's.

Each has the two bones, the fraction of the way, and the radius as a fraction of the trunk's length.
"""
_TRUNK_SPHERES: _Spheres = (
    ("spine05", "spine01", 0.0, 0.20),
    ("spine05", "spine01", 0.35, 0.20),
    ("spine05", "spine01", 0.7, 0.21),
    ("spine01", "neck01", 0.2, 0.21),
    ("head", "neck03", -1.6, 0.30),
)
_LIMB_SPHERES: _Spheres = tuple(
    (f"{start}.{side}", f"{end}.{side}", fraction, radius)
    for side in "LR"
    for start, end, fraction, radius in (
        ("lowerarm01", "wrist", 0.4, 0.07),
        ("lowerarm01", "wrist", 1.0, 0.06),
        ("lowerarm01", "wrist", 1.45, 0.08),
        ("lowerleg01", "foot", 0.05, 0.10),
        ("lowerleg01", "foot", 0.5, 0.10),
        ("lowerleg01", "foot", 1.05, 0.08),
    )
)


def _placed_spheres(body: Body, joints: Floats, spheres: _Spheres) -> tuple[Floats, Floats]:
    """Return centres (N, 3) and radii (N,) of spheres for bone heads (J, 3), metres."""
    starts = joints[[body.index[s[0]] for s in spheres]]
    ends = joints[[body.index[s[1]] for s in spheres]]
    fraction, radius = np.array([s[2:] for s in spheres]).T
    length = np.linalg.norm(joints[body.index["spine01"]] - joints[body.index["root"]])
    return starts + fraction[:, None] * (ends - starts), radius * length


def penetration(body: Body, heads: Floats, rotations: Floats) -> float:
    """Return how deep limbs cut into the trunk, the head and the other side's limbs.

    Limbs and trunk are approximated by spheres.

    Args:
        body: the body.
        heads: (J, 3) rest bone heads, metres.
        rotations: (J, 3, 3) world rotations of the bones.

    Returns:
        Sum of the depths over all pairs of spheres, metres.
    """
    turn, shift = body.transforms(heads, rotations)
    joints = np.einsum("jik,jk->ji", turn, heads) + shift
    trunk, trunk_radius = _placed_spheres(body, joints, _TRUNK_SPHERES)
    limbs, limb_radius = _placed_spheres(body, joints, _LIMB_SPHERES)
    into_trunk = limb_radius[:, None] + trunk_radius - _distances(limbs, trunk)
    half = len(limbs) // 2
    across = limb_radius[:half, None] + limb_radius[half:] - _distances(limbs[:half], limbs[half:])
    return float(np.clip(into_trunk, 0, None).sum() + np.clip(across, 0, None).sum())


def _distances(a: Floats, b: Floats) -> Floats:
    distance: Floats = np.linalg.norm(a[:, None] - b, axis=-1)
    return distance
