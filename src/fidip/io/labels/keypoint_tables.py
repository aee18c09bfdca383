"""Readers of tables of keypoints: a row per image, as babyPose's, or a row per point."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.io.json import read_bytes
from fidip.io.labels.deeplabcut import csv_rows
from fidip.io.labels.labelled import Joints, Labelled, Point, coordinate, inside, one_line, plain
from fidip.io.labels.xlsx import read_workbook
from fidip.io.record_fields import image_side, text
from fidip.io.records import RecordError, listed

IMAGE_NAMES = {"image", "images", "img", "imagename", "file", "filename", "frame", "frames"}
"""Names of the column of the image, or of the number of its frame."""
POINT_NAMES = {
    "video": ("video", "videoname"),
    "frame": ("frame", "frameidx", "framenumber"),
    "joint": ("bp", "bodypart", "joint", "keypoint"),
    "x": ("x",),
    "y": ("y",),
}
"""Names of the columns that a table with a row per point has."""
PERSON_NAMES = ("personidx", "person", "individual")
SIZE_NAMES = ("pixelx", "pixely")
AXIS = re.compile(r"(?P<joint>.*?[^\W_])[\s_.(-]+(?P<axis>[xy])\)?", re.IGNORECASE | re.DOTALL)
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?"
PAIR = re.compile(rf"[\[(]?\s*({NUMBER})\s*[,;\s]\s*({NUMBER})\s*[\])]?", re.IGNORECASE)
ABSENT = {(-1.0, -1.0), (0.0, 0.0)}
"""Coordinates that stand for a joint without a label."""
RESULT = "result_"
"""Beginning of file names of tables around babyPose: ``result_pz3.csv`` is about ``pz3``."""
AGAIN = "correct the file or export it again"


@dataclass(frozen=True)
class Columns:
    """Columns of a table with a row per image.

    Attributes:
        image: index of the column of the image or frame.
        video: index of the column of the video; None if there is none.
        pairs: indices of the columns x and y by joint.
        joined: index of the column "x,y" by joint.
    """

    image: int
    video: int | None
    pairs: Mapping[str, tuple[int, int]]
    joined: Mapping[str, int]


def read_table(path: Path, joints: Joints) -> list[Labelled]:
    """Read a table with a row per image and one person in each, such as babyPose's.

    The first row names the columns: the image, or the number of the frame, and for each joint
    either ``JOINT`` with cells "x,y" or ``JOINT_x`` and ``JOINT_y``. Empty cells, NaN, (-1, -1) and
    (0, 0) are unlabelled. Images and frames are those of a folder or video with the name of the
    sheet, if the workbook has several, or of the file, without ``result_`` at its beginning; a
    column ``video`` names another.

    Args:
        path: a file ``.xlsx`` or ``.csv``, with commas, semicolons or tabs.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per row.

    Raises:
        DataError: the file has another format, or a row is malformed.
    """
    sheets = sheets_of(path)
    people, problems = [], []
    for sheet, rows in sheets.items():
        if not rows:
            continue
        columns = table_columns(rows)
        if columns is None:
            raise DataError(
                f"{path}: begins with {reprlib.repr(', '.join(rows[0]))}; expected columns image, "
                "and JOINT_x and JOINT_y or JOINT with cells x,y"
            )
        folder = sheet if len(sheets) > 1 else path.stem.removeprefix(RESULT)
        seen: set[str] = set()
        for number, row in enumerate(rows[1:], start=2):
            if is_axis_row(row):
                continue
            try:
                people.append(_person_of_row(row, columns, folder, joints, seen))
            except RecordError as problem:
                problems.append(f"{sheet}, row {number}: {problem}")
    if problems:
        raise DataError(f"{path}: {listed(problems)}; {AGAIN}")
    return people


def sheets_of(path: Path) -> dict[str, list[list[str]]]:
    """Return the rows of a CSV file or of each sheet of a workbook.

    Args:
        path: the file; the character between cells is the most frequent one of its first line.

    Raises:
        DataError: the file cannot be read.
    """
    if path.suffix.lower() == ".xlsx":
        return read_workbook(path)
    first = read_bytes(path).lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    delimiter = max(",;\t", key=lambda character: first.count(character.encode()))
    rows = csv_rows(path, delimiter)
    return {path.stem: [[cell.strip() for cell in row] for row in rows]}


def table_columns(rows: Sequence[Sequence[str]]) -> Columns | None:
    """Return the columns of a table with a row per image; None for another table.

    Args:
        rows: rows of cells. The second one may hold x and y below merged cells of the first.
    """
    head = [*rows[0]]
    if len(rows) > 1 and is_axis_row(rows[1]):
        head = _two_rows(head, rows[1])
    image = next((i for i, name in enumerate(head) if plain(name) in IMAGE_NAMES), None)
    if image is None:
        return None
    axes: dict[str, dict[str, int]] = {}
    for index, name in enumerate(head):
        found = AXIS.fullmatch(name)
        if found and index != image:
            axes.setdefault(found["joint"], {}).setdefault(found["axis"].lower(), index)
    pairs = {joint: (xy["x"], xy["y"]) for joint, xy in axes.items() if len(xy) == 2}
    video = next((i for i, name in enumerate(head) if plain(name) in POINT_NAMES["video"]), None)
    taken = {image, video, *(index for pair in pairs.values() for index in pair)}
    first = rows[1] if len(rows) > 1 else []
    joined = {
        name: index
        for index, name in enumerate(head)
        if index not in taken and index < len(first) and PAIR.fullmatch(first[index])
    }
    return Columns(image, video, pairs, joined) if pairs or joined else None


def is_axis_row(row: Sequence[str]) -> bool:
    """Return whether a row holds only x and y, as below the merged cells of a header.

    Args:
        row: cells.
    """
    cells = {cell.lower() for cell in row if cell}
    return bool(cells) and cells <= {"x", "y"}


def _two_rows(names: Sequence[str], axes: Sequence[str]) -> list[str]:
    """Return one name for each column; a merged cell names the columns to its right, too."""
    head, current = [], ""
    for index, axis in enumerate(axes):
        current = (names[index] if index < len(names) else "") or current
        head.append(f"{current}_{axis}" if axis else current)
    return head


def _person_of_row(
    row: Sequence[str], columns: Columns, folder: str, joints: Joints, seen: set[str]
) -> Labelled:
    """Return the person of a row; ``folder`` is that of its image or the name of its video."""
    image = _cell(row, columns.image)
    if columns.video is not None:
        folder = inside("video", _cell(row, columns.video))
    if f"{folder}/{image}" in seen:
        raise RecordError(f"{one_line(image)} has two rows; expected one")
    seen.add(f"{folder}/{image}")
    points = []
    for joint, (x, y) in columns.pairs.items():
        points.append(_point(joint, _cell(row, x), _cell(row, y)))
    for joint, index in columns.joined.items():
        points.append(_point(joint, *_split(joint, _cell(row, index))))
    keypoints = joints.keypoints(point for point in points if point is not None)
    if re.fullmatch(r"\d{1,9}(\.0*)?", image):
        return Labelled(folder, keypoints, frame=int(float(image)))
    return Labelled(f"{folder}/{inside('the image', image)}", keypoints)


def _cell(row: Sequence[str], index: int) -> str:
    return row[index] if index < len(row) else ""


def _split(joint: str, cell: str) -> tuple[str, str]:
    if cell.lower() in ("", "nan"):
        return "", ""
    found = PAIR.fullmatch(cell)
    if not found:
        raise RecordError(f"{one_line(joint)} is {reprlib.repr(cell)}, expected x,y")
    return found[1], found[2]


def _point(joint: str, x: str, y: str) -> Point | None:
    """Return a point; None if it is not labelled."""
    xy = coordinate(f"{one_line(joint)} x", x), coordinate(f"{one_line(joint)} y", y)
    return None if np.isnan(xy).any() or xy in ABSENT else Point(joint, *xy)


def point_columns(head: Sequence[str]) -> dict[str, int] | None:
    """Return the columns of a table with a row per point; None for another table.

    Args:
        head: names of the columns.

    Example:
        >>> point_columns(["video", "frame", "x", "y", "bp", "part_idx"])
        {'video': 0, 'frame': 1, 'joint': 4, 'x': 2, 'y': 3}
    """
    names = [plain(name) for name in head]
    found = {
        key: next((names.index(name) for name in choices if name in names), -1)
        for key, choices in POINT_NAMES.items()
    }
    return None if -1 in found.values() else found


def read_points(path: Path, joints: Joints) -> list[Labelled]:
    """Read a table with a row per point, such as that of Chambers et al. (2020).

    Columns are ``video``, ``frame``, ``bp``, ``x`` and ``y``, optionally ``person_idx``, and
    ``pixel_x`` and ``pixel_y`` for the size of the video. Empty cells, NaN, (-1, -1) and (0, 0)
    are unlabelled.

    Args:
        path: a CSV file, with commas, semicolons or tabs.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per frame and person, in the order of the file.

    Raises:
        DataError: the file has another format, or a row is malformed.
    """
    (rows,) = sheets_of(path).values()
    columns = point_columns(rows[0]) if rows else None
    if columns is None:
        head = ", ".join(rows[0]) if rows else ""
        raise DataError(
            f"{path}: begins with {reprlib.repr(head)}; expected columns video, frame, bp, x, y"
        )
    names = [plain(name) for name in rows[0]]
    people: dict[tuple[str, int, str], list[Point]] = {}
    sizes: dict[str, ImageSize | None] = {}
    problems = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            video, frame = _frame_of(row, columns)
            points = people.setdefault((video, frame, _optional(row, names, PERSON_NAMES)), [])
            cells = [_cell(row, columns[key]) for key in ("joint", "x", "y")]
            point = _point(text({"joint": cells[0]}, "joint"), *cells[1:])
            points += [point] if point else []
            sizes.setdefault(video, _size_of(row, names))
        except RecordError as problem:
            problems.append(f"row {number}: {problem}")
    found = _people(people.items(), sizes, joints, problems)
    if problems:
        raise DataError(f"{path}: {listed(problems)}; {AGAIN}")
    return found


def _people(
    groups: Iterable[tuple[tuple[str, int, str], Sequence[Point]]],
    sizes: Mapping[str, ImageSize | None],
    joints: Joints,
    problems: list[str],
) -> list[Labelled]:
    people = []
    for (video, frame, _), points in groups:
        try:
            keypoints = joints.keypoints(points)
            people.append(Labelled(video, keypoints, frame=frame, image_wh=sizes.get(video)))
        except RecordError as problem:
            problems.append(f"frame {frame} of {one_line(video)}: {problem}")
    return people


def _frame_of(row: Sequence[str], columns: Mapping[str, int]) -> tuple[str, int]:
    video = inside("video", _cell(row, columns["video"]))
    frame = _cell(row, columns["frame"])
    if not re.fullmatch(r"\d{1,9}(\.0*)?", frame):
        raise RecordError(f"frame is {reprlib.repr(frame)}, expected a whole number")
    return video, int(float(frame))


def _optional(row: Sequence[str], names: Sequence[str], choices: Sequence[str]) -> str:
    return next((_cell(row, names.index(name)) for name in choices if name in names), "")


def _size_of(row: Sequence[str], names: Sequence[str]) -> ImageSize | None:
    """Return the size of the video; None if the table has no such columns."""
    cells = [_optional(row, names, [name]) for name in SIZE_NAMES]
    if not all(cells):
        return None
    sides = {name: coordinate(f"the size {name}", c) for name, c in zip("xy", cells, strict=True)}
    return image_side(sides, "x"), image_side(sides, "y")
