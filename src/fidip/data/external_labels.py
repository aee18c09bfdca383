"""Reader of keypoint labels from DeepLabCut, and the search for labelled images."""

from __future__ import annotations

import csv
import io
import re
import reprlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io.json import read_bytes
from fidip.io.labels.labelled import Joints, Labelled, with_visibility
from fidip.io.records import LARGEST, RecordError, below, listed, text

UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""Prefix that Label Studio adds to the name of an uploaded file."""


def read_dlc(path: Path, joints: Joints) -> list[Labelled]:
    """Read DeepLabCut labels of one animal, ``CollectedData_NAME.csv``.

    Args:
        path: the CSV file; empty cells are unlabelled.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per row.

    Raises:
        DataError: the file has another format, or a row is malformed.
    """
    rows = _csv_rows(path)
    heads = [row[0] for row in rows[:3]]
    if heads != ["scorer", "bodyparts", "coords"]:
        raise DataError(
            f"{path}: begins with {reprlib.repr(', '.join(heads))}; expected rows scorer, "
            "bodyparts, coords, as in DeepLabCut's CollectedData_NAME.csv of a project with one "
            "animal"
        )
    columns = list(zip(rows[1], rows[2], strict=False))
    first = next((i for i, (_, axis) in enumerate(columns) if axis in ("x", "y")), len(columns))
    people, problems = [], []
    for row in rows[3:]:
        try:
            people.append(_dlc_person(row, first, columns, joints))
        except RecordError as problem:
            problems.append(str(problem))
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the file or export it again")
    return people


def _csv_rows(path: Path) -> list[list[str]]:
    try:
        content = read_bytes(path).decode("utf-8-sig")
        return [row for row in csv.reader(io.StringIO(content)) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8; export it again as CSV") from error
    except csv.Error as error:
        raise DataError(f"{path}: not CSV ({error}); export it again as CSV") from error


def _dlc_person(
    row: list[str], first: int, columns: Sequence[tuple[str, str]], joints: Joints
) -> Labelled:
    """Return the person of a row; the path of the image may be split into one column per folder."""
    name = "/".join(part for part in row[:first] if part).replace("\\", "/")
    shown = reprlib.repr(name)
    if not PurePosixPath(name).suffix:
        raise RecordError(f"row {shown} names no image; expected labels, not a result file")
    name = below("the image", text({"the image": name}, "the image"))
    if len(row) != len(columns):
        raise RecordError(f"row {shown} has {len(row)} cells, expected {len(columns)}")
    xy = np.full((len(COCO17), 2), np.nan)
    for (part, axis), value in zip(columns[first:], row[first:], strict=True):
        joint = joints(part)
        if joint is not None and axis in ("x", "y") and value:
            cell = joint, "xy".index(axis)
            if np.isfinite(xy[cell]):
                raise RecordError(f"{name}: {part} {axis} is there twice; expected one animal")
            xy[cell] = _coordinate(f"{name}: {part} {axis}", value)
    return Labelled(name, with_visibility(xy))


def _coordinate(what: str, cell: str) -> float:
    """Return a coordinate in px; NaN, as pandas may write an empty cell, means unlabelled."""
    try:
        value = float(cell)
    except ValueError:
        value = np.inf
    if abs(value) > LARGEST:
        raise RecordError(
            f"{what} is {reprlib.repr(cell)}, expected a number of at most {LARGEST:g}"
        )
    return value


def find_image(name: str, folders: Sequence[Path]) -> Path | None:
    """Find an image by its path or name in a label file.

    Args:
        name: path or URL in the label file.
        folders: folders to search.

    Returns:
        The path of the image; None if it is not found.
    """
    path = PurePosixPath(name.partition("?")[0])
    names = [
        str(path).lstrip("/"),
        "/".join(path.parts[-2:]),
        path.name,
        UPLOADED.sub("", path.name),
    ]
    found = (folder / candidate for folder in folders for candidate in names)
    return next((file for file in found if file.is_file()), None)
