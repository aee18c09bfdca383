"""COCO key point files, SyRIP's among them, to ``Annotation`` records.

Nothing is guessed and nothing is lost silently: whatever breaks the format is an error, and who
is left out of a data set is counted with the reason.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fidip.data.records import (
    RecordError,
    box,
    integer,
    keypoints,
    parse_records,
    positive,
    read_json,
    text,
)
from fidip.errors import DataError
from fidip.skeleton import COCO17
from fidip.types import Annotation, ImageSize

PERSON = 1
"""``category_id`` of people in COCO and SyRIP."""


@dataclass(frozen=True)
class AnnotationFile:
    """What one annotation file holds.

    Attributes:
        path: the file.
        people: everyone with at least one labelled joint, in the order of the file.
        skipped: how many records were left out, by reason.
    """

    path: Path
    people: Sequence[Annotation]
    skipped: Counter[str]

    def __str__(self) -> str:
        reasons = "".join(f", left out {n} {reason}" for reason, n in self.skipped.items())
        return f"{self.path}: {len(self.people)} people{reasons}"


class _Image(NamedTuple):
    id: int
    path: Path
    wh: ImageSize
    is_synthetic: bool | None
    posture: str | None


def read_annotations(path: Path, image_dir: Path) -> AnnotationFile:
    """Read and check one annotation file.

    Args:
        path: JSON file in COCO's key point format with 17 joints.
        image_dir: folder that the ``file_name`` of every image is relative to.

    Raises:
        DataError: the file cannot be read, a record is malformed, an image file is missing, or
            nobody has a labelled joint. One line; it names the first problems and counts the rest.
    """
    document = read_json(path)
    records = {name: _records(path, document, name) for name in ("images", "annotations")}
    _check_skeleton(path, document)
    images = _read_images(path, records["images"], image_dir)
    skipped: Counter[str] = Counter()
    parsed = parse_records(
        path, "annotation", records["annotations"], lambda r: _annotation(r, images, skipped)
    )
    people = [person for person in parsed if person is not None]
    _check_unique(path, "annotation", (person.id for person in people))
    _check_files(path, people)
    unseen = len(images) - len({person.image_id for person in people})
    if unseen:
        skipped["images without a labelled person"] = unseen
    file = AnnotationFile(path, people, skipped)
    if not people:
        raise DataError(f"{file}; expected at least one person with a labelled joint (v > 0)")
    return file


def require_both_domains(path: Path, people: Sequence[Annotation]) -> None:
    """Check that every image tells its domain, and that both domains are there.

    Raises:
        DataError: ``is_synthetic`` is missing, or the same everywhere.
    """
    unknown = sorted({str(a.image_path) for a in people if a.is_synthetic is None})
    if unknown:
        raise DataError(
            f"{path}: is_synthetic is missing for {len(unknown)} images (the first: {unknown[0]}); "
            "batches balanced by domain need true or false for every image; add it, or train "
            "without domains: data.balanced=false"
        )
    domains = {a.is_synthetic for a in people}
    if len(domains) == 1:
        only = "synthetic (is_synthetic true)" if domains == {True} else "real (is_synthetic false)"
        raise DataError(
            f"{path}: all training images are {only}; batches balanced by domain need real and "
            "synthetic images; add the others, or train without domains: data.balanced=false"
        )


def _records(path: Path, document: Any, name: str) -> list[Any]:
    records = document.get(name) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise DataError(f"{path}: has no list '{name}'; expected COCO's key point format")
    return records


def _check_skeleton(path: Path, document: dict[str, Any]) -> None:
    """Other joints, or these in another order, would be learnt without anyone noticing."""
    for category in document.get("categories") or []:
        names = category.get("keypoints") if isinstance(category, dict) else None
        if names and _plain(names) != _plain(COCO17.joints):
            raise DataError(
                f"{path}: categories.keypoints is {', '.join(map(str, names))}; expected the "
                f"{len(COCO17)} joints of {COCO17.name} in their order: {', '.join(COCO17.joints)}"
            )


def _plain(names: Iterable[object]) -> list[str]:
    """Names without their spelling: ``left_eye``, ``Left Eye`` and ``left-eye`` are one."""
    return ["".join(filter(str.isalnum, str(name).lower())) for name in names]


def _read_images(path: Path, records: list[Any], image_dir: Path) -> dict[int, _Image]:
    images = parse_records(path, "image", records, lambda record: _image(record, image_dir))
    _check_unique(path, "image", (image.id for image in images))
    return {image.id: image for image in images}


def _image(record: dict[str, Any], image_dir: Path) -> _Image:
    posture = record.get("posture")
    return _Image(
        id=integer(record, "id"),
        path=image_dir / text(record, "file_name"),
        wh=(int(positive(record, "width")), int(positive(record, "height"))),
        is_synthetic=_is_synthetic(record),
        posture=None if posture is None else str(posture),
    )


def _is_synthetic(record: dict[str, Any]) -> bool | None:
    value = record.get("is_synthetic")
    if value not in (None, False, True):  # 0 and 1 equal False and True
        raise RecordError(f"is_synthetic is {value!r}, expected true or false")
    return None if value is None else bool(value)


def _annotation(
    record: dict[str, Any], images: dict[int, _Image], skipped: Counter[str]
) -> Annotation | None:
    """The person of a record; None, and counted, where there is nothing to learn from it."""
    reason = _reason_to_skip(record)
    if reason:
        skipped[reason] += 1
        return None
    image = images.get(integer(record, "image_id"))
    if image is None:
        raise RecordError(f"image_id {record['image_id']} is not among the file's images")
    return Annotation(
        id=integer(record, "id"),
        image_id=image.id,
        image_path=image.path,
        image_wh=image.wh,
        box_xywh=box(record, image.wh),
        area=positive(record, "area"),
        keypoints=keypoints(record),
        is_synthetic=image.is_synthetic,
        posture=image.posture,
    )


def _reason_to_skip(record: dict[str, Any]) -> str | None:
    if record.get("category_id", PERSON) != PERSON:
        return "of another category"
    if record.get("iscrowd"):
        return "crowds"
    return None if keypoints(record)[:, 2].any() else "without a labelled joint"


def _check_unique(path: Path, kind: str, ids: Iterable[int]) -> None:
    twice = [id_ for id_, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(
            f"{path}: {len(twice)} {kind} ids are used more than once (the first: {twice[0]}); "
            "expected unique ids"
        )


def _check_files(path: Path, people: Sequence[Annotation]) -> None:
    """One listing a folder instead of one look a file: network drives answer slowly."""
    wanted = dict.fromkeys(person.image_path for person in people)
    listed = {folder: _file_names(folder) for folder in {file.parent for file in wanted}}
    missing = [file for file in wanted if file.name not in listed[file.parent]]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(wanted)} image files are missing (the first: "
            f"{missing[0]}); copy them there or correct file_name"
        )


def _file_names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()
