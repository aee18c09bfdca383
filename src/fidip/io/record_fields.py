"""Checked fields of JSON records of unknown quality."""

from __future__ import annotations

import math
import os
import reprlib
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.geometry import SMALLEST_BOX
from fidip.core.skeleton import COCO17
from fidip.io.records import RecordError

LARGEST = 1e12
"""Limit of coordinates in px and areas in px²."""
LONGEST_SIDE = 2**20
"""Largest image side in px that OpenCV reads."""
LONGEST_TEXT = 1000
LONGEST_NAME = 255
"""Longest file name in bytes that file systems support."""


def integer(record: dict[str, Any], field: str) -> int:
    """Return a field that is a 64-bit integer.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value = record.get(field)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise RecordError(f"{field} is {_shown(record, field)}, expected an integer of 64 bits")
    return value


def number(record: dict[str, Any], field: str) -> float:
    """Return a field that is a finite number.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value = record.get(field)
    if not _is_number(value):
        raise RecordError(
            f"{field} is {_shown(record, field)}, expected a finite number{_limit(value)}"
        )
    return float(record[field])


def positive(record: dict[str, Any], field: str) -> float:
    """Return a field that is a finite number above 0.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value = number(record, field)
    if value <= 0:
        raise RecordError(f"{field} is {value:g}, expected a number above 0")
    return value


def image_side(record: dict[str, Any], field: str) -> int:
    """Return a field that is the width or height of an image; 640.0 is accepted as 640.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value: Any = record.get(field)
    if type(value) not in (int, float) or not 1 <= value <= LONGEST_SIDE or value % 1:
        raise RecordError(
            f"{field} is {_shown(record, field)}, expected a whole number of px from 1 to "
            f"{LONGEST_SIDE}"
        )
    return int(value)


def flag(record: dict[str, Any], field: str) -> bool | None:
    """Return a boolean field, which may be written as 1 or 0; None if it is missing or null.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field has another value.

    Example:
        >>> flag({"iscrowd": 1}, "iscrowd"), flag({}, "iscrowd")
        (True, None)
    """
    value = record.get(field)
    if value is not None and (type(value) not in (bool, int) or value not in (0, 1)):
        raise RecordError(f"{field} is {_shown(record, field)}, expected true or false")
    return None if value is None else bool(value)


def text(record: dict[str, Any], field: str) -> str:
    """Return a field that is a non-empty printable string of one line.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value = record.get(field)
    if not isinstance(value, str) or not value:
        raise RecordError(f"{field} is {_shown(record, field)}, expected a text")
    if len(value) > LONGEST_TEXT:
        raise RecordError(
            f"{field} is {_shown(record, field)} of {len(value)} characters, expected at most "
            f"{LONGEST_TEXT}"
        )
    if not all(map(_is_plain, value)):
        raise RecordError(
            f"{field} is {value!a}, expected a text without control characters and halves of "
            "surrogate pairs"
        )
    return value


def file_name(record: dict[str, Any], field: str = "file_name") -> str:
    """Return a field that is a relative path of a file inside a folder.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing, or the path leads out of its folder.
    """
    return below(field, text(record, field))


def below(field: str, name: str) -> str:
    """Return a relative path after checking that it does not leave its folder.

    Args:
        field: name of the field, for the message.
        name: the path.

    Raises:
        RecordError: it is absolute, leads out of the folder, or names the folder itself.

    Example:
        >>> below("file_name", "a/b.jpg")
        'a/b.jpg'
    """
    if os.path.isabs(name) or os.path.normpath(name).split(os.sep)[0] in (".", ".."):
        raise RecordError(
            f"{field} is {reprlib.repr(name)}, expected a path inside the folder of images"
        )
    if any(len(part.encode()) > LONGEST_NAME for part in name.split("/")):
        raise RecordError(
            f"{field} is {reprlib.repr(name)}, expected names of at most {LONGEST_NAME} bytes"
        )
    return name


def objects(record: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """Return a field that is a list of objects; an empty list if it is missing or null.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field has another value.
    """
    values = record.get(field)
    if values is None:
        return []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise RecordError(f"{field} is {_shown(record, field)}, expected a list of objects")
    return values


def mapping(record: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a field that is an object.

    Args:
        record: the record.
        field: name of the field.

    Raises:
        RecordError: the field is missing or has another value.
    """
    value = record.get(field)
    if not isinstance(value, dict):
        raise RecordError(f"{field} is {_shown(record, field)}, expected an object")
    return value


def numbers(record: dict[str, Any], field: str, count: int) -> NDArray[np.float64]:
    """Return a field that is a list of finite numbers.

    Args:
        record: the record.
        field: name of the field.
        count: expected number of values.

    Returns:
        (count,) values.

    Raises:
        RecordError: the field is missing or has another value.

    Example:
        >>> numbers({"bbox": [1, 2, 3, 4]}, "bbox", 4)
        array([1., 2., 3., 4.])
    """
    values = record.get(field)
    if not isinstance(values, list):
        raise RecordError(f"{field} is {_shown(record, field)}, expected a list of numbers")
    if len(values) != count:
        raise RecordError(f"{field} has {len(values)} values, expected {count}")
    odd = next((value for value in values if not _is_number(value)), values)
    if odd is not values:
        raise RecordError(f"{field} has {reprlib.repr(odd)}, expected finite numbers{_limit(odd)}")
    return np.array(values, dtype=np.float64)


def box(record: dict[str, Any], image_wh: ImageSize) -> NDArray[np.float64]:
    """Return the field ``bbox`` after checking that it is large enough and overlaps the image.

    Args:
        record: the record.
        image_wh: (width, height) of the image in px.

    Returns:
        (4,) box xywh in image px.

    Raises:
        RecordError: the box is missing, malformed, too small or outside of the image.
    """
    bbox = numbers(record, "bbox", 4)
    left, top, width, height = bbox.tolist()
    if width <= 0 or height <= 0:
        raise RecordError(f"bbox {bbox.tolist()} has no area, expected width and height above 0")
    if left >= image_wh[0] or top >= image_wh[1] or left + width <= 0 or top + height <= 0:
        size = "x".join(map(str, image_wh))
        raise RecordError(f"bbox {bbox.tolist()} lies outside its image of {size} px")
    shown = np.minimum(bbox[:2] + bbox[2:], image_wh) - np.maximum(bbox[:2], 0)
    if shown.max() < SMALLEST_BOX:
        raise RecordError(f"bbox {bbox.tolist()} shows less than {SMALLEST_BOX} px of a person")
    return bbox


def keypoints(record: dict[str, Any]) -> NDArray[np.float64]:
    """Return the field ``keypoints``.

    Args:
        record: the record.

    Returns:
        (K, 3) x and y in image px, and visibility.

    Raises:
        RecordError: the field is missing or malformed.
    """
    triplets = numbers(record, "keypoints", 3 * len(COCO17)).reshape(-1, 3)
    odd = set(triplets[:, 2].tolist()) - {0, 1, 2}
    if odd:
        raise RecordError(f"keypoints has visibility {min(odd):g}, expected 0, 1 or 2")
    return triplets


def _is_number(value: object) -> bool:
    """Return whether a JSON value is a number within ``LARGEST``; booleans are not numbers."""
    return type(value) in (int, float) and -LARGEST <= value <= LARGEST  # type: ignore[operator]


def _limit(value: object) -> str:
    """Return the limit that a value exceeds, for the message; empty for other values."""
    too_large = type(value) is int or (type(value) is float and math.isfinite(value))
    return f" between -{LARGEST:g} and {LARGEST:g}" if too_large else ""


def _is_plain(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) not in (
        "Cc",
        "Cs",
        "Zl",
        "Zp",
    )


def _shown(record: dict[str, Any], field: str) -> str:
    return reprlib.repr(record[field]) if field in record else "missing"
