"""Windows that search an image, and the one that holds a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.crop_window import CropWindow
from fidip.core.skeleton import HIPS, SHOULDERS
from fidip.core.types import ImageSize

SCALES = (1.0, 0.6)
"""Sizes of the windows that search an image, relative to the square around it."""
ROTATIONS = (0.0, 90.0, 180.0, 270.0)
PADDING = 1.4
"""A window's width relative to its key points' extent: wrists and crowns lie inside the body's box,
which is padded by 1.25."""


def search_windows(
    image_wh: ImageSize, aspect_ratio: float, rotations: Sequence[float] = ROTATIONS
) -> list[CropWindow]:
    """Windows all over an image, at ``SCALES`` and rotations in degrees; smaller ones overlap by half."""
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
    """Windows around a person's box in image px, each as large as the box that it sees turned."""
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
    """Centres of windows that cover a length of px, the middle alone where one does."""
    if steps == 1 or width >= length:
        return [(length - 1) / 2]
    return np.linspace(width / 2, length - 1 - width / 2, steps).tolist()


def window_around(xy: Floats, scores: NDArray[np.float32], aspect_ratio: float) -> CropWindow:
    """The window that holds the surer half of (K, 2) key points, turned so that the torso is upright.

    The less sure half counts where it lies within the surer one's reach.
    """
    up = xy[SHOULDERS].mean(axis=0) - xy[HIPS].mean(axis=0)
    angle = math.atan2(up[0], -up[1])  # image y points down
    cos, sin = math.cos(angle), math.sin(angle)
    to_window = np.array([[cos, sin], [-sin, cos]])
    turned = xy @ to_window.T
    sure = turned[scores >= np.median(scores)]
    middle, reach = np.median(sure, axis=0), np.ptp(sure, axis=0).max()
    held = turned[(np.abs(turned - middle) <= reach).all(axis=1)]
    low, high = held.min(axis=0), held.max(axis=0)
    width, height = high - low
    width = max(width, height * aspect_ratio, 2.0) * PADDING
    return CropWindow(((low + high) / 2) @ to_window, float(width), math.degrees(angle))


def held_to(window: CropWindow, image_wh: ImageSize, aspect_ratio: float) -> CropWindow:
    """A window centred within the image, at most twice as large: one that follows nothing stays near."""
    size = max(image_wh[0], image_wh[1] * aspect_ratio)
    center = np.clip(window.center, 0, np.array(image_wh) - 1)
    return replace(window, center=center, width=min(window.width, 2 * size))
