"""JSON records of unknown quality: read, checked field by field, complained about in one line."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fidip.errors import DataError
from fidip.skeleton import COCO17
from fidip.types import ImageSize

T = TypeVar("T")
NAMED = 3
"""How many of a file's problems its error spells out; the others are counted."""
SMALLEST_BOX = 4
"""Longer side in px, within the image, from which every augmentation leaves something to crop."""


class RecordError(Exception):
    """A record is not what it should be; the message says which field, and what was expected."""


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: the file is missing, unreadable, empty or not JSON.
    """
    data = read_bytes(path)
    if not data.strip():
        raise DataError(f"{path}: the file is empty; copy or export it again")
    try:
        return json.loads(data)
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}); copy or export it again") from error


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def parse_records(
    path: Path, kind: str, records: Iterable[Any], parse: Callable[[dict[str, Any]], T]
) -> list[T]:
    """Parse all records of a file; whatever is wrong with them comes out in one error.

    Raises:
        DataError: names the first problems and counts the others.
    """
    parsed, problems = try_records(kind, records, parse)
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the file")
    return parsed


def try_records(
    kind: str, records: Iterable[Any], parse: Callable[[dict[str, Any]], T]
) -> tuple[list[T], list[str]]:
    """Parse the records that can be parsed.

    Args:
        kind: what a record is called in the messages.
        records: JSON values that should be objects with an ``id``.
        parse: makes a value of a record, or raises RecordError.

    Returns:
        The values, and a message for every other record.
    """
    parsed, problems = [], []
    for position, record in enumerate(records):
        try:
            parsed.append(parse(_as_object(record)))
        except RecordError as problem:
            problems.append(f"{kind} {_name(record, position)}: {problem}")
    return parsed, problems


def _as_object(record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise RecordError(f"is {reprlib.repr(record)}, expected an object")
    return record


def _name(record: Any, position: int) -> str:
    """The record's id, or where it stands in its list when it has none."""
    if isinstance(record, dict) and "id" in record:
        return reprlib.repr(record["id"])
    return f"at position {position}"


def listed(problems: Sequence[str]) -> str:
    """The first problems in words, the others in number."""
    more = len(problems) - NAMED
    return "; ".join(problems[:NAMED]) + (f"; and {more} more problems" if more > 0 else "")


def integer(record: dict[str, Any], field: str) -> int:
    """A field that is a whole number."""
    value = record.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RecordError(f"{field} is {_shown(record, field)}, expected an integer")
    return value


def number(record: dict[str, Any], field: str) -> float:
    """A field that is a finite number."""
    value = record.get(field)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecordError(f"{field} is {_shown(record, field)}, expected a finite number")
    return float(value)


def positive(record: dict[str, Any], field: str) -> float:
    """A field that is a finite number above 0."""
    value = number(record, field)
    if value <= 0:
        raise RecordError(f"{field} is {value:g}, expected a number above 0")
    return value


def text(record: dict[str, Any], field: str) -> str:
    """A field that is a string with something in it."""
    value = record.get(field)
    if not isinstance(value, str) or not value:
        raise RecordError(f"{field} is {_shown(record, field)}, expected a text")
    return value


def numbers(record: dict[str, Any], field: str, count: int) -> NDArray[np.float64]:
    """A field that is a list of ``count`` finite numbers, as a (count,) array."""
    values = record.get(field)
    if not isinstance(values, list):
        raise RecordError(f"{field} is {_shown(record, field)}, expected a list of numbers")
    if len(values) != count:
        raise RecordError(f"{field} has {len(values)} values, expected {count}")
    odd = [value for value in values if not isinstance(value, (int, float))]
    array = np.array([] if odd else values, dtype=np.float64)
    odd += array[~np.isfinite(array)].tolist()
    if odd:
        raise RecordError(f"{field} has {reprlib.repr(odd[0])}, expected finite numbers")
    return array


def box(record: dict[str, Any], image_wh: ImageSize) -> NDArray[np.float64]:
    """``bbox``, a (4,) box xywh in image px that is large enough to crop and meets the image."""
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
    """``keypoints``, a (K, 3) array of x and y in image px and visibility."""
    triplets = numbers(record, "keypoints", 3 * len(COCO17)).reshape(-1, 3)
    odd = set(triplets[:, 2].tolist()) - {0, 1, 2}
    if odd:
        raise RecordError(f"keypoints has visibility {min(odd):g}, expected 0, 1 or 2")
    return triplets


def _shown(record: dict[str, Any], field: str) -> str:
    return reprlib.repr(record[field]) if field in record else "missing"
