"""Parsing of lists of JSON records of unknown quality; every problem is one line."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fidip.core.errors import DataError

T = TypeVar("T")
Record = dict[str, Any]
"""JSON object in a file."""
NAMED = 3
"""Number of problems that an error message lists; the others are counted."""


class RecordError(Exception):
    """Error of a record; the message names the field and the expected value."""


def parse_records(
    path: Path, kind: str, records: Iterable[Any], parse: Callable[[dict[str, Any]], T]
) -> list[T]:
    """Parse all records of a file and report all problems in one error.

    Args:
        path: the file, for the message.
        kind: name of a record in messages.
        records: JSON values that should be objects.
        parse: converts a record, or raises RecordError.

    Returns:
        The converted records.

    Raises:
        DataError: a record is malformed. The message lists the first problems and counts the
            others.
    """
    parsed, problems = try_records(kind, records, parse)
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the file")
    return parsed


def try_records(
    kind: str, records: Iterable[Any], parse: Callable[[dict[str, Any]], T]
) -> tuple[list[T], list[str]]:
    """Parse records and collect the problems of those that are malformed.

    Args:
        kind: name of a record in messages.
        records: JSON values that should be objects with an ``id``.
        parse: converts a record, or raises RecordError.

    Returns:
        The converted records, and a message for each malformed one.
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
    """Return the id of a record, or its position if it has none."""
    if isinstance(record, dict) and "id" in record:
        return reprlib.repr(record["id"])
    return f"at position {position}"


def listed(problems: Sequence[str]) -> str:
    """Return a text with the first problems and the number of the others.

    Args:
        problems: messages.

    Example:
        >>> listed(["a", "b", "c", "d", "e"])
        'a; b; c; and 2 more problems'
    """
    more = len(problems) - NAMED
    return "; ".join(problems[:NAMED]) + (f"; and {more} more problems" if more > 0 else "")
