"""Crop windows that search an image, and the window around a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, ImageSize
from fidip.core.crop_window import CropWindow
from fidip.core.skeleton import HIPS, SHOULDERS

SCALES = (1.0, 0.6)
"""Sizes of the windows that search an image, relative to the square around it."""
ROTATIONS = (0.0, 90.0, 180.0, 270.0)
"""Rotations of search windows in degrees."""
PADDING = 1.4
"""Width of a window relative to the extent of the keypoints.

It is larger than the padding of a box (1.25), because the outline of the body extends beyond the
keypoints.
"""


def search_windows(
    image_wh: ImageSize, aspect_ratio: float, rotations: Sequence[float] = ROTATIONS
) -> list[CropWindow]:
    """Return windows that cover an image, at ``SCALES`` and several rotations.

    Windows smaller than the image overlap by half.

    Args:
        image_wh: (width, height) of the image in px.
        aspect_ratio: width / height of a window.
        rotations: rotations in degrees.

    Example:
        >>> windows = search_windows((640, 480), 0.75, rotations=[0])
        >>> len(windows), windows[0].width
        (4, 640.0)
    """
    size = max(image_wh[0], image_wh[1] * aspect_ratio)
    windows = []
    for scale in SCALES:
        width = size * scale
        steps = [max(1, math.ceil(2 * (length / (width / unit) - 1)) + 1)
                 for length, unit in zip(image_wh, (1, aspect_ratio), strict=True)]  # fmt: skip
        for y in _centers(image_wh[1], width / aspect_ratio, steps[1]):
            for x in _centers(image_wh[0], width, steps[0]):
                center = np.array([x, y])
                windows += [CropWindow(center, width, rotation) for rotation in rotations]
    return windows


def box_windows(
    box_xywh: Floats, aspect_ratio: float, rotations: Sequence[float] = ROTATIONS
) -> list[CropWindow]:
    """Return windows around the box of a person, each large enough for the rotated box.

    Args:
        box_xywh: (4,) box in image px.
        aspect_ratio: width / height of a window.
        rotations: rotations in degrees.

    Example:
        >>> box = np.array([0.0, 0.0, 40.0, 80.0])
        >>> [round(window.width, 2) for window in box_windows(box, 0.75, rotations=[0, 90])]
        [75.0, 100.0]
    """
    center = box_xywh[:2] + (box_xywh[2:] - 1) / 2
    windows = []
    for rotation in rotations:
        cos, sin = abs(math.cos(math.radians(rotation))), abs(math.sin(math.radians(rotation)))
        width, height = np.array([[cos, sin], [sin, cos]]) @ box_xywh[2:]
        windows.append(
            CropWindow(center, float(max(width, height * aspect_ratio, 2)) * 1.25, rotation)
        )
    return windows


def _centers(length: int, width: float, steps: int) -> list[float]:
    """Return centres of windows that cover a length in px: the middle if one is enough."""
    if steps == 1 or width >= length:
        return [(length - 1) / 2]
    return np.linspace(width / 2, length - 1 - width / 2, steps).tolist()


def window_around(xy: Floats, scores: NDArray[np.float32], aspect_ratio: float) -> CropWindow:
    """Return the window around the keypoints of a person, rotated so that the torso is upright.

    The window contains the more confident half of the keypoints, and those of the other half that
    are close to them.

    Args:
        xy: (K, 2) keypoints in image px.
        scores: (K,) confidences.
        aspect_ratio: width / height of the window.
    """
    up = xy[SHOULDERS].mean(axis=0) - xy[HIPS].mean(axis=0)
    angle = math.atan2(up[0], -up[1])  # image y points down
    cos, sin = math.cos(angle), math.sin(angle)
    to_window = np.array([[cos, sin], [-sin, cos]])
    turned = xy @ to_window.T
    held = turned[near_sure(turned, scores)]
    low, high = held.min(axis=0), held.max(axis=0)
    width, height = high - low
    width = max(width, height * aspect_ratio, 2.0) * PADDING
    return CropWindow(((low + high) / 2) @ to_window, float(width), math.degrees(angle))


def near_sure(xy: Floats, scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which keypoints are close to the certain half of them.

    Args:
        xy: (K, 2) keypoints.
        scores: (K,) confidences.

    Returns:
        (K,) mask.

    Example:
        >>> xy = np.array([[0.0, 0], [1, 1], [2, 2], [90, 0]])
        >>> near_sure(xy, np.array([0.9, 0.8, 0.2, 0.1], np.float32))
        array([ True,  True, False, False])
    """
    sure = xy[scores >= np.median(scores)]
    middle, reach = np.median(sure, axis=0), np.ptp(sure, axis=0).max()
    return np.asarray((np.abs(xy - middle) <= reach).all(axis=1))


def held_to(window: CropWindow, image_wh: ImageSize, aspect_ratio: float) -> CropWindow:
    """Return a window limited to an image: centred within it, and at most twice its size.

    Without this limit, the window of a lost person could drift away.

    Args:
        window: window to limit.
        image_wh: (width, height) of the image in px.
        aspect_ratio: width / height of the window.

    Example:
        >>> window = held_to(CropWindow(np.array([-50.0, 20.0]), 500.0), (100, 80), 1.0)
        >>> window.center, window.width
        (array([ 0., 20.]), 200)
    """
    size = max(image_wh[0], image_wh[1] * aspect_ratio)
    center = np.clip(window.center, 0, np.array(image_wh) - 1)
    return replace(window, center=center, width=min(window.width, 2 * size))
