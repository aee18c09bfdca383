"""Boxes, and affine maps between an image and the network input.

All functions use NumPy in float64. Affines are (2, 3) matrices that map column vectors (x, y, 1).
Pixel centres are integers, so the middle of ``w`` pixels is (w - 1) / 2. The centre of a window
maps exactly to the middle of the crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, ImageSize

BOX_MARGIN = 0.25
"""Padding of the keypoints' bounding box, as a fraction of its size, for people without a box."""
SMALLEST_BOX = 4
"""Minimum length in px of the visible box's longer side, so that augmented crops show a part."""
FILLED = 0.53
"""Fraction of a box that a person fills, as CrowdPose's evaluation assumes without an outline."""


def filled_area(box_xywh: Floats) -> float:
    """Return the area of a person without an outline, as CrowdPose's evaluation assumes.

    Args:
        box_xywh: (4,) box in px.

    Returns:
        Area in px², rounded to 3 decimals.

    Example:
        >>> filled_area(np.array([0.0, 0.0, 10.0, 10.0]))
        53.0
    """
    return round(float(FILLED * box_xywh[2] * box_xywh[3]), 3)


def clip_box(box_xywh: Floats, image_wh: ImageSize) -> Floats:
    """Clip a box to the image.

    As in FiDIP's loader, a box that starts left of or above the image is moved inside before its
    far side is cut, so it keeps its size if the image is large enough.

    Args:
        box_xywh: (4,) left, top, width, height in image px.
        image_wh: (width, height) of the image in px.

    Returns:
        (4,) box in image px.

    Example:
        >>> clip_box(np.array([-5.0, 10.0, 50.0, 50.0]), (40, 100))
        array([ 0., 10., 40., 50.])
    """
    left, top, width, height = (float(value) for value in box_xywh)
    left, top = max(left, 0.0), max(top, 0.0)
    width = min(max(width, 1.0), image_wh[0] - left)
    height = min(max(height, 1.0), image_wh[1] - top)
    return np.array([left, top, width, height])


def box_to_center_size(
    box_xywh: Floats, aspect_ratio: float, padding: float = 1.25
) -> tuple[Floats, Floats]:
    """Return the window around a box, extended to an aspect ratio and then padded.

    Args:
        box_xywh: (4,) left, top, width, height in image px.
        aspect_ratio: width / height of the window.
        padding: size of the window relative to the smallest one that contains the box.

    Returns:
        (2,) centre and (2,) size (width, height), in image px.

    Example:
        >>> center, size_wh = box_to_center_size(np.array([10.0, 20.0, 41.0, 41.0]), 0.5)
        >>> center, size_wh
        (array([30., 40.]), array([ 51.25, 102.5 ]))
    """
    left, top, width, height = (float(value) for value in box_xywh)
    center = np.array([left + (width - 1) / 2, top + (height - 1) / 2])
    width = max(width, height * aspect_ratio)
    return center, np.array([width, width / aspect_ratio]) * padding


def box_around(keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the padded bounding box of the labelled keypoints.

    Args:
        keypoints: (K, 3) x and y in image px, and visibility.

    Returns:
        (4,) box xywh in image px, enlarged by ``BOX_MARGIN``.

    Example:
        >>> box_around(np.array([[10.0, 20.0, 2.0], [90.0, 60.0, 1.0], [500.0, 0.0, 0.0]]))
        array([  0.,  15., 100.,  50.])
    """
    xy = keypoints[keypoints[:, 2] > 0, :2]
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = np.maximum(BOX_MARGIN / 2 * (high - low), 4)
    return np.concatenate([low - margin, high - low + 2 * margin])


def half_body_box(
    joints: Floats,
    labelled: NDArray[np.bool_],
    upper_body: Sequence[int],
    upper: bool,
    aspect_ratio: float,
    *,
    padding: float = 1.5,
) -> tuple[Floats, Floats] | None:
    """Return the window around the labelled joints of the upper or lower body.

    Args:
        joints: (K, 2) joints in image px.
        labelled: (K,) bool, whether a joint is labelled.
        upper_body: indices of the upper-body joints; all others belong to the lower body.
        upper: whether to use the upper body.
        aspect_ratio: width / height of the window.
        padding: size of the window relative to the smallest one that contains the joints.

    Returns:
        (2,) centre, the mean of the joints, and (2,) size (width, height), in image px; None if
        fewer than two joints are labelled, or the longer side of the box around them is shorter
        than ``SMALLEST_BOX``.

    Example:
        >>> joints = np.array([[10.0, 10.0], [20.0, 29.0], [15.0, 80.0]])
        >>> half_body_box(joints, np.ones(3, bool), [0, 1], upper=True, aspect_ratio=1.0)
        (array([15. , 19.5]), array([30., 30.]))
    """
    wanted = np.full(len(joints), not upper)
    wanted[list(upper_body)] = upper
    chosen = joints[wanted & labelled]
    if len(chosen) < 2:
        return None
    corner = chosen.min(axis=0)
    extent = chosen.max(axis=0) - corner + 1
    if extent.max() < SMALLEST_BOX:
        return None
    _, size_wh = box_to_center_size(np.concatenate([corner, extent]), aspect_ratio, padding)
    return chosen.mean(axis=0), size_wh


def crop_affine(
    center: Floats, width: float, crop_wh: ImageSize, rotation_deg: float = 0.0
) -> Floats:
    """Return the similarity transform from image px to crop px for a window.

    The centre of the window maps to the centre of the crop, and the ``width`` pixels of the window
    map to the width of the crop.

    Args:
        center: (2,) centre of the window in image px.
        width: width of the window in image px, more than 1.
        crop_wh: (width, height) of the crop in px.
        rotation_deg: rotation of the window. Positive values turn the window clockwise on the
            screen and its content counter-clockwise.

    Returns:
        (2, 3) affine.

    Raises:
        ValueError: ``width`` is 1 or less.

    Example:
        >>> crop_affine(np.array([50.0, 40.0]), 21, (41, 41))
        array([[  2.,   0., -80.],
               [ -0.,   2., -60.]])
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
    """Invert affines.

    Args:
        affine: (..., 2, 3) affines.

    Returns:
        (..., 2, 3) inverse affines.

    Raises:
        numpy.linalg.LinAlgError: an affine is singular.

    Example:
        >>> invert_affine(np.array([[2.0, 0.0, 10.0], [0.0, 2.0, 20.0]]))
        array([[  0.5,   0. ,  -5. ],
               [  0. ,   0.5, -10. ]])
    """
    linear = np.linalg.inv(affine[..., :2])
    return np.concatenate([linear, -linear @ affine[..., 2:]], axis=-1)


def apply_affine(affine: Floats, xy: Floats) -> Floats:
    """Map points by affines.

    Args:
        affine: (..., 2, 3) affines.
        xy: (..., N, 2) points; leading dimensions broadcast with those of ``affine``.

    Returns:
        (..., N, 2) mapped points.

    Example:
        >>> apply_affine(np.array([[2.0, 0.0, 10.0], [0.0, 2.0, 20.0]]), np.array([[1.0, 3.0]]))
        array([[12., 26.]])
    """
    moved: Floats = xy @ affine[..., :2].swapaxes(-1, -2) + affine[..., None, :, 2]
    return moved
