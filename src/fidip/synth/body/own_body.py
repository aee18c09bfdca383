"""Bodies of the SMPL family, read from a file that the user is licensed for.

SMPL (Loper et al., SIGGRAPH Asia 2015) and its relatives, such as SMIL (Hesse et al., MICCAI 2018)
for infants, share one layout: a template, shape directions, pose-dependent corrections, a joint
regressor and skinning weights. The first 22 joints of SMPL, SMPL+H and SMPL-X are the same; others
(fingers, jaw, eyes) move with their parents.

Their space is metres, x to the body's left, y up, z forwards; ours has y backwards and z up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Ints
from fidip.core.errors import ArgumentError, DataError
from fidip.synth.body.body_model import Body, ShapeSpace, default_body
from fidip.synth.body.smpl_file import PARENTS, SHARED, read_smpl

GROUPS = ("infant", "adult")
COMPONENTS = 8
_BONES = (
    "root", "upperleg01.L", "upperleg01.R", "spine05", "lowerleg01.L", "lowerleg01.R", "spine03",
    "foot.L", "foot.R",
    "spine01", "foot.L", "foot.R", "neck01", "clavicle.L", "clavicle.R", "head", "upperarm01.L",
    "upperarm01.R",
    "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R",
)  # fmt: skip
"""Our bone for each of the shared joints; toes move with the foot."""
_BETWEEN = {
    "pelvis": ("root", "upperleg01", 0.0), "upperleg02": ("upperleg01", "lowerleg01", 0.4),
    "lowerleg02": ("lowerleg01", "foot", 0.5), "spine04": ("spine05", "spine03", 0.5),
    "spine02": ("spine03", "spine01", 0.5), "shoulder01": ("clavicle", "upperarm01", 0.6),
    "upperarm02": ("upperarm01", "lowerarm01", 0.3), "lowerarm02": ("lowerarm01", "wrist", 0.4),
    "neck02": ("neck01", "head", 0.4), "neck03": ("neck01", "head", 0.8),
}  # fmt: skip
"""Bones that move no skin of such a body: the two bones they lie between, and the fraction."""
_KEYPOINT_JOINTS = (16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8)
"""Joints of COCO's shoulders, elbows, wrists, hips, knees and ankles, left before right."""
FACE_VERTICES = {6890: (332, 2800, 6260, 583, 4071), 10475: (9120, 9448, 9929, 6, 616)}
"""Nose, left and right eye, left and right ear by number of vertices: SMPL or SMIL, and SMPL-X."""
FACE_POINTS = "nose, left eye, right eye, left ear, right ear"
_TO_OURS = np.array([(1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)])


@dataclass(frozen=True)
class OwnBody:
    """A user's body file, identified by its content.

    Attributes:
        file: pickle or npz.
        group: the people it is used for, "infant" or "adult".
        face: vertices of nose, left eye, right eye, left ear, right ear; None for those of
            ``FACE_VERTICES``.
        digest: SHA-256 of the file.
    """

    file: Path
    group: str
    face: tuple[int, ...] | None
    digest: str

    @classmethod
    def from_file(cls, file: Path, group: str, face: tuple[int, ...] | None) -> OwnBody:
        """Check the settings and the file.

        Raises:
            ArgumentError: the group is unknown, or ``face`` does not fit the file.
            DataError: the file does not exist or is not of the layout.
        """
        if group not in GROUPS:
            raise ArgumentError("group", group, f"expected {' or '.join(GROUPS)}")
        if face is not None and len(face) != 5:
            raise ArgumentError("face", face, f"expected five vertices: {FACE_POINTS}")
        if not file.is_file():
            raise DataError(f"{file}: no such file; expected an SMPL-family model, pkl or npz")
        own = cls(file, group, face, hashlib.sha256(file.read_bytes()).hexdigest())
        read_body(own)
        return own


def body_of(group: str, own: OwnBody | None) -> Body:
    """Return the body of a group: the user's if it is for that group, else the one that ships."""
    return read_body(own) if own is not None and own.group == group else default_body()


@dataclass(frozen=True, eq=False)
class SmplBody(Body):
    """A body with pose-dependent corrections.

    Attributes:
        corrections: (V * 3, 9 * 21) displacement of rest vertices, metres in our axes, per entry of
            R - 1 in SMPL's axes, R being the rotation of a joint relative to its parent.
    """

    corrections: NDArray[np.float32]

    @cached_property
    def _chain(self) -> tuple[Ints, Ints]:
        """Our bones of joints 1 to 21 and of their parents."""
        bones = np.array([self.index[name] for name in _BONES])
        return bones[1:], bones[np.array(PARENTS[1:])]

    def pose(self, vertices: Floats, heads: Floats, rotations: Floats) -> Floats:
        """Return skinned vertices (V, 3), corrected for the pose; see ``Body.pose``."""
        child, parent = self._chain
        local = rotations[parent].mT @ rotations[child]
        local = _TO_OURS.T @ local @ _TO_OURS - np.eye(3)
        moved = self.corrections @ local.ravel().astype(np.float32)
        return super().pose(vertices + moved.reshape(-1, 3), heads, rotations)


@lru_cache(maxsize=2)
def read_body(own: OwnBody) -> Body:
    """Read the body of a file.

    Raises:
        DataError: the file is not of the layout, or not a file of arrays.
    """
    return smpl_body(read_smpl(own.file), own.group, own.face, own.file)


def smpl_body(
    arrays: dict[str, NDArray[np.generic]], group: str, face: tuple[int, ...] | None, file: Path
) -> Body:
    """Build a body from arrays of ``read_smpl``; ``file`` is named in errors."""
    template, regressor = arrays["v_template"].astype(float), arrays["J_regressor"].astype(float)
    count = len(template)
    directions = arrays["shapedirs"].astype(float).reshape(count, 3, -1)[..., :COMPONENTS]
    directions = np.pad(directions, ((0, 0), (0, 0), (0, COMPONENTS - directions.shape[2])))
    rest = np.concatenate([template[None], np.moveaxis(directions, 2, 0)]) @ _TO_OURS.T
    skeleton = default_body()
    bones, weights = _skinning(arrays, skeleton)
    return SmplBody(
        bones=skeleton.bones,
        parents=_parents(skeleton),
        faces=arrays["f"].astype(np.int32),
        skin_bones=bones,
        skin_weights=weights,
        keypoint_weights=_keypoints(regressor, _face(face, template, file)),
        eyes=np.zeros(count, bool),
        shapes={group: _shapes(rest, regressor[:SHARED], skeleton)},
        is_straight=True,
        has_ages=False,
        corrections=_corrections(arrays, count),
    )


def _skinning(
    arrays: dict[str, NDArray[np.generic]], skeleton: Body
) -> tuple[NDArray[np.uint8], Floats]:
    """Return the bones that move each vertex, and their weights, (V, K) each."""
    weights, parents = arrays["weights"].astype(float), arrays["kintree_table"][0].astype(np.int64)
    ours = np.zeros((len(weights), len(skeleton.bones)))
    for joint in range(weights.shape[1]):
        owner = joint
        while owner >= SHARED:
            owner = int(parents[owner])
        ours[:, skeleton.index[_BONES[owner]]] += weights[:, joint]
    columns = int((ours > 0).sum(1).max())
    strongest = np.argsort(-ours, axis=1, kind="stable")[:, :columns]
    kept = np.take_along_axis(ours, strongest, axis=1)
    return strongest.astype(np.uint8), kept / kept.sum(1, keepdims=True)


def _shapes(rest: Floats, regressor: Floats, skeleton: Body) -> ShapeSpace:
    """Return the shape space for the template and its directions (1 + C, V, 3), metres."""
    joints = regressor @ rest
    at = {name: joints[:, i] for i, name in reversed(list(enumerate(_BONES)))}
    heads = np.stack([_head(name, at) for name in skeleton.bones], axis=1)
    whole = np.concatenate([rest, heads], axis=1) - joints[:, :1]
    return ShapeSpace(whole[0], whole[1:])


def _parents(skeleton: Body) -> Ints:
    """Return the parents (J,) of our bones, linked like SMPL's joints."""
    links = {_BONES[j]: _BONES[PARENTS[j]] for j in reversed(range(1, SHARED)) if j not in (10, 11)}
    for name in skeleton.bones[1:]:
        stem, dot, side = name.partition(".")
        if stem in _BETWEEN:
            start = _BETWEEN[stem][0]
            links[name] = start if start in skeleton.index else f"{start}{dot}{side}"
    return np.array(
        [skeleton.index[links[name]] if name in links else -1 for name in skeleton.bones]
    )


def _head(name: str, at: dict[str, Floats]) -> Floats:
    if name in at:
        return at[name]
    stem, dot, side = name.partition(".")
    start, end, fraction = _BETWEEN[stem]
    a, b = (at.get(f"{bone}{dot}{side}", at.get(bone)) for bone in (start, end))
    assert a is not None  # by the table above
    assert b is not None
    return a + fraction * (b - a)


def _face(face: tuple[int, ...] | None, template: Floats, file: Path) -> list[int]:
    """Check the vertices of nose, left eye, right eye, left ear and right ear."""
    count = len(template)
    face = face or FACE_VERTICES.get(count)
    if face is None:
        raise ArgumentError(
            "face",
            None,
            f"{file} has an unknown mesh of {count} vertices; expected five of them: {FACE_POINTS}",
        )
    if min(face) < 0 or max(face) >= count:
        raise ArgumentError("face", face, f"expected 0 to {count - 1}, as {file} has")
    for left, right in (face[1:3], face[3:5]):
        if template[left, 0] <= template[right, 0]:
            raise ArgumentError("face", face, f"vertex {left} is not to the left of {right}")
    return list(face)


def _keypoints(regressor: Floats, face: list[int]) -> Floats:
    """Return keypoint weights (17, V): five vertices of the face, then regressed joints."""
    on_face = np.zeros((5, regressor.shape[1]))
    on_face[np.arange(5), face] = 1.0
    joints = regressor[list(_KEYPOINT_JOINTS)]
    return np.concatenate([on_face, joints / joints.sum(1, keepdims=True)])


def _corrections(arrays: dict[str, NDArray[np.generic]], count: int) -> NDArray[np.float32]:
    entries = 9 * (SHARED - 1)
    if "posedirs" not in arrays:
        return np.zeros((3 * count, entries), np.float32)
    moved = arrays["posedirs"].astype(np.float32).reshape(count, 3, -1)[..., :entries]
    turned = np.einsum("ij,vjk->vik", _TO_OURS.astype(np.float32), moved)
    return np.ascontiguousarray(turned.reshape(3 * count, entries))
