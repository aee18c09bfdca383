"""Reader of LabelMe's label files, one per image."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.io.json import read_object
from fidip.io.labels.labelled import (
    OCCLUDED,
    VISIBLE,
    Joints,
    Labelled,
    Point,
    inside,
    one_line,
    plain,
)
from fidip.io.record_fields import image_side, numbers, objects, text
from fidip.io.records import RecordError

PEOPLE = {"person", "infant", "baby", "child"}
"""Labels of rectangles that are the box of a person."""
HIDDEN = {"occluded", "hidden", "invisible"}
"""Flags of points that are covered."""
CORNER = 0.5
"""LabelMe counts px from the corner of the first pixel, fidip from its centre."""


def read_labelme(path: Path, joints: Joints) -> list[Labelled]:
    """Read the labels of an image: points, and optionally a rectangle, by group.

    Points of a group are one person. Coordinates are converted from LabelMe's, which start at the
    image's corner, to pixel centres at integers. Points whose flag ``occluded`` is set are
    occluded. Shapes of other types are left out like points with unknown names.

    Args:
        path: the JSON file.
        joints: mapping of joint names; collects unknown names.

    Returns:
        One person per group; none for an image without labels.

    Raises:
        DataError: the file has another format, or a shape is malformed.
    """
    content = read_object(path)
    if "shapes" not in content:
        raise DataError(f"{path}: has no shapes; expected a label file of LabelMe")
    try:
        groups: dict[int | None, list[dict[str, Any]]] = {}
        for shape in objects(content, "shapes"):
            groups.setdefault(_group(shape), []).append(shape)
        name = inside("imagePath", text(content, "imagePath"))
        wh = _image_size(content)
        people = [_person(shapes, joints) for shapes in groups.values()]
    except RecordError as problem:
        raise DataError(f"{path}: {problem}; correct the file") from problem
    embedded = _embedded(path) if content.get("imageData") else None
    return [
        Labelled(name, keypoints, box, image_wh=wh, embedded=embedded) for keypoints, box in people
    ]


def _image_size(content: dict[str, Any]) -> ImageSize | None:
    """Return the size of the labelled image; None if the file, such as LabelMe 3's, lacks it."""
    if content.get("imageWidth") is None or content.get("imageHeight") is None:
        return None
    return image_side(content, "imageWidth"), image_side(content, "imageHeight")


def _group(shape: dict[str, Any]) -> int | None:
    group = shape.get("group_id")
    if group is not None and type(group) is not int:
        raise RecordError(f"group_id is {group!a:.40}, expected an integer or null")
    return group


def _person(
    shapes: list[dict[str, Any]], joints: Joints
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the keypoints and the box of a group."""
    points, boxes = [], []
    for shape in shapes:
        label, kind = text(shape, "label"), shape.get("shape_type", "point")
        if kind == "point":
            (xy,) = _corners(shape, label, 1)
            points.append(Point(label, xy[0], xy[1], OCCLUDED if _is_hidden(shape) else VISIBLE))
        elif kind == "rectangle" and plain(label) in PEOPLE:
            first, second = _corners(shape, label, 2)
            low, high = np.minimum(first, second), np.maximum(first, second)
            boxes.append(np.concatenate([low, high - low]))
        else:
            joints.unknown[one_line(label)] += 1
    if len(boxes) > 1:
        raise RecordError(
            f"{len(boxes)} rectangles of a person are in one group; expected one. Give every "
            "person a group_id"
        )
    return joints.keypoints(points), boxes[0] if boxes else None


def _corners(shape: dict[str, Any], label: str, count: int) -> list[NDArray[np.float64]]:
    """Return the (2,) points of a shape in image px."""
    points = shape.get("points")
    if not isinstance(points, list) or len(points) != count:
        found = len(points) if isinstance(points, list) else "no"
        raise RecordError(f"{one_line(label)} has {found} points, expected {count}")
    return [numbers({one_line(label): each}, one_line(label), 2) - CORNER for each in points]


def _is_hidden(shape: dict[str, Any]) -> bool:
    flags = shape.get("flags")
    return isinstance(flags, dict) and any(flags.get(name) is True for name in HIDDEN)


def _embedded(path: Path) -> Callable[[], bytes]:
    """Return a function that reads the image in a label file."""

    def read() -> bytes:
        data = read_object(path).get("imageData")
        try:
            return base64.b64decode(data if isinstance(data, str) else "", validate=True)
        except binascii.Error as error:
            raise DataError(
                f"{path}: imageData is not in base64 ({error}); save it again"
            ) from error

    return read
