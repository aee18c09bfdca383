"""Reader of DeepLabCut's label files, ``CollectedData_NAME.csv`` and ``.h5``."""

from __future__ import annotations

import csv
import io
import reprlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from fidip.core.errors import DataError
from fidip.io.json import read_bytes
from fidip.io.labels.hdf5 import Hdf5, open_hdf5
from fidip.io.labels.labelled import Joints, Labelled, Point, coordinate, one_line
from fidip.io.record_fields import below, text
from fidip.io.records import RecordError, listed

TABLE_HEADS = (("scorer", "bodyparts", "coords"), ("scorer", "individuals", "bodyparts", "coords"))
"""Names of the header rows of projects with one animal and with several."""
KEY = "df_with_missing"
"""Name of the table in H5 files."""
AGAIN = "correct the file or export it again"


class Column(NamedTuple):
    """Meaning of a column.

    Attributes:
        scorer: name of the annotator.
        individual: name of the animal; empty in projects with one.
        part: name of the joint.
        axis: "x", "y" or another value.
    """

    scorer: str
    individual: str
    part: str
    axis: str


def read_dlc(path: Path, joints: Joints) -> list[Labelled]:
    """Read the labels of a CSV file.

    Args:
        path: the CSV file; empty cells are unlabelled.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per row, or per row and individual.

    Raises:
        DataError: the file has another format, or a row is malformed.
    """
    rows = csv_rows(path)
    heads = next((heads for heads in TABLE_HEADS if _first_cells(rows, len(heads)) == heads), None)
    if heads is None:
        raise DataError(
            f"{path}: begins with {reprlib.repr(', '.join(_first_cells(rows, 3)))}; expected rows "
            "scorer, bodyparts, coords, as in DeepLabCut's CollectedData_NAME.csv"
        )
    header = list(zip(*rows[: len(heads)], strict=False))
    first = next((i for i, head in enumerate(header) if head[-1] in ("x", "y")), len(header))
    columns = [_column(head) for head in header[first:]]
    _require_one_scorer(path, columns)
    people, problems, seen = [], [], set[str]()
    for row in rows[len(heads) :]:
        try:
            name = _image_of(row[:first], seen)
            if len(row) != len(header):
                raise RecordError(f"{name}: has {len(row)} cells, expected {len(header)}")
            values = [
                coordinate(f"{name}: {one_line(column.part)} {column.axis}", cell)
                for column, cell in zip(columns, row[first:], strict=True)
            ]
            people.extend(_people(name, columns, values, joints))
        except RecordError as problem:
            problems.append(str(problem))
    if problems:
        raise DataError(f"{path}: {listed(problems)}; {AGAIN}")
    return people


def read_dlc_h5(path: Path, joints: Joints) -> list[Labelled]:
    """Read the labels of an H5 file, as pandas writes tables in its fixed format.

    Args:
        path: the H5 file; NaN is unlabelled.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per row, or per row and individual.

    Raises:
        DataError: the file has another format, or a row is malformed.
    """
    with open_hdf5(path) as file:
        if not file.has(KEY):
            raise DataError(
                f"{path}: has no table {KEY}; expected an H5 file of DeepLabCut's labels"
            )
        if not file.has(f"{KEY}/block0_values"):
            raise DataError(
                f"{path}: is in an older format that only pandas reads; expected its fixed format. "
                "Give source= the CSV file of the same name"
            )
        names = _index(file, f"{KEY}/axis1")
        blocks = [_block(file, f"{KEY}/block{n}") for n in range(8) if _has_block(file, n)]
    heads = [head for names, _ in blocks for head in names]
    if not heads or len(heads[0]) not in map(len, TABLE_HEADS):
        raise DataError(
            f"{path}: columns have {len(heads[0]) if heads else 0} names; expected 3 or 4"
        )
    columns = [_column(head) for head in heads]
    _require_one_scorer(path, columns)
    values = np.concatenate([values for _, values in blocks], axis=1)
    if values.shape != (len(names), len(columns)):
        raise DataError(
            f"{path}: {KEY} has {values.shape[0]} rows and {values.shape[1]} columns of values, "
            f"but names of {len(names)} and {len(columns)}; {AGAIN}"
        )
    people, problems, seen = [], [], set[str]()
    for parts, row in zip(names, values.tolist(), strict=True):
        try:
            people.extend(_people(_image_of(parts, seen), columns, row, joints))
        except RecordError as problem:
            problems.append(str(problem))
    if problems:
        raise DataError(f"{path}: {listed(problems)}; {AGAIN}")
    return people


def csv_rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Return the rows of a CSV file that are not empty.

    Args:
        path: the file.
        delimiter: character between cells.

    Raises:
        DataError: the file cannot be read, or is not CSV in UTF-8.
    """
    try:
        content = read_bytes(path).decode("utf-8-sig")
        return [row for row in csv.reader(io.StringIO(content), delimiter=delimiter) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text in UTF-8; export it again as CSV") from error
    except csv.Error as error:
        raise DataError(f"{path}: not CSV ({error}); export it again as CSV") from error


def _first_cells(rows: Sequence[Sequence[str]], count: int) -> tuple[str, ...]:
    return tuple(row[0] for row in rows[:count])


def _column(head: Sequence[str]) -> Column:
    if len(head) == 4:
        return Column(*head)
    scorer, part, axis = head
    return Column(scorer, "", part, axis)


def _require_one_scorer(path: Path, columns: Sequence[Column]) -> None:
    scorers = sorted({column.scorer for column in columns})
    if len(scorers) > 1:
        raise DataError(
            f"{path}: has labels of {len(scorers)} scorers ({', '.join(map(one_line, scorers))}); "
            "expected those of one. Export one file for each"
        )


def _image_of(parts: Sequence[str], seen: set[str]) -> str:
    """Return the path of a row's image, which may be split into one cell per folder."""
    name = "/".join(part for part in parts if part).replace("\\", "/")
    if not PurePosixPath(name).suffix:
        raise RecordError(
            f"row {reprlib.repr(name)} names no image; expected labels, not a result file"
        )
    name = below("the image", text({"the image": name}, "the image"))
    if name in seen:
        raise RecordError(f"{one_line(name)} has two rows; expected one")
    seen.add(name)
    return name


def _people(
    name: str, columns: Sequence[Column], values: Sequence[float], joints: Joints
) -> list[Labelled]:
    """Return the people of a row; an individual without a label is absent."""
    found: dict[str, dict[int | str, tuple[str, dict[str, float]]]] = {}
    for column, value in zip(columns, values, strict=True):
        if column.axis not in ("x", "y") or np.isnan(value):
            continue
        joint = joints.index(column.part)
        key = column.part if joint is None else joint
        _, point = found.setdefault(column.individual, {}).setdefault(key, (column.part, {}))
        if column.axis in point:
            raise RecordError(
                f"{name}: {one_line(column.part)} {column.axis} is there twice; expected one animal"
            )
        point[column.axis] = value
    people = []
    for parts in found.values():
        points = [Point(part, xy["x"], xy["y"]) for part, xy in parts.values() if len(xy) == 2]
        for half in (part for part, xy in parts.values() if len(xy) < 2):
            joints(half)  # lists an unknown name
        try:
            people.append(Labelled(name, joints.keypoints(points)))
        except RecordError as problem:
            raise RecordError(f"{name}: {problem}") from problem
    return people


def _has_block(file: Hdf5, number: int) -> bool:
    return file.has(f"{KEY}/block{number}_values")


def _block(file: Hdf5, name: str) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Return the column heads and the (T, C) values of a block of equal types."""
    values = file.numbers(f"{name}_values", 2)
    return _index(file, f"{name}_items"), values.astype(np.float64)


def _index(file: Hdf5, name: str) -> list[tuple[str, ...]]:
    """Return the labels of an index of one or several levels."""
    if file.has(name):
        return [(each,) for each in file.texts(name)]
    columns = []
    for level in range(8):
        if not file.has(f"{name}_level{level}"):
            break
        texts = [*file.texts(f"{name}_level{level}"), ""]  # -1 stands for no label
        codes = file.numbers(f"{name}_label{level}", 1)
        if codes.size and not -1 <= codes.min() <= codes.max() < len(texts) - 1:
            raise DataError(f"{file.path}: {name} refers to labels that are missing; {AGAIN}")
        columns.append([texts[code] for code in codes.astype(int)])
    return list(zip(*columns, strict=False))
