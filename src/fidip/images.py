"""Photographs as arrays."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.errors import DataError


def decode_rgb(data: bytes, path: Path) -> NDArray[np.uint8]:
    """The (H, W, 3) uint8 RGB image in the bytes of a file, turned as its EXIF orientation says.

    Grey images get three equal channels, alpha is dropped, 16 bits become 8, CMYK becomes RGB.

    Args:
        data: content of the file.
        path: the file, for the message.

    Raises:
        DataError: the file is empty, not an image, or cut short.
    """
    if not data:
        raise DataError(f"{path}: the file is empty; copy it again")
    buffer = np.frombuffer(data, dtype=np.uint8)
    image: NDArray[np.uint8] | None = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise DataError(f"{path}: not an image, or cut short; copy it again")
    return image
