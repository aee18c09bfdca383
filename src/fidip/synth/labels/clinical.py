"""Clinical keypoints beside COCO's 17, in an annotation file of their own.

Each is the mean of fixed vertices: the middle of the hand between wrist and knuckles (palm), the
middle of the foot's underside (sole), and the top of the head (vertex, as in anatomy).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.errors import ArgumentError
from fidip.core.skeleton import COCO17
from fidip.io.coco import annotation_file
from fidip.io.records import Record
from fidip.synth.body.body_model import Body
from fidip.synth.labels.projection import flesh, project_keypoints
from fidip.synth.render.raster import draw
from fidip.synth.scene.stage import Stage

POINTS = {
    "palm": ("left_palm", "right_palm"),
    "sole": ("left_sole", "right_sole"),
    "vertex": ("vertex",),
}
"""Names of the points by kind."""
_NEIGHBOURS = {
    "left_palm": "left_wrist",
    "right_palm": "right_wrist",
    "left_sole": "left_ankle",
    "right_sole": "right_ankle",
    "vertex": "nose",
}
"""Keypoint that each point is joined to in the skeleton."""
_DEPTH = {
    "palm": 0.028,
    "sole": 0.016,
    "vertex": 0.016,
}  # metres under the skin, for a body of 0.7 m
_SAMPLES = 1.5  # samples along each side of a pixel


def check_names(names: tuple[str, ...]) -> None:
    """Check kinds of points.

    Raises:
        ArgumentError: a kind is unknown.
    """
    for name in names:
        if name not in POINTS:
            choices = ", ".join(POINTS)
            raise ArgumentError("extra_points", names, f"no point '{name}'; expected {choices}")


def extra_file(root: Path, split: str) -> Path:
    """Return the second annotation file of a split, in a folder that COCO readers ignore."""
    return annotation_file(root, split, "annotations_extra")


def extra_points(body: Body, stage: Stage, names: tuple[str, ...]) -> Floats:
    """Label clinical points of a stage.

    Args:
        body: the person's body.
        stage: the stage.
        names: kinds of points, of ``POINTS``.

    Returns:
        (E, 3) x, y in image px and v, as ``Picture.keypoints``.
    """
    every = point_weights(body, stage.group)
    weights = np.array([every[point] for name in names for point in POINTS[name]])
    depth = np.array([_DEPTH[name] for name in names for _ in POINTS[name]])
    points = weights @ stage.figure.bare(body).vertices
    meshes = [*stage.worn, *stage.props]
    fine = stage.camera.scaled(_SAMPLES)
    surface = draw(meshes, fine, stage.wall)
    return project_keypoints(points, stage.camera, fine, surface, depth * flesh(stage.group))


def with_extra_points(
    content: dict[str, Any], records: list[Record], names: tuple[str, ...]
) -> dict[str, Any]:
    """Return an annotation file's content with the points after the 17."""
    added = [point for name in names for point in POINTS[name]]
    joints = [*COCO17.joints, *added]
    (category,) = content["categories"]
    limbs = [[joints.index(_NEIGHBOURS[p]) + 1, joints.index(p) + 1] for p in added]
    person = {**category, "keypoints": joints, "skeleton": [*category["skeleton"], *limbs]}
    return {**content, "categories": [person], "annotations": [_extended(r) for r in records]}


def _extended(record: Record) -> dict[str, Any]:
    old, extra = record["annotation"], record["extra"]
    seen = sum(v > 0 for v in extra[2::3])
    return {
        **old,
        "num_keypoints": old["num_keypoints"] + seen,
        "keypoints": [*old["keypoints"], *extra],
    }


@lru_cache(maxsize=4)
def point_weights(body: Body, group: str) -> dict[str, Floats]:
    """Return the weights (V,) of vertices by point, measured on the group's mean body."""
    rest, heads = body.rest(group, np.zeros(len(body.shapes[group].components)))
    at = {name: heads[i] for name, i in body.index.items()}
    out = {"vertex": _mean_of(_highest(rest, body.weight_of("head") > 0.9))}
    for side, long in (("L", "left"), ("R", "right")):
        hand, foot = (body.weight_of(f"{bone}.{side}") > 0.9 for bone in ("wrist", "foot"))
        along = at[f"wrist.{side}"] - at[f"lowerarm01.{side}"]
        out[f"{long}_palm"] = _mean_of(_band(rest @ along, hand, 0.2, 0.5))
        middle = _band(rest[:, 1], foot, 0.35, 0.65)
        out[f"{long}_sole"] = _mean_of(_band(rest[:, 2], middle, 0.0, 0.2))
    return out


def _highest(rest: Floats, where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the vertices of a part within a hundredth of the body's height below its top."""
    top = rest[where, 2].max()
    return where & (rest[:, 2] > top - 0.01 * np.ptp(rest[:, 2]))


def _band(along: Floats, where: NDArray[np.bool_], low: float, high: float) -> NDArray[np.bool_]:
    """Return the vertices of a part from ``low`` to ``high`` of its length along a direction."""
    start, length = along[where].min(), np.ptp(along[where])
    fraction = (along - start) / length
    return where & (fraction >= low) & (fraction <= high)


def _mean_of(chosen: NDArray[np.bool_]) -> Floats:
    return chosen / chosen.sum()
