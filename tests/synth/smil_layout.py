"""The bundled body in the layout of SMIL's file: level arms, y up, 24 joints, pose corrections."""

import pickle
import sys
import types
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree

from fidip.synth.body.body_model import default_body
from fidip.synth.pose.joint_angles import pose_rotations
from fidip.synth.pose.posture import AngleRanges, draw_angles

PARENTS = (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_OF = {
    "root": 0, "pelvis": 0, "spine05": 3, "spine04": 3, "spine03": 6, "spine02": 6, "spine01": 9,
    "neck": 12,
    "head": 15, "upperleg": (1, 2), "lowerleg": (4, 5), "foot": (7, 8), "clavicle": (13, 14),
    "shoulder": (16, 17),
    "upperarm": (16, 17), "lowerarm": (18, 19), "wrist": (20, 21),
}  # fmt: skip
HEADS = (
    "root", "upperleg01.L", "upperleg01.R", "spine05", "lowerleg01.L", "lowerleg01.R", "spine03",
    "foot.L", "foot.R",
    "spine01", "foot.L", "foot.R", "neck01", "clavicle.L", "clavicle.R", "head", "upperarm01.L",
    "upperarm01.R",
    "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R", "wrist.L", "wrist.R",
)  # fmt: skip
LEVEL = dict.fromkeys(AngleRanges.__dataclass_fields__, (0, 0)) | {"raise_": (90, 90)}


def joint_of(bone):
    stem = next(stem for stem in JOINT_OF if bone.startswith(stem))
    joint = JOINT_OF[stem]
    return joint if isinstance(joint, int) else joint["LR".index(bone[-1])]


def smil_like(corrections=2e-4):
    """The arrays of such a file by name; what SMIL calls ``kintree_table`` and so on."""
    body, rng = default_body(), np.random.default_rng(0)
    rest, heads = body.rest("infant", np.zeros(8))
    level = pose_rotations(body, heads, np.eye(3), draw_angles(AngleRanges(**LEVEL), rng))
    space = body.shapes["infant"]
    count = len(rest)
    posed = [
        np.concatenate(level_pose(body, shape[:count], shape[count:], level))
        for shape in (space.mean, *(space.mean + space.components))
    ]
    ours = np.array(posed)[..., [0, 2, 1]] * [1, 1, -1]  # x left, y up, z forwards
    template, at = ours[0, :count], ours[0, count:]
    joints = at[[body.index[name] for name in HEADS]]
    return {
        "v_template": template,
        "shapedirs": np.moveaxis(ours[1:, :count] - template, 0, 2),
        "posedirs": corrections * rng.standard_normal((count, 3, 207)),
        "J_regressor": sparse.csc_matrix(regressor(template, joints)),
        "weights": weights(body),
        "kintree_table": np.array([PARENTS, range(24)], np.int64),
        "f": body.faces.astype(np.uint32),
    }


def level_pose(body, vertices, heads, rotations):
    turn, shift = body.transforms(heads, rotations)
    return body.pose(vertices, heads, rotations), np.einsum("jik,jk->ji", turn, heads) + shift


def regressor(template, joints):
    """(24, V) smallest weights of the 300 vertices around a joint that put it where it is."""
    out = np.zeros((len(joints), len(template)))
    for row, joint in zip(out, joints, strict=True):
        near = KDTree(template).query(joint, 300)[1]
        row[near] = np.linalg.lstsq(
            np.vstack([template[near].T, np.ones(300)]), [*joint, 1], rcond=None
        )[0]
    return out


def weights(body):
    out = np.zeros((len(body.eyes), 24))
    for bone, name in enumerate(body.bones):
        out[:, joint_of(name)] += ((body.skin_bones == bone) * body.skin_weights).sum(1)
    return out


def face():
    """Vertices nearest to the shipped body's points of the face."""
    body = default_body()
    rest, _ = body.rest("infant", np.zeros(8))
    return tuple(int(v) for v in KDTree(rest).query(body.keypoints(rest)[:5])[1])


def write_pickle(path, arrays, protocol=2):
    """Write a dictionary with arrays wrapped by chumpy, which need not be installed."""
    chumpy, inner = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    inner.Ch = type("Ch", (), {"__module__": "chumpy.ch", "__qualname__": "Ch"})
    wrapped = inner.Ch()
    wrapped.x = arrays["shapedirs"]
    sys.modules |= {"chumpy": chumpy, "chumpy.ch": inner}
    try:
        Path(path).write_bytes(
            pickle.dumps({**arrays, "shapedirs": wrapped, "bs_style": "lbs"}, protocol)
        )
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    return path
