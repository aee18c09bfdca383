"""The posable body: a linear shape space, forward kinematics, skinning and COCO keypoints.

Everything is in metres in body space: x to the body's left, y backwards, z up, the root at the
origin; the rest pose stands with arms slanted down and faces -y. A pose is one world rotation per
bone, away from that rest pose; a bone's head is carried by its parent (linear blend skinning).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats

BODY_FILE = Path(__file__).parents[1] / "assets" / "body.npz"
_WEIGHT_STEPS = 255


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """Rest vertices followed by rest bone heads, as a mean and principal components.

    Attributes:
        mean: (V + J, 3) metres.
        components: (C, V + J, 3) displacement for one standard deviation of each component.
    """

    mean: Floats
    components: Floats

    def __call__(self, coefficients: Floats) -> Floats:
        """Return the rest shape (V + J, 3) for coefficients (C,) in standard deviations."""
        return self.mean + np.tensordot(coefficients, self.components, axes=1)

    def fit(self, shape: Floats) -> Floats:
        """Return the coefficients (C,) of the shape nearest to a given one (V + J, 3)."""
        basis = self.components.reshape(len(self.components), -1).T
        nearest = np.linalg.lstsq(basis, (shape - self.mean).ravel(), rcond=None)[0]
        return nearest.astype(np.float64)


@dataclass(frozen=True, eq=False)
class HandShapes:
    """Displacement of the vertices of both hands when they open, for a group's mean shape.

    Attributes:
        vertices: (N,) indices of the vertices that move.
        half, open: (N, 3) displacement of half open and open hands, metres.
        forearm: distance from elbow to wrist of the mean shape, metres.
    """

    vertices: NDArray[np.int64]
    half: Floats
    open: Floats
    forearm: float


@dataclass(frozen=True, eq=False)
class Body:
    """One mesh topology with its skeleton and the shape spaces of infants and adults.

    Attributes:
        bones: J names; the first is the root.
        parents: (J,) index of each bone's parent, before it in the list; -1 for the root.
        faces: (F, 3) int32 vertex indices, counter-clockwise seen from outside.
        skin_bones: (V, 4) uint8 bones that move a vertex.
        skin_weights: (V, 4) their weights; every row sums to 1.
        keypoint_weights: (17, V) COCO keypoints as weights of posed vertices; rows sum to 1.
        eyes: (V,) True on the eyeballs.
        shapes: shape space by group, "infant" and "adult".
        is_straight: whether arms and legs are straight in the rest pose.
        has_ages: whether the first infant component determines the age, see ``body.growth``.
        hands: opening of the hands by group; empty if they do not open.
    """

    bones: tuple[str, ...]
    parents: NDArray[np.int64]
    faces: NDArray[np.int32]
    skin_bones: NDArray[np.uint8]
    skin_weights: Floats
    keypoint_weights: Floats
    eyes: NDArray[np.bool_]
    shapes: dict[str, ShapeSpace]
    is_straight: bool = field(default=False, kw_only=True)
    has_ages: bool = field(default=True, kw_only=True)
    hands: dict[str, HandShapes] = field(default_factory=dict, kw_only=True)

    @cached_property
    def index(self) -> dict[str, int]:
        """Bone index by name."""
        return {name: i for i, name in enumerate(self.bones)}

    @cached_property
    def _shares(self) -> dict[tuple[str, ...], Floats]:
        return {}

    def weight_of(self, *stems: str) -> Floats:
        """Return the skinning weights of the bones whose names start with ``stems``.

        Returns:
            (V,) sums of weights, 0 to 1; cached, so do not change them.
        """
        if stems not in self._shares:
            mine = np.array([name.startswith(stems) for name in self.bones])
            self._shares[stems] = (mine[self.skin_bones] * self.skin_weights).sum(1)
        return self._shares[stems]

    def rest(self, group: str, coefficients: Floats) -> tuple[Floats, Floats]:
        """Return rest vertices (V, 3) and bone heads (J, 3), metres, for coefficients (C,)."""
        shape = self.shapes[group](coefficients)
        return shape[: len(self.eyes)], shape[len(self.eyes) :]

    def forearm_length(self, heads: Floats, side: str = "L") -> float:
        """Return the distance from elbow to wrist for rest bone heads (J, 3), metres."""
        start, end = (heads[self.index[f"{bone}.{side}"]] for bone in ("lowerarm01", "wrist"))
        return float(np.linalg.norm(end - start))

    def pose(self, vertices: Floats, heads: Floats, rotations: Floats) -> Floats:
        """Pose a rest shape by linear blend skinning.

        Args:
            vertices: (V, 3) rest vertices, metres.
            heads: (J, 3) rest bone heads, metres.
            rotations: (J, 3, 3) world rotations of the bones away from rest.

        Returns:
            (V, 3) posed vertices, metres.
        """
        return skin(
            vertices, self.skin_bones, self.skin_weights, *self.transforms(heads, rotations)
        )

    def transforms(self, heads: Floats, rotations: Floats) -> tuple[Floats, Floats]:
        """Return the rotation (J, 3, 3) and translation (J, 3) of each bone from rest to pose."""
        columns = heads[:, :, None]
        by_parent = np.matmul(rotations[self.parents], columns)[..., 0]
        by_self = np.matmul(rotations, columns)[..., 0]
        return rotations, _chained(heads, by_parent, by_self, self.parents)

    def keypoints(self, vertices: Floats) -> Floats:
        """Return COCO keypoints (17, 3) of posed vertices (V, 3)."""
        return self.keypoint_weights @ vertices

    def save(self, path: Path) -> None:
        """Write the body as a compressed npz: 16-bit shapes, 8-bit skinning weights."""
        arrays: dict[str, NDArray[np.generic]] = {
            "bones": np.array(self.bones),
            "parents": self.parents.astype(np.int8),
            "faces": self.faces.astype(np.uint16),
            "skin_bones": self.skin_bones,
            "skin_weights": np.rint(self.skin_weights * _WEIGHT_STEPS).astype(np.uint8),
            "eyes": self.eyes,
        }
        rows, columns = np.nonzero(self.keypoint_weights)
        arrays["keypoint_rows"] = rows.astype(np.uint8)
        arrays["keypoint_columns"] = columns.astype(np.uint16)
        arrays["keypoint_values"] = self.keypoint_weights[rows, columns].astype(np.float32)
        for group, space in self.shapes.items():
            arrays[f"{group}_mean"], arrays[f"{group}_mean_step"] = _quantise(space.mean, 32767)
            arrays[f"{group}_parts"], arrays[f"{group}_parts_step"] = _quantise(
                space.components, 127
            )
        for group, hands in self.hands.items():
            arrays |= hand_arrays(group, hands)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path = BODY_FILE) -> Body:
        """Read a file that ``save`` wrote."""
        with np.load(path, allow_pickle=False) as file:
            weights = file["skin_weights"].astype(np.float64)
            keypoints = np.zeros((int(file["keypoint_rows"].max()) + 1, len(weights)))
            keypoints[file["keypoint_rows"], file["keypoint_columns"]] = file["keypoint_values"]
            return cls(
                bones=tuple(file["bones"].tolist()),
                parents=file["parents"].astype(np.int64),
                faces=file["faces"].astype(np.int32),
                skin_bones=file["skin_bones"],
                skin_weights=weights / weights.sum(1, keepdims=True),
                keypoint_weights=keypoints / keypoints.sum(1, keepdims=True),
                eyes=file["eyes"],
                shapes={
                    group: ShapeSpace(
                        file[f"{group}_mean"] * file[f"{group}_mean_step"],
                        file[f"{group}_parts"] * file[f"{group}_parts_step"],
                    )
                    for group in ("infant", "adult")
                },
                hands={g: _hands(file, g) for g in ("infant", "adult") if f"{g}_hands" in file},
            )


@dataclass(frozen=True, eq=False)
class RestShape:
    """A body of one shape in its rest pose.

    Attributes:
        body: topology, skeleton and skinning weights.
        vertices: (V, 3) metres.
        heads: (J, 3) bone heads, metres.
    """

    body: Body
    vertices: Floats
    heads: Floats

    def pose(self, rotations: Floats) -> Floats:
        """Return the posed vertices (V, 3), metres, for world rotations (J, 3, 3) of the bones."""
        return self.body.pose(self.vertices, self.heads, rotations)


@lru_cache(maxsize=1)
def default_body() -> Body:
    """Return the body that ships with the package."""
    return Body.load()


def hand_arrays(group: str, hands: HandShapes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a body file for the hands of a group."""
    moved, step = _quantise(np.concatenate([hands.half, hands.open]), 32767)
    return {
        f"{group}_hands": hands.vertices.astype(np.uint16),
        f"{group}_hands_moved": moved,
        f"{group}_hands_step": step,
        f"{group}_hands_forearm": np.array(hands.forearm),
    }


def _hands(file: Mapping[str, Any], group: str) -> HandShapes:
    half, opened = np.split(file[f"{group}_hands_moved"] * file[f"{group}_hands_step"], 2)
    vertices = file[f"{group}_hands"].astype(np.int64)
    return HandShapes(vertices, half, opened, float(file[f"{group}_hands_forearm"]))


def _quantise(values: Floats, steps: int) -> tuple[NDArray[np.generic], Floats]:
    """Return integers in [-steps, steps] and the step; 3-d values have a step per item."""
    axes = tuple(range(1, values.ndim)) if values.ndim == 3 else None
    step = np.abs(values).max(axis=axes, keepdims=True) / steps
    kind = np.int8 if steps < 128 else np.int16
    return np.rint(values / step).astype(kind), step


@njit(cache=True)
def _chained(
    heads: Floats, by_parent: Floats, by_self: Floats, parents: NDArray[np.int64]
) -> Floats:  # pragma: no cover - compiled
    """Return the shifts (J, 3) of bones for heads turned by their parents and by themselves."""
    shifts = np.empty_like(heads)
    for bone in range(len(parents)):
        for i in range(3):
            head = heads[bone, i]
            if parents[bone] >= 0:
                head = by_parent[bone, i] + shifts[parents[bone], i]
            shifts[bone, i] = head - by_self[bone, i]
    return shifts


@njit(cache=True)
def skin(
    vertices: Floats, bones: NDArray[np.uint8], weights: Floats, rotations: Floats, shifts: Floats
) -> Floats:  # pragma: no cover - compiled
    """Skin vertices (V, 3) linearly with the bones of each vertex (V, K)."""
    out = np.zeros_like(vertices)
    for v in range(vertices.shape[0]):
        for k in range(bones.shape[1]):
            bone, weight = bones[v, k], weights[v, k]
            if weight == 0.0:
                continue
            for i in range(3):
                moved = shifts[bone, i]
                for j in range(3):
                    moved += rotations[bone, i, j] * vertices[v, j]
                out[v, i] += weight * moved
    return out
