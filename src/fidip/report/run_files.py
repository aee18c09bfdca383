"""Reading and checking of the files in a run directory that a comparison needs."""

from __future__ import annotations

import csv
import reprlib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fidip.core.errors import DamagedRunError, DataError, reason
from fidip.io.json import read_object
from fidip.io.yaml import load_settings
from fidip.metrics import NAMES
from fidip.metrics.body_scale import PCKSH
from fidip.metrics.results import SCHEMA_VERSION, Results

Curves = dict[str, list[tuple[float, float]]]
"""(epoch, value) pairs by column of ``metrics.csv``, of the rows that have a value."""

LONGEST_RUN_NAME = 200
LARGEST_NUMBER = 1e15
"""Limit of numbers in figures; larger ones break the axes."""
REPAIR = "restore the file, or evaluate or train the run again"
RESTORE = REPAIR.capitalize()


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


RoundedFraction = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6)]  # tolerates rounding errors
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=0)]
Ends = Annotated[list[RoundedFraction], Field(min_length=2, max_length=2)]
Line = Annotated[str, AfterValidator(_printable)]
Name = Annotated[Line, Field(min_length=1, max_length=LONGEST_RUN_NAME)]


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Joint(_Stored):
    pck: Annotated[RoundedFraction | None, Field(alias="pck@0.1")] = None
    kinds: dict[str, RoundedFraction | None] = {}


class _Bin(_Stored):
    score: float
    oks: RoundedFraction


class _Reliability(_Stored):
    ece: float
    bins: list[_Bin]


class _Slice(_Stored):
    people: int
    AP: RoundedFraction | None
    interval: Ends | None


class _BodyScaled(_Stored):
    pcksh: Annotated[RoundedFraction | None, Field(alias=PCKSH)]
    mks: RoundedFraction | None
    people: Count
    left_out: Count


class _Video(_Stored):
    frames: Count
    missed: Count
    redundant: Count


class _Source(_Stored):
    split: Line
    AP: RoundedFraction | None
    AP_before: RoundedFraction | None


class _Results(_Stored):
    """Fields of ``results.json`` that a comparison reads; see ``fidip.metrics.results``."""

    schema_version: Annotated[int, Field(ge=1, le=SCHEMA_VERSION)] = 1
    experiment: Name
    seed: Seed
    instances: Count
    box_source: Line
    area_source: Line
    minutes: Annotated[float, Field(ge=0)] = 0.0
    metrics: dict[str, RoundedFraction | None]
    intervals: dict[str, Ends | None]
    per_joint: dict[Name, _Joint] = {}
    kinds: dict[str, RoundedFraction | None] = {}
    body_scaled: _BodyScaled | None = None
    reliability: _Reliability | None = None
    slices: dict[Name, dict[Name, _Slice]] = {}
    videos: dict[str, _Video] = {}
    source: _Source | None = None


class _Environment(_Stored):
    """Fields of ``environment.json`` that a comparison reads."""

    seed: Seed = 0
    data_root: str = ""
    data_sha256: Line = ""
    test_json: str = ""
    test_images: str = ""
    commit: Line | None = None
    device: Line = ""
    command: str = ""


def read_scores(path: Path) -> Results:
    """Read a ``results.json``.

    Args:
        path: the file, of this version of fidip or an earlier one.

    Returns:
        The results.

    Raises:
        DamagedRunError: the file is unreadable, or a field has the wrong type or range.
    """
    content = _checked(path, _Results)
    missing = [name for name in NAMES if name not in content["metrics"]]
    if missing:
        raise DamagedRunError(
            f"{path}: metrics has no {missing[0]}; expected {', '.join(NAMES)}. {RESTORE}"
        )
    return Results.from_json(content)


def read_environment(path: Path) -> dict[str, Any]:
    """Read an ``environment.json``.

    Args:
        path: the file.

    Raises:
        DamagedRunError: the file is unreadable, or a field has the wrong type.
    """
    return _checked(path, _Environment)


def _checked(path: Path, model: type[_Stored]) -> dict[str, Any]:
    try:
        content = read_object(path, REPAIR)
        model.model_validate(content)
    except DataError as error:
        raise DamagedRunError(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        value = "missing" if first["type"] == "missing" else reprlib.repr(first["input"])
        why = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if not why.startswith("expected"):
            why = f"expected {why[0].lower()}{why[1:]}"
        raise DamagedRunError(f"{path}: {where} is {value}; {why}. {RESTORE}") from error
    return content


def read_plain_config(path: Path) -> dict[str, Any]:
    """Read a ``config.yaml``, which fidip writes with all interpolations resolved.

    Interpolations are refused, because their resolvers run code and read the environment.

    Args:
        path: the file.

    Raises:
        DamagedRunError: the file is unreadable or empty, or contains anything but plain settings.
    """
    content = load_settings(path)
    for key, value in flatten(content).items():
        if "${" in str(value) or not key.isprintable():
            raise DamagedRunError(
                f"{path}: {key!r} is {reprlib.repr(value)}; expected a plain value without "
                f"interpolation. {RESTORE}"
            )
    return {str(key): value for key, value in content.items()}


def flatten(node: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted key; lists become tuples, and integral floats integers.

    Args:
        node: nested settings.
        prefix: prefix of all keys.

    Example:
        >>> flatten({"optimizer": {"lr": 0.1}, "sides": [192, 256], "scale": 1.0})
        {'optimizer.lr': 0.1, 'sides': (192, 256), 'scale': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_plain, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_NUMBER:
        return int(value)  # 1.0 and 1 are the same setting
    return value


def read_curves(path: Path) -> Curves:
    """Read the columns of a ``metrics.csv``; empty if the file does not exist.

    Args:
        path: the file.

    Raises:
        DamagedRunError: the file is unreadable, or a row does not fit its header.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DamagedRunError(f"{path}: not valid CSV ({reason(error)}). {RESTORE}") from error
    curves: Curves = {}
    if rows and "epoch" not in header:
        raise DamagedRunError(f"{path}: has no column epoch. {RESTORE}")
    for number, cells in enumerate(rows, start=2):
        try:
            row = dict(zip(header, cells, strict=True))
            epoch = _drawable(row["epoch"] or "0")
            for name, cell in row.items():
                if cell and name not in ("epoch", "step"):
                    curves.setdefault(name, []).append((epoch, _drawable(cell)))
        except ValueError as error:
            raise DamagedRunError(
                f"{path}: row {number} is {reprlib.repr(','.join(cells))}; expected {len(header)} "
                f"numbers or empty cells. {RESTORE}"
            ) from error
    return curves


def _drawable(cell: str) -> float:
    value = float(cell)
    if abs(value) > LARGEST_NUMBER and value not in (float("inf"), -float("inf")):
        raise ValueError(cell)
    return value
