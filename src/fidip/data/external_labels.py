"""Readers of keypoint labels from DeepLabCut and Label Studio."""

from __future__ import annotations

import csv
import io
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io.json import read_bytes, read_json
from fidip.io.records import (
    LARGEST,
    RecordError,
    below,
    image_side,
    listed,
    mapping,
    numbers,
    objects,
    text,
    try_records,
)

UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""Prefix that Label Studio adds to the name of an uploaded file."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled person.

    Attributes:
        name: path of the image as the file gives it, with "/" between folders.
        keypoints: (K, 3) x and y in image px, and visibility: 0 unlabelled, 2 visible.
        box_xywh: (4,) box in image px; None if no box is labelled.
    """

    name: str
    keypoints: NDArray[np.float64]
    box_xywh: NDArray[np.float64] | None = None


class Joints:
    """Mapping of joint names in a file to joint indices.

    Args:
        renamed: fidip's names by the file's names, where they differ in more than spelling.

    Attributes:
        unknown: names that are not among the 17 joints, in order of occurrence.

    Raises:
        DataError: a value of ``renamed`` is not among the 17 joints.
    """

    def __init__(self, renamed: Mapping[str, str]) -> None:
        odd = sorted(set(renamed.values()) - set(COCO17.joints))
        if odd:
            raise DataError(
                f"joints: {', '.join(odd)} is none of the {len(COCO17)}: {', '.join(COCO17.joints)}"
            )
        self._ours = {plain(name): number for number, name in enumerate(COCO17.joints)}
        self._ours |= {plain(theirs): COCO17.joints.index(o) for theirs, o in renamed.items()}
        self.unknown: dict[str, None] = {}

    def __call__(self, name: str) -> int | None:
        """Return the index of a joint; None for a name that is not among the 17 joints."""
        number = self._ours.get(plain(name))
        if number is None:
            self.unknown[name if len(name) < 50 and name.isprintable() else reprlib.repr(name)] = (
                None
            )
        return number


def plain(name: str) -> str:
    """Return a name in a common spelling.

    Args:
        name: name of a joint.

    Example:
        >>> plain("left_eye"), plain("Left Eye"), plain("leftEye")
        ('lefteye', 'lefteye', 'lefteye')
    """
    return "".join(filter(str.isalnum, name.lower()))


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


def read_label_studio(path: Path, joints: Joints) -> list[Labelled]:
    """Read the JSON export of Label Studio: keypoints and an optional box of one person per image.

    Label Studio gives percentages from the image's edge; the returned coordinates are image px with
    pixel centres at integers.

    Args:
        path: the JSON file.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per task that has labels.

    Raises:
        DataError: the file has another format, or a task is malformed.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise DataError(f"{path}: expected Label Studio's JSON export, a list of tasks")
    people, problems = try_records("task", tasks, lambda task: _task(task, joints))
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the file")
    return [person for person in people if person is not None]


def _task(task: dict[str, Any], joints: Joints) -> Labelled | None:
    done = [a for a in objects(task, "annotations") if not a.get("was_cancelled")]
    results = objects(done[0], "result") if done else []
    if not results:
        return None
    data = mapping(task, "data")
    field = next((key for key in ("image", "img", "url") if key in data), "image")
    xy, box = np.full((len(COCO17), 2), np.nan), None
    for result in results:
        if result.get("type") not in ("keypointlabels", "rectanglelabels"):
            continue
        value = mapping(result, "value")
        wh = np.array([image_side(result, f"original_{side}") for side in ("width", "height")])
        corner = _percent(value, "x", "y") * wh - 0.5
        if result["type"] == "rectanglelabels":
            box = np.concatenate([corner, _percent(value, "width", "height") * wh])
            continue
        for label in _labels(value):
            joint = joints(label)
            if joint is not None:
                if np.isfinite(xy[joint, 0]):
                    raise RecordError(f"{label} is there twice; expected one person an image")
                xy[joint] = corner
    return Labelled(image_name(data, field), with_visibility(xy), box)


def _labels(value: dict[str, Any]) -> list[str]:
    """Return the joint names of a keypoint."""
    names = value.get("keypointlabels") or []
    if not isinstance(names, list):
        raise RecordError(f"keypointlabels is {reprlib.repr(names)}, expected a list of texts")
    return [text({"keypointlabels": name}, "keypointlabels") for name in names]


def image_name(data: dict[str, Any], field: str) -> str:
    """Return the image's path or URL; an absolute path is one on Label Studio's server.

    Args:
        data: the ``data`` object of a task.
        field: key of the image.

    Raises:
        RecordError: the path leads out of its folder.
    """
    name = text(data, field)
    below(field, name.partition("?")[0].lstrip("/"))
    return name


def _percent(value: dict[str, Any], *fields: str) -> NDArray[np.float64]:
    return numbers({"value": [value.get(field) for field in fields]}, "value", len(fields)) / 100


def with_visibility(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Append the visibility to coordinates.

    Args:
        xy: (K, 2) coordinates in image px; NaN if unlabelled.

    Returns:
        (K, 3) x, y and v = 2, or three zeros for unlabelled joints.

    Example:
        >>> with_visibility(np.array([[3.0, 4.0], [np.nan, 4.0]])).tolist()
        [[3.0, 4.0, 2.0], [0.0, 0.0, 0.0]]
    """
    known = np.isfinite(xy).all(axis=1, keepdims=True)
    return np.concatenate([np.where(known, xy, 0.0), np.where(known, 2.0, 0.0)], axis=1)


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
