"""Labelled people as other programs store them, and the joints that their names stand for."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io.record_fields import LARGEST, below, text
from fidip.io.records import RecordError

OCCLUDED, VISIBLE = 1, 2
"""Visibility of labelled keypoints."""
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""Word of a name in any of the spellings ``left_eye``, ``leftEye`` and ``LEye``."""
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}


class OtherFields(NamedTuple):
    """Fields of a COCO file that have no meaning for labels, but are kept in copies.

    Attributes:
        image: of the image, such as ``subject`` and ``video_id``.
        person: of the annotation, such as ``area``.
        video: the record of the video; empty if there is none.
    """

    image: Mapping[str, Any] = {}
    person: Mapping[str, Any] = {}
    video: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled person.

    Attributes:
        name: path of the image, or of the video, as the file gives it, with "/" between folders.
        keypoints: (K, 3) x and y in image px, and visibility: 0 unlabelled, 1 occluded, 2 visible.
        box_xywh: (4,) box in image px; None if no box is labelled.
        image_wh: (width, height) in px of the image that was labelled; None if unknown.
        is_predicted: whether the keypoints are a prediction that no person has confirmed.
        frame: number of the frame in the video, from 0; None if ``name`` is an image.
        embedded: returns the image as the content of an image file; None if the label file does
            not contain it.
        other: further fields of a COCO file.
    """

    name: str
    keypoints: NDArray[np.float64]
    box_xywh: NDArray[np.float64] | None = None
    image_wh: ImageSize | None = None
    is_predicted: bool = False
    frame: int | None = None
    embedded: Callable[[], bytes] | None = None
    other: OtherFields = field(default_factory=OtherFields)


class LabelledImage(NamedTuple):
    """Image with the people in it.

    Attributes:
        name: path below the folder of images, with "/" between folders.
        wh: (width, height) in px.
        people: labelled or predicted people.
        fields: its video, frame and subject, and other fields of a COCO file.
        video: the record of the video in a COCO file; empty if there is none.
    """

    name: str
    wh: ImageSize
    people: list[Labelled]
    fields: Mapping[str, Any] = {}
    video: Mapping[str, Any] = {}


class Point(NamedTuple):
    """Labelled point.

    Attributes:
        name: name of the joint in the file.
        x: image px.
        y: image px.
        visibility: 1 occluded, 2 visible.
    """

    name: str
    x: float
    y: float
    visibility: int = VISIBLE


class Joints:
    """Mapping of joint names in a file to joint indices.

    Args:
        renamed: fidip's names by the file's names, where they differ in more than spelling.

    Attributes:
        unknown: number of points by name, of names that are not among the 17 joints.

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
        self.unknown: Counter[str] = Counter()

    def index(self, name: str) -> int | None:
        """Return the index of a joint; None for a name that is not among the 17 joints.

        Args:
            name: name in the file.
        """
        return self._ours.get(plain(name), self._ours.get(spelled_out(name)))

    def __call__(self, name: str) -> int | None:
        """Return the index of the joint of a point, and count names that are not among the 17.

        Args:
            name: name in the file.
        """
        number = self.index(name)
        if number is None:
            self.unknown[one_line(name)] += 1
        return number

    def keypoints(self, points: Iterable[Point]) -> NDArray[np.float64]:
        """Return the keypoints of a person. Points with other names are counted and left out.

        Args:
            points: labelled points; none for absent joints.

        Returns:
            (K, 3) x, y and visibility, or three zeros for joints without a point.

        Raises:
            RecordError: a joint has two points, or a coordinate is too large.
        """
        keypoints = np.zeros((len(COCO17), 3))
        for point in points:
            joint = self(point.name)
            if joint is None:
                continue
            if keypoints[joint, 2]:
                raise RecordError(f"{one_line(point.name)} is there twice; expected one person")
            if not max(abs(point.x), abs(point.y)) <= LARGEST:
                raise RecordError(
                    f"{one_line(point.name)} is at {point.x:g}, {point.y:g}; expected finite "
                    f"numbers of at most {LARGEST:g}"
                )
            keypoints[joint] = point[1:]
        return keypoints


def plain(name: str) -> str:
    """Return a name in a common spelling.

    Args:
        name: name of a joint.

    Example:
        >>> plain("left_eye"), plain("Left Eye"), plain("leftEye")
        ('lefteye', 'lefteye', 'lefteye')
    """
    return "".join(filter(str.isalnum, name.lower()))


def spelled_out(name: str) -> str:
    """Return a name with an abbreviated or trailing side in the spelling of ``plain``.

    "rear" stays as it is: only a separator or a capital letter divides a side from the rest.

    Args:
        name: name of a joint.

    Example:
        >>> spelled_out("LEye"), spelled_out("wrist left"), spelled_out("rear")
        ('lefteye', 'leftwrist', 'rear')
    """
    words = [word.lower() for word in WORD.findall(name)]
    if len(words) < 2 or "".join(words) != plain(name):
        return plain(name)
    if words[-1] in SIDES:
        words = [words[-1], *words[:-1]]
    return SIDES.get(words[0], words[0]) + "".join(words[1:])


def one_line(name: str) -> str:
    """Return a name for a message, shortened and escaped where needed.

    Args:
        name: text of a file.
    """
    return name if len(name) < 50 and name.isprintable() else reprlib.repr(name)


def coordinate(what: str, cell: str) -> float:
    """Return a coordinate in px; NaN for an empty cell or "nan", which mean unlabelled.

    Args:
        what: the coordinate, for messages.
        cell: text of a table.

    Raises:
        RecordError: it is no number, or too large.

    Example:
        >>> coordinate("nose x", "12.5"), coordinate("nose x", "")
        (12.5, nan)
    """
    try:
        value = float(cell) if cell else np.nan
    except ValueError:
        value = np.inf
    if abs(value) > LARGEST:
        raise RecordError(
            f"{what} is {reprlib.repr(cell)}, expected a number of at most {LARGEST:g}"
        )
    return value


def inside(field: str, path: str) -> str:
    r"""Return a path of another computer as one below a folder: without its root and "..".

    Args:
        field: name of the field, for the message.
        path: path of an image or video.

    Raises:
        RecordError: it is not a path of a file.

    Example:
        >>> inside("video", "C:\\data\\a.mp4"), inside("video", "../img/a.jpg")
        ('data/a.mp4', 'img/a.jpg')
    """
    whole = PureWindowsPath(text({field: path}, field))
    parts = [part for part in whole.parts if part not in ("..", whole.anchor)]
    return below(field, "/".join(parts) or ".")


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


def require_one_each(path: Path, kind: str, images: Sequence[str]) -> None:
    """Check that no image was labelled twice, for example by two annotators.

    Args:
        path: the label file, for the message.
        kind: what the file has for each image.
        images: names of the images.

    Raises:
        DataError: an image occurs twice.
    """
    twice = [name for name, count in Counter(images).items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: {len(twice)} images are in several {kind}s (the first: "
            f"{one_line(twice[0])}); expected one {kind} per image. Remove the others, for example "
            "those of a second annotator"
        )
