"""Reading and writing of JSON files.

Files of unknown origin are supported: reading returns their content or raises an error of one line.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fidip.core.errors import DataError, RunError
from fidip.io.atomic import write_text_atomic

AGAIN = "copy or export it again"


def read_json(path: Path, remedy: str = AGAIN) -> Any:
    """Read a JSON file in UTF-8, UTF-16 or UTF-32.

    Numbers may be NaN or infinite, as Python writes them; readers of fields check for that.

    Args:
        path: the file.
        remedy: what to do about a damaged file, for the message.

    Returns:
        Nested dictionaries, lists, strings, numbers, booleans and None.

    Raises:
        DataError: the file is missing, unreadable, empty, not JSON, nested too deeply, or an object
            has a key twice.
    """
    return parse_json(read_bytes(path), path, remedy)


def parse_json(data: bytes, path: Path, remedy: str = AGAIN) -> Any:
    """Parse JSON.

    Args:
        data: JSON in UTF-8, UTF-16 or UTF-32.
        path: the file that contains it, for the message.
        remedy: as for ``read_json``.

    Returns:
        As ``read_json``.

    Raises:
        DataError: as for ``read_json``.

    Example:
        >>> parse_json(b'{"a": [1, 2.5]}', Path("a.json"))
        {'a': [1, 2.5]}
    """
    if not data.strip():
        raise DataError(f"{path}: the file is empty; {remedy}")
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_int=_integer)
    except _TwiceError as error:
        raise DataError(
            f"{path}: an object has the key {error} twice; expected it once. Remove one of the two"
        ) from error
    except RecursionError as error:
        raise DataError(
            f"{path}: lists or objects are nested too deeply for any known format; {remedy}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not text in UTF-8 ({error.reason} at byte {error.start}); expected "
            "JSON. Save it as UTF-8, or name another file"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}); {remedy}") from error


def read_object(path: Path, remedy: str = AGAIN) -> dict[str, Any]:
    """Read a JSON file that contains an object.

    Args:
        path: the file.
        remedy: as for ``read_json``.

    Returns:
        The object.

    Raises:
        DataError: as for ``read_json``, or the file contains something else.
    """
    content = read_json(path, remedy)
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds {reprlib.repr(content)}; expected a JSON object; {remedy}")
    return content


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Args:
        path: the file.

    Raises:
        DataError: it cannot be read, or is a folder, a pipe or a device.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: not a regular file; expected a file to read")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a NUL or a lone surrogate in its name
        raise DataError(f"{str(path)!a}: no file can have this name ({error})") from error


def write_json(path: Path, content: object, compact: bool = False) -> None:
    """Write a JSON file atomically; creates missing folders.

    Args:
        path: the file.
        content: a value that ``json.dumps`` accepts.
        compact: write one line instead of indenting.

    Raises:
        RunError: a number is NaN or infinite, which JSON does not support. Nothing is written.
        DiskError: the file cannot be written.
    """
    try:
        text = json.dumps(content, allow_nan=False) if compact else to_json(content)
    except ValueError as error:
        field = next(_not_finite(content, ""), "a number")
        raise RunError(
            f"{path}: {field} is NaN or infinite; expected finite numbers. Check for a training "
            "run that diverged, or weights with NaN"
        ) from error
    write_text_atomic(path, text)


def to_json(content: object) -> str:
    r"""Return indented JSON of whole lines.

    Args:
        content: a value that ``json.dumps`` accepts.

    Raises:
        ValueError: a number is NaN or infinite.

    Example:
        >>> to_json([1])
        '[\n  1\n]\n'
    """
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _not_finite(content: object, name: str) -> Iterator[str]:
    """Yield the dotted names of all numbers that are NaN or infinite."""
    if isinstance(content, float) and not math.isfinite(content):
        yield name
    if isinstance(content, Mapping):
        content = list(content.items())
    elif isinstance(content, list | tuple):
        content = list(enumerate(content))
    else:
        return
    for key, value in content:
        yield from _not_finite(value, f"{name}.{key}".lstrip("."))


class _TwiceError(Exception):
    """Error for a key that occurs twice in an object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise _TwiceError(ascii(twice)[:80])
    return content


def _integer(digits: str) -> int | float:
    """Return an integer, or infinity if it has more digits than Python converts."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)
