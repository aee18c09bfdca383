"""Poses of infants and adults: joint angles drawn within limits, turned into bone rotations.

Angles are degrees. A posture is a range for every angle; all ranges lie within ``LIMITS``. Limbs are
aimed: the pose says where a bone points and which way its joint folds, so that the same
angles mean the same thing for every body shape, whatever its rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fidip.synth.body import Body

Floats = NDArray[np.float64]
Range = tuple[float, float]

LEFT, BACK, UP = np.eye(3)
SIDES = (("L", 1.0), ("R", -1.0))


@dataclass(frozen=True)
class Angles:
    """Ranges (or limits) of the angles of a body, in degrees; left and right are drawn separately.

    Attributes:
        bend, lean, twist: the spine forward, to the left, and about its axis, over its whole length.
        nod, tilt, turn: head and neck against the chest: forward, to the left, about the axis.
        raise_: upper arm from hanging (0) over level (90) to overhead (180).
        reach: azimuth of the upper arm: 0 sideways, 90 forwards.
        roll: turn of the elbow's fold about the upper arm, 0 folding forwards and up.
        elbow: flexion of the elbow.
        pronate: turn of the hand about the forearm.
        flex: thigh from straight (0) forwards.
        spread: thigh outwards.
        rotate: thigh about its axis, outwards.
        knee: flexion of the knee.
        ankle: toes away from the shin (plantar flexion).
    """

    bend: Range = (-10, 25)
    lean: Range = (-12, 12)
    twist: Range = (-12, 12)
    nod: Range = (-15, 20)
    tilt: Range = (-15, 15)
    turn: Range = (-45, 45)
    raise_: Range = (10, 120)
    reach: Range = (0, 80)
    roll: Range = (-40, 40)
    elbow: Range = (5, 110)
    pronate: Range = (-50, 50)
    flex: Range = (0, 60)
    spread: Range = (0, 25)
    rotate: Range = (-10, 30)
    knee: Range = (5, 60)
    ankle: Range = (-10, 30)


LIMITS = Angles(
    bend=(-25, 55), lean=(-30, 30), twist=(-35, 35), nod=(-55, 45), tilt=(-35, 35), turn=(-80, 80),
    raise_=(0, 178), reach=(-30, 125), roll=(-80, 80), elbow=(0, 145), pronate=(-80, 80), flex=(-20, 125),
    spread=(-15, 75), rotate=(-30, 70), knee=(0, 145), ankle=(-25, 50),
)  # fmt: skip


@dataclass(frozen=True)
class Posture:
    """A way to lie, sit or stand.

    Attributes:
        label: SyRIP's posture label.
        group: "infant" or "adult".
        pitch: the trunk from upright (0) over face down (90); -90 lies on the back. Degrees.
        side: the trunk about its own axis; 90 lies on the left side once pitched. Degrees.
        angles: ranges of the joint angles.
        weight: share of this posture in its group.
        elevation: of the camera, from level (0) to overhead (90). Degrees.
        facing: standard deviation of the camera's azimuth about the front, degrees; None for any
            azimuth. Photographers look for the face.
    """

    label: str
    group: str
    pitch: Range
    side: Range = (-8, 8)
    angles: Angles = field(default_factory=Angles)
    weight: float = 1.0
    elevation: Range = (-2, 40)
    facing: float | None = None


POSTURES: dict[str, Posture] = {
    "supine": Posture(
        "Supine", "infant", pitch=(-97, -83), side=(-22, 22), weight=5, elevation=(52, 90),
        angles=Angles(
            bend=(-4, 18), nod=(-12, 18), turn=(-50, 50), raise_=(15, 155), reach=(0, 85), roll=(-70, 60),
            elbow=(15, 120), flex=(15, 110), spread=(8, 55), rotate=(0, 50), knee=(10, 115),
        ),
    ),
    "prone": Posture(
        "Prone", "infant", pitch=(78, 92), side=(-8, 8), weight=2.5, elevation=(10, 45), facing=35,
        angles=Angles(
            bend=(-25, 0), nod=(-55, -25), turn=(-40, 40), raise_=(60, 165), reach=(25, 85), roll=(-30, 60),
            elbow=(30, 115), flex=(-5, 40), spread=(8, 50), rotate=(10, 55), knee=(5, 80), ankle=(5, 45),
        ),
    ),
    "side": Posture(
        "Unknown", "infant", pitch=(-98, -82), side=(60, 105), weight=2, elevation=(45, 90),
        angles=Angles(
            bend=(0, 28), nod=(-20, 20), turn=(-35, 35), raise_=(35, 110), reach=(40, 110), roll=(-40, 40),
            elbow=(20, 120), flex=(25, 105), spread=(-8, 20), rotate=(-10, 25), knee=(25, 110),
        ),
    ),
    "sitting": Posture(
        "Sitting", "infant", pitch=(-10, 22), weight=3, elevation=(8, 45), facing=35,
        angles=Angles(
            bend=(5, 32), nod=(-18, 25), turn=(-55, 55), raise_=(10, 95), reach=(20, 95), roll=(-30, 40),
            elbow=(10, 100), flex=(75, 100), spread=(18, 52), rotate=(5, 50), knee=(4, 35),
        ),
    ),
    "all_fours": Posture(
        "All Fours", "infant", pitch=(72, 98), weight=2, elevation=(8, 40), facing=40,
        angles=Angles(
            bend=(-8, 8), lean=(-8, 8), nod=(-52, -22), turn=(-35, 35), raise_=(70, 105), reach=(72, 95),
            roll=(-20, 30), elbow=(2, 30), flex=(65, 105), spread=(2, 25), rotate=(-5, 20), knee=(70, 112),
            ankle=(15, 45),
        ),
    ),
    "adult_standing": Posture(
        "Standing", "adult", pitch=(-6, 10), weight=4,
        angles=Angles(
            raise_=(5, 165), reach=(-15, 95), elbow=(0, 135), flex=(-15, 50), spread=(0, 25), knee=(0, 70),
            turn=(-60, 60),
        ),
    ),
    "adult_moving": Posture(
        "Standing", "adult", pitch=(-15, 45), side=(-30, 30), weight=4,
        angles=Angles(
            bend=(-12, 42), lean=(-22, 22), twist=(-28, 28), nod=(-35, 30), turn=(-60, 60), raise_=(5, 172),
            reach=(-20, 115), roll=(-70, 70), elbow=(0, 140), flex=(-15, 112), spread=(-5, 55),
            rotate=(-15, 45), knee=(0, 125), ankle=(-15, 40),
        ),
    ),
    "adult_sitting": Posture(
        "Sitting", "adult", pitch=(-20, 20), weight=2,
        angles=Angles(
            bend=(-5, 35), raise_=(5, 120), reach=(0, 100), elbow=(5, 130), flex=(60, 110), spread=(0, 45),
            rotate=(-5, 45), knee=(10, 120), turn=(-60, 60),
        ),
    ),
    "adult_lying": Posture(
        "Unknown", "adult", pitch=(-100, -80), side=(-180, 180), weight=3, elevation=(20, 88),
        angles=Angles(
            raise_=(5, 170), reach=(0, 95), roll=(-60, 60), elbow=(0, 135), flex=(-5, 100), spread=(0, 50),
            rotate=(-5, 50), knee=(0, 125), turn=(-65, 65),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """One value for every angle; (left, right) for the limbs, equal for the trunk."""

    left: dict[str, float]
    right: dict[str, float]


def draw_angles(angles: Angles, rng: np.random.Generator) -> Drawn:
    """Uniform draws within the ranges, each side on its own."""
    names = [f.name for f in fields(Angles)]
    low, high = np.array([getattr(angles, name) for name in names], dtype=float).T
    left, right = rng.uniform(low, high), rng.uniform(low, high)
    return Drawn(dict(zip(names, left, strict=True)), dict(zip(names, right, strict=True)))


def choose_posture(group: str, rng: np.random.Generator) -> str:
    """A posture of the group, by weight."""
    names = [name for name, posture in POSTURES.items() if posture.group == group]
    weights = np.array([POSTURES[name].weight for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


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
    return _about(LEFT, pitch) @ _about(UP, side)


def pose_rotations(body: Body, heads: Floats, root: Floats, drawn: Drawn) -> Floats:
    """(J, 3, 3) world rotations of all bones for joint angles."""
    out = np.tile(np.eye(3), (len(body.bones), 1, 1))
    angle = drawn.left
    _set(out, body, ["root", "pelvis.L", "pelvis.R"], root)
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
    shrug = _about(BACK, -sign * 0.3 * max(0.0, a["raise_"] - 50.0))
    _set(out, body, [f"clavicle.{side}"], chest @ shrug)
    raise_, reach = np.deg2rad([a["raise_"], a["reach"]])
    outward = np.cos(reach) * sign * LEFT - np.sin(reach) * BACK
    aim = np.sin(raise_) * outward - np.cos(raise_) * UP
    fold = _perpendicular(-BACK + 0.6 * UP - 0.5 * sign * LEFT, aim)
    fold = Rotation.from_rotvec(np.deg2rad(sign * a["roll"]) * aim).apply(fold)
    upper, lower = _hinge(
        body, heads, f"upperarm01.{side}", f"lowerarm01.{side}", f"wrist.{side}",
        chest @ aim, chest @ fold, a["elbow"], -BACK,
    )  # fmt: skip
    _set(out, body, [f"shoulder01.{side}"], _between(chest @ shrug, upper, 0.4))
    _set(out, body, [f"upperarm01.{side}", f"upperarm02.{side}"], upper)
    _set(out, body, [f"lowerarm01.{side}"], lower)
    along = _direction(body, heads, f"lowerarm01.{side}", f"wrist.{side}")
    for bone, share in ((f"lowerarm02.{side}", 0.5), (f"wrist.{side}", 1.0)):
        _set(out, body, [bone], lower @ _about(along, sign * share * a["pronate"]))


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
        _about(LEFT, -a["flex"])
        @ _about(BACK, -sign * a["spread"])
        @ _about(UP, sign * a["rotate"])
    )
    upper, lower = _hinge(
        body, heads, f"upperleg01.{side}", f"lowerleg01.{side}", f"foot.{side}",
        root @ thigh @ -UP, root @ thigh @ BACK, a["knee"], BACK,
    )  # fmt: skip
    _set(out, body, [f"upperleg01.{side}", f"upperleg02.{side}"], upper)
    _set(out, body, [f"lowerleg01.{side}", f"lowerleg02.{side}"], lower)
    _set(out, body, [f"foot.{side}"], lower @ _about(LEFT, a["ankle"]))


def _hinge(
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
    rest_aim = _direction(body, heads, first, second)
    rest_second = _direction(body, heads, second, end)
    if body.is_straight:
        rest_fold = _perpendicular(habit, rest_aim)
        rest_flexion = float(
            np.rad2deg(np.arctan2(rest_second @ rest_fold, rest_second @ rest_aim))
        )
    else:
        rest_fold = _perpendicular(rest_second, rest_aim)
        rest_flexion = float(np.rad2deg(np.arccos(np.clip(rest_aim @ rest_second, -1, 1))))
    rest_frame, frame = _frame(rest_aim, rest_fold), _frame(aim, fold)
    folding = _about(UP, flexion - rest_flexion)  # the frame's third axis is the hinge
    return frame @ rest_frame.T, frame @ folding @ rest_frame.T


def _chain(out: Floats, body: Body, bones: list[str], start: Floats, total: Floats) -> Floats:
    """Share a rotation evenly among consecutive bones; returns the last one's world rotation."""
    step = Rotation.from_rotvec(Rotation.from_matrix(total).as_rotvec() / len(bones)).as_matrix()
    for bone in bones:
        start = start @ step
        _set(out, body, [bone], start)
    return start


def _trunk(forward: float, left: float, turn: float) -> Floats:
    return _about(LEFT, forward) @ _about(BACK, left) @ _about(UP, turn)


def _set(out: Floats, body: Body, bones: list[str], rotation: Floats) -> None:
    for bone in bones:
        out[body.index[bone]] = rotation


def _direction(body: Body, heads: Floats, start: str, end: str) -> Floats:
    return _unit(heads[body.index[end]] - heads[body.index[start]])


def _about(axis: Floats, degrees: float) -> Floats:
    matrix: Floats = Rotation.from_rotvec(np.deg2rad(degrees) * axis).as_matrix()
    return matrix


def _between(start: Floats, end: Floats, share: float) -> Floats:
    """The rotation a share of the way from start to end."""
    turn = Rotation.from_matrix(end @ start.T).as_rotvec()
    matrix: Floats = Rotation.from_rotvec(share * turn).as_matrix() @ start
    return matrix


def _frame(first: Floats, second: Floats) -> Floats:
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _perpendicular(vector: Floats, axis: Floats) -> Floats:
    return _unit(vector - (vector @ axis) * axis)


def _unit(vector: Floats) -> Floats:
    unit: Floats = vector / np.linalg.norm(vector)
    return unit


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
