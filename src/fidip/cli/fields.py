"""Types and ranges of configuration values, as pydantic annotations.

Values are checked as they are: ``"3"`` is not an integer and ``1`` is not a boolean. NaN and
infinity are refused everywhere.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any

from annotated_types import Ge, Le, Len
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator

from fidip.core import ranges


class Strict(BaseModel):
    """Base of all schemas. Unknown keys are errors and no value is converted."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=()
    )


class _Quoted:
    """Marks text that users type without quotes: file names, patterns, names."""


QUOTED = _Quoted()

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Limits of file systems in bytes."""
NAME_RULE = "a plain name: letters, digits, spaces and any of ._+-=,()@, and not a path"


def _name(value: str) -> str:
    if not re.fullmatch(r"\w[\w .+=,()@-]{0,119}", value) or value.endswith((" ", ".")):
        raise ValueError(f"expected {NAME_RULE}")
    return value


def _text(value: Any) -> str:
    """Accept text, also names of files that are not UTF-8, which pydantic's ``str`` refuses."""
    if not isinstance(value, str):
        raise ValueError("expected text")
    if not value.strip():
        raise ValueError("expected text that is not empty")
    if "\0" in value:
        raise ValueError("expected text without NUL characters")
    encoded = value.encode("utf-8", "surrogateescape")
    if len(encoded) > LONGEST_PATH or max(map(len, encoded.split(b"/"))) > LONGEST_NAME:
        raise ValueError(f"expected names of at most {LONGEST_NAME} bytes, {LONGEST_PATH} in all")
    return value


def _file(value: str) -> str:
    if not os.path.isfile(value):
        raise ValueError("expected the name of a file that exists")
    return value


def _file_or_folder(value: str) -> str:
    if not os.path.isfile(value) and not os.path.isdir(value):
        raise ValueError("expected the name of a file that exists, or of a folder")
    return value


def _folder(value: str) -> str:
    if not os.path.isdir(value):
        raise ValueError("expected the name of a folder that exists")
    return value


def _ascending(value: list[Any]) -> list[Any]:
    if value[0] > value[1]:
        raise ValueError("expected the lower value first")
    return value


def _two_values(value: list[Any]) -> list[Any]:
    if value[0] >= value[1]:
        raise ValueError("expected the nearest depth first, and another farthest one")
    return value


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("expected an odd number")
    return value


def _device(value: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", value):
        raise ValueError("expected cpu, cuda or cuda:N")
    return value


Text = Annotated[str, PlainValidator(_text), QUOTED]
"""A path, pattern or other non-empty text."""
InputFile = Annotated[Text, AfterValidator(_file)]
"""A file to read."""
InputPath = Annotated[Text, AfterValidator(_file_or_folder)]
"""A file or folder to read."""
InputFolder = Annotated[Text, AfterValidator(_folder)]
"""A folder to read from."""
Name = Annotated[str, AfterValidator(_name), QUOTED]
"""A name of a file or folder to make; it cannot point outside of its folder."""
Device = Annotated[str, AfterValidator(_device)]

Count = ranges.Count
Positive = ranges.Positive
Fraction = ranges.Fraction
FractionBelow1 = ranges.FractionBelow1
NonNegative = ranges.NonNegative
PositiveFloat = ranges.PositiveFloat
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]
Workers = Annotated[int, Ge(0), Le(1024)]
Port = Annotated[int, Ge(0), Le(65535)]
Angle = Annotated[float, Ge(0), Le(180)]
Turn = Annotated[float, Ge(-360), Le(360)]
Rate = Annotated[float, Ge(0), Le(1e3)]
"""A learning rate."""

Side = Annotated[int, Ge(8), Le(2048)]
Size = Annotated[list[Side], Len(2, 2)]
"""(width, height) in px."""
Bins = Annotated[list[Annotated[int, Ge(8), Le(8192)]], Len(2, 2)]
"""Number of bins along x and y."""
Channels = Annotated[int, Ge(1), Le(4096)]
Kernel = Annotated[int, Ge(3), Le(255), AfterValidator(_odd)]
Statistics = Annotated[list[float], Len(3, 3)]
"""A number for each of R, G and B."""
Range = Annotated[list[float], Len(2, 2), AfterValidator(_ascending)]
DepthRange = Annotated[
    list[Annotated[float, Ge(0), Le(65535)]], Len(2, 2), AfterValidator(_two_values)
]
"""Nearest and farthest value of depth images of 16 bits."""
PositiveRange = Annotated[list[PositiveFloat], Len(2, 2), AfterValidator(_ascending)]
FractionRange = Annotated[list[Fraction], Len(2, 2), AfterValidator(_ascending)]
QualityRange = Annotated[
    list[Annotated[int, Ge(1), Le(100)]], Len(2, 2), AfterValidator(_ascending)
]
"""Lowest and highest quality of JPEG files."""
CountRange = Annotated[list[Count], Len(2, 2), AfterValidator(_ascending)]
