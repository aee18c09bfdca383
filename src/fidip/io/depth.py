"""Conversion of depth images to 8 bits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Image
from fidip.core.errors import DataError, shown
from fidip.io.json import read_bytes

NEAREST, FARTHEST = 255, 1
"""Grey levels of the two ends of the range. Pixels without a measurement are 0."""


def read_depth(path: Path) -> NDArray[np.uint16]:
    """Read a depth image.

    Args:
        path: an image file with one channel of 16 bits, such as PNG.

    Returns:
        (H, W) depth in the unit of the file, usually mm; 0 where nothing was measured.

    Raises:
        DataError: the file cannot be read, or is another image.
    """
    data = np.frombuffer(read_bytes(path), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 2 or image.dtype != np.uint16:
        found = "not an image" if image is None else f"{image.dtype} {image.shape}"
        raise DataError(
            f"{shown(path)}: is {found}; expected a depth image with one channel of 16 bits. "
            "Leave out depth="
        )
    return image.astype(np.uint16)


def depth_to_grey(depth: NDArray[np.uint16], near: float, far: float) -> Image:
    """Return a depth image as grey levels: near is bright, far is dark.

    The level is 255 at ``near`` or nearer, 1 at ``far`` or farther, linear in between and rounded,
    and 0 where nothing was measured.

    Args:
        depth: (H, W) depth, 0 where nothing was measured.
        near: depth of level 255.
        far: depth of level 1, larger than ``near``.

    Returns:
        (H, W, 3) uint8 image with equal channels.

    Example:
        >>> depth_to_grey(np.array([[0, 400, 500, 1000, 1500, 9000]], np.uint16), 500, 1500)[..., 0]
        array([[  0, 255, 255, 128,   1,   1]], dtype=uint8)
    """
    place = np.clip((depth.astype(np.float64) - near) / (far - near), 0, 1)
    level = np.rint(NEAREST + (FARTHEST - NEAREST) * place)
    grey = np.where(depth == 0, 0, level).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
