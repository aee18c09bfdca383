"""Boxes, and the affine maps between an image and a network's input.

NumPy, float64. Affines are (2, 3) matrices that map column vectors (x, y, 1); pixel centres are
integers, so the middle of ``w`` pixels is (w - 1) / 2 and the crop's middle maps there exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.types import ImageSize


def clip_box(box_xywh: Floats, image_wh: ImageSize) -> Floats:
    """The pixels of a box that lie inside the image.

    A box that starts left of or above the image is moved inside before its far side is cut, so
    it keeps its size if there is room: FiDIP's loader does the same.

    Args:
        box_xywh: (4,) left, top, width, height in image px.
        image_wh: (width, height) of the image in px.

    Returns:
        (4,) box in image px.
    """
    left, top, width, height = (float(value) for value in box_xywh)
    left, top = max(left, 0.0), max(top, 0.0)
    width = min(max(width, 1.0), image_wh[0] - left)
    height = min(max(height, 1.0), image_wh[1] - top)
    return np.array([left, top, width, height])


def box_to_center_size(
    box_xywh: Floats, aspect_ratio: float, padding: float = 1.25
) -> tuple[Floats, Floats]:
    """The window around a box: grown to an aspect ratio, then padded.

    Args:
        box_xywh: (4,) left, top, width, height in image px.
        aspect_ratio: width / height of the window.
        padding: the window's size relative to the smallest one that holds the box.

    Returns:
        (2,) centre and (2,) size (width, height), in image px.
    """
    left, top, width, height = (float(value) for value in box_xywh)
    center = np.array([left + (width - 1) / 2, top + (height - 1) / 2])
    width = max(width, height * aspect_ratio)
    return center, np.array([width, width / aspect_ratio]) * padding


def half_body_box(
    joints: Floats,
    labelled: NDArray[np.bool_],
    upper_body: Sequence[int],
    upper: bool,
    aspect_ratio: float,
    *,
    padding: float = 1.5,
) -> tuple[Floats, Floats] | None:
    """The window around the labelled joints of the upper or the lower body.

    Args:
        joints: (K, 2) in image px.
        labelled: (K,) which joints count.
        upper_body: indices of the upper body's joints; the others are the lower body's.
        upper: whether the window shows the upper body.
        aspect_ratio: width / height of the window.
        padding: the window's size relative to the smallest one that holds the joints.

    Returns:
        (2,) centre, the mean of the joints, and (2,) size (width, height), in image px; None if
        fewer than two joints are labelled.
    """
    wanted = np.full(len(joints), not upper)
    wanted[list(upper_body)] = upper
    chosen = joints[wanted & labelled]
    if len(chosen) < 2:
        return None
    corner = chosen.min(axis=0)
    extent = chosen.max(axis=0) - corner + 1
    _, size_wh = box_to_center_size(np.concatenate([corner, extent]), aspect_ratio, padding)
    return chosen.mean(axis=0), size_wh


def crop_affine(
    center: Floats, width: float, crop_wh: ImageSize, rotation_deg: float = 0.0
) -> Floats:
    """The similarity from image px to crop px that a window defines.

    The window's centre maps to the crop's centre and its ``width`` pixels to the crop's width.

    Args:
        center: (2,) the window's centre in image px.
        width: of the window in image px, more than 1.
        crop_wh: (width, height) of the crop in px.
        rotation_deg: of the window. Positive turns it clockwise on the screen, and what it shows
            counter-clockwise.

    Returns:
        (2, 3) affine.

    Raises:
        ValueError: the window is not wider than the distance of two pixels' centres.
    """
    if width <= 1:
        raise ValueError(f"a crop needs a window wider than 1 px, got {width}")
    scale = (crop_wh[0] - 1) / (width - 1)
    angle = math.radians(rotation_deg)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    x, y = float(center[0]), float(center[1])
    return np.array(
        [
            [cos, sin, (crop_wh[0] - 1) / 2 - cos * x - sin * y],
            [-sin, cos, (crop_wh[1] - 1) / 2 + sin * x - cos * y],
        ]
    )


def invert_affine(affine: Floats) -> Floats:
    """The (..., 2, 3) inverses of (..., 2, 3) affines.

    Raises:
        numpy.linalg.LinAlgError: one maps the plane to a line.
    """
    linear = np.linalg.inv(affine[..., :2])
    return np.concatenate([linear, -linear @ affine[..., 2:]], axis=-1)


def apply_affine(affine: Floats, xy: Floats) -> Floats:
    """Map (..., N, 2) points by (..., 2, 3) affines; leading dimensions broadcast."""
    moved: Floats = xy @ affine[..., :2].swapaxes(-1, -2) + affine[..., None, :, 2]
    return moved
