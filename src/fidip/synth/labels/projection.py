"""Keypoints of a picture: the pixels of joints, and their visibility."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.synth.camera.pinhole import Camera
from fidip.synth.render.raster import Surface

_FACE = (0.012, 0.016, 0.016, 0.028, 0.028)
_LIMBS = (0.045, 0.032, 0.028, 0.075, 0.045, 0.035)
FLESH = np.array([*_FACE, *np.repeat(_LIMBS, 2)])
"""Depth of COCO joints under the skin, metres, for a body of 0.7 m; nappies included."""


def flesh(group: str) -> float:
    """Return the thickness of a group's flesh relative to a body of 0.7 m."""
    return 0.75 if group == "infant" else 2.0


def project_keypoints(
    joints: Floats, camera: Camera, fine: Camera, surface: Surface, depth: Floats
) -> Floats:
    """Project joints and decide which are visible.

    Args:
        joints: (K, 3) world metres.
        camera: the view of the image.
        fine: the same view with the surface's pixels.
        surface: what each pixel shows.
        depth: (K,) metres; a joint is visible if the surface is at most this far before it.

    Returns:
        (K, 3) x, y in image px and v: 2 visible, 1 hidden, 0 outside (then x = y = 0).
    """
    xyz = camera.project(joints)
    width, height = camera.size_wh
    rounded = np.rint(xyz[:, :2])
    inside = (rounded >= 0).all(1) & (rounded < [width, height]).all(1) & (xyz[:, 2] > 0)
    column, row = nearest_pixels(joints, fine)
    gap = xyz[:, 2] - surface.depth[row, column]
    out = np.concatenate([xyz[:, :2], np.where(gap < depth, 2, 1)[:, None]], axis=1)
    out[~inside] = 0
    return out


def nearest_pixels(joints: Floats, camera: Camera) -> NDArray[np.int64]:
    """Return the columns and rows (2, K) of the pixels nearest to joints (K, 3).

    Example:
        >>> camera = Camera(np.eye(3), np.zeros(3), 100.0, (101, 81))
        >>> nearest_pixels(np.array([[0.5, -0.2, 2.0], [9.0, 0.0, 1.0]]), camera).tolist()
        [[75, 100], [30, 40]]
    """
    limit = np.array(camera.size_wh) - 1
    return np.clip(np.rint(camera.project(joints)[:, :2]), 0, limit).astype(int).T
