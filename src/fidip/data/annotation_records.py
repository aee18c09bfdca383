"""Images and people of the records of an annotation file in COCO's keypoint format."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo
from fidip.core.skeleton import COCO17
from fidip.io.coco import PERSON
from fidip.io.record_fields import (
    box,
    file_name,
    flag,
    image_side,
    integer,
    keypoints,
    number,
    numbers,
    positive,
    text,
)
from fidip.io.records import RecordError

CROWDS = "crowds"
UNLABELLED = "without a labelled joint"
PREDICTED = "with predicted instead of labelled keypoints (is_predicted)"
LONGEST_LABEL = 200
ON_SIDE = re.compile(r"\b(side|lateral)")
"""Posture labels of people who lie on their side: Side, side-lying, Left side, lateral."""
NO_JOINTS = np.zeros((len(COCO17), 3))

FileNames = Callable[[Path], frozenset[str]]
"""Returns the names of the files in a folder; an empty set if the folder does not exist."""


def is_person(record: dict[str, Any]) -> bool:
    """Return whether a record belongs to the category person, the default without a category.

    Args:
        record: the annotation record.
    """
    return "category_id" not in record or integer(record, "category_id") == PERSON


def video_names(document: dict[str, Any]) -> dict[str, str]:
    """Return the file names of the file's videos by id.

    They only name rows of a table, so a list of another form is no reason for an error. Videos
    that share a name get their ids appended.

    Args:
        document: content of the annotation file.
    """
    videos = document.get("videos")
    records = [v for v in videos if isinstance(v, dict)] if isinstance(videos, list) else []
    pairs = [(_label(v.get("id")), _label(v.get("file_name"))) for v in records]
    names = {key: name for key, name in pairs if key is not None and name is not None}
    count = Counter(names.values())
    return {key: name if count[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def _video_of(record: dict[str, Any], names: Mapping[str, str]) -> str | None:
    """Return the name of an image's video, or else its id; None for a photograph."""
    key = _label(record.get("video_id"))
    return None if key is None else names.get(key, key)


def _label(value: object) -> str | None:
    """Return an id or a name as text that fits into a table; None if it is neither."""
    if type(value) not in (int, str) or not str(value).isprintable():
        return None
    return str(value)[:LONGEST_LABEL] or None


def image_info(
    record: dict[str, Any],
    image_dirs: Sequence[Path],
    names: FileNames,
    videos: Mapping[str, str],
) -> ImageInfo:
    """Return the image of a record.

    Args:
        record: the image record.
        image_dirs: folders that the file name may be relative to.
        names: returns the names of the files in a folder.
        videos: names of videos by id.

    Raises:
        RecordError: a field is missing or malformed.
    """
    name = file_name(record)
    return ImageInfo(
        id=integer(record, "id"),
        file_name=name,
        path=_locate(name, image_dirs, names),
        wh=(image_side(record, "width"), image_side(record, "height")),
        is_synthetic=flag(record, "is_synthetic"),
        posture=text(record, "posture") if record.get("posture") not in (None, "") else None,
        video=_video_of(record, videos),
        frame=integer(record, "frame_index") if type(record.get("frame_index")) is int else None,
        is_covered=flag(record, "covered"),
        clip_kind=_label(record.get("kind")),
    )


def _is_side_lying(posture: str | None) -> bool | None:
    """Return whether a posture label means lying on the side; None if it does not tell."""
    words = (posture or "").lower()
    if words in ("", "unknown", "other"):
        return None
    return ON_SIDE.search(words) is not None


class PersonReader:
    """Reader of annotation records that collects and counts people who do not become samples.

    Args:
        images: the images of the file by id.
        skip_unusable: count people whose area or box is too small, instead of raising an error.

    Attributes:
        reads_joints: whether the keypoints are read.
        others: people who do not become samples.
        skipped: number of records that do not become samples, by reason.
    """

    reads_joints = True

    def __init__(self, images: dict[int, ImageInfo], skip_unusable: bool) -> None:
        self.images = images
        self.skip_unusable = skip_unusable
        self.others: list[Annotation] = []
        self.skipped: Counter[str] = Counter()

    def read(self, record: dict[str, Any]) -> Annotation | None:
        """Return the person of a record; None if it does not become a sample."""
        if not is_person(record):
            self.skipped["of another category"] += 1
            return None
        person = self._annotation(record)
        reason = self._reason_to_skip(record, person)
        if reason:
            self.skipped[reason] += 1
            self.others.append(person)
            return None
        return person

    def _annotation(self, record: dict[str, Any]) -> Annotation:
        image = self.images.get(integer(record, "image_id"))
        if image is None:
            raise RecordError(f"image_id {record['image_id']} is not among the file's images")
        is_crowd, is_covered = bool(flag(record, "iscrowd")), flag(record, "covered")
        no_joints = _is_predicted(record) or (is_crowd and "keypoints" not in record)
        return Annotation(
            id=integer(record, "id"),
            image_id=image.id,
            image_path=image.path,
            image_wh=image.wh,
            box_xywh=numbers(record, "bbox", 4),
            area=number(record, "area"),
            keypoints=NO_JOINTS if no_joints else keypoints(record),
            is_synthetic=image.is_synthetic,
            posture=image.posture,
            is_crowd=is_crowd,
            is_covered=image.is_covered if is_covered is None else is_covered,
            is_side_lying=_is_side_lying(image.posture),
            clip_kind=image.clip_kind,
        )

    def _reason_to_skip(self, record: dict[str, Any], person: Annotation) -> str | None:
        if person.is_crowd:
            return CROWDS
        if _is_predicted(record):
            return PREDICTED
        if not person.keypoints[:, 2].any():
            return UNLABELLED
        try:
            box(record, person.image_wh)
            positive(record, "area")
        except RecordError:
            if self.skip_unusable:
                return "with an area or a box too small to crop"
            raise
        return None


class PredictedPersonReader(PersonReader):
    """Reader of annotation records that takes predicted keypoints for labelled ones."""

    def read(self, record: dict[str, Any]) -> Annotation | None:
        """Return the person of a record; None if it does not become a sample."""
        return super().read({**record, "is_predicted": None})


class BoxReader(PersonReader):
    """Reader of the boxes of annotation records: no value depends on keypoints or areas."""

    reads_joints = False

    def _annotation(self, record: dict[str, Any]) -> Annotation:
        person = super()._annotation({**record, "area": 1, "keypoints": NO_JOINTS.ravel().tolist()})
        return replace(person, area=float(person.box_xywh[2] * person.box_xywh[3]))

    def _reason_to_skip(self, record: dict[str, Any], person: Annotation) -> str | None:
        bare = replace(person, keypoints=np.ones_like(person.keypoints))
        return super()._reason_to_skip({**record, "area": 1, "is_predicted": None}, bare)


def _is_predicted(record: dict[str, Any]) -> bool:
    """Return whether the keypoints are predictions, as in pre-annotations of ``fidip frames``."""
    return bool(flag(record, "is_predicted"))


def _locate(file_name: str, image_dirs: Sequence[Path], names: FileNames) -> Path:
    """Return the path in the first folder that contains the file, or else in the first folder."""
    paths = [folder / file_name for folder in image_dirs]
    return next((path for path in paths if path.name in names(path.parent)), paths[0])


def files_in(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder; none if it does not exist.

    Args:
        folder: the folder.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
