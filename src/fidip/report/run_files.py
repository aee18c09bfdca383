"""The files of a run directory that a comparison reads, checked before anything uses them."""

from __future__ import annotations

import csv
import io
import json
import reprlib
from pathlib import Path
from typing import Annotated, Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from fidip.errors import DamagedRunError
from fidip.metrics import NAMES

Curves = dict[str, list[tuple[float, float]]]
"""By column of ``metrics.csv``: (epoch, value) of every row that has a value."""

LONGEST_NAME = 200
DEEPEST, LONGEST_CONFIG = 30, 2**18
"""Levels and characters of a ``config.yaml``; PyYAML takes minutes for much more."""
LARGEST = 1e15
"""Numbers that are drawn are smaller; larger ones break the axes."""
RESTORE = "Restore the file, or evaluate or train the run again"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text without control characters")
    return text


Share = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6)]  # what rounding adds is no damage
Ends = Annotated[list[Share], Field(min_length=2, max_length=2)]
Line = Annotated[str, AfterValidator(_printable)]
Name = Annotated[Line, Field(min_length=1, max_length=LONGEST_NAME)]


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Joint(_Stored):
    pck: Annotated[Share | None, Field(alias="pck@0.1")] = None
    kinds: dict[str, Share | None] = {}


class _Bin(_Stored):
    score: float
    oks: Share


class _Reliability(_Stored):
    ece: float
    bins: list[_Bin]


class _Slice(_Stored):
    people: int
    AP: Share | None
    interval: Ends | None


class _Results(_Stored):
    """What a comparison reads of ``results.json``; other keys are left as they are."""

    experiment: Name
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    instances: Annotated[int, Field(ge=0)]
    box_source: Line
    area_source: Line
    minutes: Annotated[float, Field(ge=0)] = 0.0
    metrics: dict[str, Share | None]
    intervals: dict[str, Ends | None]
    per_joint: dict[Name, _Joint] = {}
    kinds: dict[str, Share | None] = {}
    reliability: _Reliability | None = None
    slices: dict[Name, dict[Name, _Slice]] = {}


class _Environment(_Stored):
    """What a comparison reads of ``environment.json``."""

    data_root: str = ""
    test_json: str = ""
    test_images: str = ""
    commit: Line | None = None
    device: Line = ""
    command: str = ""


def read_scores(path: Path) -> dict[str, Any]:
    """The content of a ``results.json``.

    Raises:
        DamagedRunError: the file is unreadable, or a field has the wrong type or range.
    """
    content = _checked(path, _Results)
    missing = [name for name in NAMES if name not in content["metrics"]]
    if missing:
        raise DamagedRunError(
            f"{path}: metrics has no {missing[0]}; expected {', '.join(NAMES)}. {RESTORE}"
        )
    return content


def read_environment(path: Path) -> dict[str, Any]:
    """The content of an ``environment.json``.

    Raises:
        DamagedRunError: the file is unreadable, or a field has the wrong type.
    """
    return _checked(path, _Environment)


def _checked(path: Path, model: type[_Stored]) -> dict[str, Any]:
    content = read_object(path)
    try:
        model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        value = "missing" if first["type"] == "missing" else reprlib.repr(first["input"])
        why = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if not why.startswith("expected"):
            why = f"expected {why[0].lower()}{why[1:]}"
        raise DamagedRunError(f"{path}: {where} is {value}; {why}. {RESTORE}") from error
    return content


def read_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file that holds an object.

    Raises:
        DamagedRunError: the file is unreadable, not JSON, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DamagedRunError(f"{path}: cannot be read ({error.strerror}). {RESTORE}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedRunError(f"{path}: not valid JSON ({_why(error)}). {RESTORE}") from error
    if not isinstance(content, dict):
        raise DamagedRunError(
            f"{path}: holds {reprlib.repr(content)}; expected a JSON object. {RESTORE}"
        )
    return content


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a ``config.yaml``, which fidip writes with every interpolation resolved.

    YAML aliases are refused: a few lines of them expand to more than the memory holds. So are
    interpolations: their resolvers run code and read the environment.

    Raises:
        DamagedRunError: the file is unreadable or empty, or holds anything but plain settings.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _require_plain(text)
        content: Any = OmegaConf.to_container(OmegaConf.load(io.StringIO(text)))
    except Exception as error:  # odd tags and numbers make PyYAML raise nearly anything
        raise DamagedRunError(f"{path}: not valid YAML ({_why(error)}). {RESTORE}") from error
    if not isinstance(content, dict) or not content:
        what = f"a {type(content).__name__}" if content else "no settings"
        raise DamagedRunError(f"{path}: holds {what}; expected settings by key. {RESTORE}")
    for key, value in flatten(content).items():
        if "${" in str(value) or not key.isprintable():
            raise DamagedRunError(
                f"{path}: {key!r} is {reprlib.repr(value)}; expected a plain value without "
                f"interpolation. {RESTORE}"
            )
    return {str(key): value for key, value in content.items()}


def _require_plain(text: str) -> None:
    """Raise ValueError where YAML would take more time or memory than its size suggests."""
    if len(text) > LONGEST_CONFIG:
        raise ValueError(f"it has more than {LONGEST_CONFIG} characters")
    depth = 0
    for event in yaml.parse(text):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth == 0 and isinstance(event, yaml.ScalarEvent):
            raise ValueError("it is a single value; expected settings by key")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it has an alias; expected plain settings")
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def flatten(node: dict[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key; lists become tuples, whole floats integers."""
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
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST:
        return int(value)  # 1.0 and 1 are one setting
    return value


def read_curves(path: Path) -> Curves:
    """The columns of a ``metrics.csv``; none where there is no such file.

    Raises:
        DamagedRunError: the file is unreadable, or a row does not fit its header.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DamagedRunError(f"{path}: not valid CSV ({_why(error)}). {RESTORE}") from error
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
    if abs(value) > LARGEST and value not in (float("inf"), -float("inf")):
        raise ValueError(cell)
    return value


def _why(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
