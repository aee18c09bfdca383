"""Image files: decoding, encoding and writing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fidip.core.arrays import Image
from fidip.core.errors import DataError, shown
from fidip.io.atomic import write_atomic

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # errors are raised below

HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftypmif1", b"ftyphevc")
TO_JPEG = "Convert it to JPEG, for example with 'heif-convert IN.heic OUT.jpg', and run again"
JPEG_QUALITY = 95


def decode_rgb(data: bytes, path: Path) -> Image:
    """Decode the content of an image file and apply its EXIF orientation.

    Greyscale images get three equal channels, alpha is dropped, 16 bits are reduced to 8, and CMYK
    is converted to RGB. Animations are decoded to their first frame.

    Args:
        data: content of the file.
        path: the file, for the message.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: the file is empty, truncated, too large or not an image.
    """
    if not data:
        raise DataError(f"{shown(path)}: the file is empty; copy it again")
    if data[4:12] in HEIC_BRANDS:
        raise DataError(f"{shown(path)}: is a HEIC image, which cannot be read. {TO_JPEG}")
    buffer = np.frombuffer(data, dtype=np.uint8)
    try:
        image: Image | None = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:  # the header announces more pixels than OpenCV decodes
        raise DataError(
            f"{shown(path)}: cannot be decoded ({_reason(error)}); expected an image of at most "
            "2^30 px. Copy it again, or make it smaller"
        ) from error
    if image is None:
        raise DataError(f"{shown(path)}: not an image, or cut short; copy it again")
    return image


def encode_image(image: Image, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """Encode an image in the format of a file suffix.

    Args:
        image: (H, W, 3) uint8 RGB.
        suffix: file suffix, such as ``.png``.
        quality: JPEG quality, 0 to 100.

    Returns:
        The content of the image file.

    Raises:
        ValueError: the format is unknown or does not support the image.

    Example:
        >>> encode_image(np.zeros((8, 8, 3), np.uint8), ".jpg")[:2].hex()
        'ffd8'
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix in (".jpg", ".jpeg") else []
    try:
        done, data = cv2.imencode(suffix, image[..., ::-1], options)
    except cv2.error as error:
        raise ValueError(f"{suffix}: {_reason(error)}") from error
    if not done:
        raise ValueError(f"{suffix}: cannot hold an image of shape {image.shape}")
    return data.tobytes()


def write_image(
    path: Path, image: Image, quality: int = JPEG_QUALITY, is_synced: bool = True
) -> None:
    """Write an image atomically in the format of the file's suffix; creates missing folders.

    Args:
        path: the file.
        image: (H, W, 3) uint8 RGB.
        quality: JPEG quality, 0 to 100.
        is_synced: as for ``write_atomic``.

    Raises:
        ValueError: the format is unknown or does not support the image.
        DiskError: the file cannot be written.
    """
    data = encode_image(image, path.suffix.lower(), quality)
    write_atomic(path, lambda file: file.write(data), is_synced=is_synced)


def _reason(error: cv2.error) -> str:
    """Return OpenCV's message without the position in its source."""
    return " ".join(str(error.err).split())
