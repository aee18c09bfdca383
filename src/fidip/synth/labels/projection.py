"""Key points of a picture: where joints are in it, and whether they are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.synth.camera.pinhole import Camera
from fidip.synth.render.raster import Surface

# How deep each COCO joint lies under the surface that shows it, metres, for a body of 0.7 m: the face's
# points lie on the skin, a hip under a thick layer and its nappy.
FLESH = np.array([0.012, 0.016, 0.016, 0.028, 0.028, *[0.045] * 2, *[0.032] * 2, *[0.028] * 2, *[0.075] * 2, *[0.045] * 2, *[0.035] * 2])  # fmt: skip


def flesh(group: str) -> float:
    """Thickness of the flesh of a group's bodies, relative to one of 0.7 m."""
    return 0.75 if group == "infant" else 2.0


def label(joints: Floats, camera: Camera, fine: Camera, surface: Surface, depth: Floats) -> Floats:
    """(K, 3) key points; a joint is seen when nothing lies before it by more than its ``depth`` (K,), metres.

    ``fine`` is the same camera with the surface's pixels.
    """
    xyz = camera.project(joints)
    width, height = camera.size_wh
    rounded = np.rint(xyz[:, :2])
    inside = (rounded >= 0).all(1) & (rounded < [width, height]).all(1) & (xyz[:, 2] > 0)
    column, row = pixels(joints, fine)
    gap = xyz[:, 2] - surface.depth[row, column]
    out = np.concatenate([xyz[:, :2], np.where(gap < depth, 2, 1)[:, None]], axis=1)
    out[~inside] = 0
    return out


def pixels(joints: Floats, camera: Camera) -> NDArray[np.int64]:
    """(2, K) columns and rows of the pixels nearest to joints (K, 3)."""
    limit = np.array(camera.size_wh) - 1
    return np.clip(np.rint(camera.project(joints)[:, :2]), 0, limit).astype(int).T
