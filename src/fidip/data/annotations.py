"""COCO key point files, SyRIP's among them, to ``Annotation`` records.

Nothing is guessed and nothing is lost silently: whatever breaks the format is an error, and who
is left out of a data set is counted with the reason.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation, ImageInfo, People
from fidip.io.coco import PERSON
from fidip.io.json import read_json
from fidip.io.records import (
    RecordError,
    box,
    file_name,
    flag,
    integer,
    keypoints,
    listed,
    number,
    numbers,
    objects,
    pixels,
    positive,
    text,
    try_records,
)

CROWDS = "crowds"
UNLABELLED = "without a labelled joint"
NO_JOINTS = np.zeros((len(COCO17), 3))

FileNames = Callable[[Path], frozenset[str]]
"""Names of the files in a folder; none where there is no such folder."""


@dataclass(frozen=True)
class Problem:
    """Something that breaks an annotation file.

    Attributes:
        kind: what it is, in a few words.
        cases: every place where it is so.
        line: what it means and what to do, without the file's name.
    """

    kind: str
    cases: Sequence[str]
    line: str


@dataclass(frozen=True)
class AnnotationFile:
    """What one annotation file holds.

    Attributes:
        path: the file.
        people: everyone with at least one labelled joint, in the order of the file, and what else
            the evaluation counts.
        skipped: how many records make no sample, by reason.
        problems: what forbids to use it.
    """

    path: Path
    people: People
    skipped: Counter[str]
    problems: Sequence[Problem] = ()

    def __str__(self) -> str:
        reasons = "".join(f", left out {n} {reason}" for reason, n in self.skipped.items())
        return f"{self.path}: {len(self.people)} people{reasons}"


def read_annotations(path: Path, *image_dirs: Path, skip_unusable: bool = False) -> AnnotationFile:
    """Read and check one annotation file.

    Args:
        path: JSON file in COCO's key point format with 17 joints.
        image_dirs: folders that the ``file_name`` of an image may be relative to; the first that
            holds the file counts.
        skip_unusable: leave out, and count, people whose area or whose box within the image is
            too small, as the loader of HRNet does for COCO; otherwise that is an error.

    Raises:
        DataError: the file cannot be read, a record is malformed, an image file is missing, or
            nobody has a labelled joint. One line; it names the first problems and counts the rest.
    """
    file = inspect_annotations(path, *image_dirs, skip_unusable=skip_unusable)
    if file.problems:
        raise DataError(f"{path}: {file.problems[0].line}")
    if not file.people:
        raise DataError(f"{file}; expected at least one person with a labelled joint (v > 0)")
    return file


def inspect_annotations(
    path: Path, *image_dirs: Path, skip_unusable: bool = False
) -> AnnotationFile:
    """Read one annotation file as far as it goes; arguments as of ``read_annotations``.

    Raises:
        DataError: it cannot be read, or is not in COCO's key point format at all.
    """
    document = read_json(path)
    records = {name: list_of(path, document, name) for name in ("images", "annotations")}
    _check_skeleton(path, document)
    # One listing a folder instead of one look a file: network drives answer slowly.
    names = functools.cache(_file_names)
    images, bad_images = try_records(
        "image", records["images"], lambda record: _image(record, image_dirs, names)
    )
    reader = _People({image.id: image for image in images}, skip_unusable)
    found, bad_people = try_records("annotation", records["annotations"], reader.read)
    labelled = [person for person in found if person is not None]
    people = People(labelled, reader.others, images)
    unseen = len(images) - len({person.image_id for person in labelled})
    if unseen:
        reader.skipped["images without a labelled person"] = unseen
    problems = (
        _malformed("image", bad_images),
        _repeated("image", (image.id for image in images)),
        _malformed("annotation", bad_people),
        _repeated("annotation", (person.id for person in (*labelled, *reader.others))),
        _missing_files(labelled, names),
    )
    return AnnotationFile(path, people, reader.skipped, [p for p in problems if p.cases])


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


def list_of(path: Path, document: Any, name: str) -> list[Any]:
    """Return one of the lists of records of a COCO file.

    Raises:
        DataError: there is no such list.
    """
    records = document.get(name) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise DataError(f"{path}: has no list '{name}'; expected COCO's keypoint format")
    return records


def is_person(record: dict[str, Any]) -> bool:
    """Whether a record is of the category of people, which one without a category is."""
    return "category_id" not in record or integer(record, "category_id") == PERSON


def _check_skeleton(path: Path, document: dict[str, Any]) -> None:
    """Other joints, or these in another order, would be learnt without anyone noticing."""
    try:
        skeletons = [category.get("keypoints") for category in objects(document, "categories")]
    except RecordError as problem:
        raise DataError(f"{path}: {problem}; correct the file") from problem
    for names in skeletons:
        if names and (not isinstance(names, list) or _plain(names) != _plain(COCO17.joints)):
            shown = ", ".join(map(str, names)) if isinstance(names, list) else str(names)
            raise DataError(
                f"{path}: categories.keypoints is {ascii(shown[:200])[1:-1]}; expected the "
                f"{len(COCO17)} joints of {COCO17.name} in their order: {', '.join(COCO17.joints)}"
            )


def _plain(names: Iterable[object]) -> list[str]:
    """Names without their spelling: ``left_eye``, ``Left Eye`` and ``left-eye`` are one."""
    return ["".join(filter(str.isalnum, str(name).lower())) for name in names]


def _image(record: dict[str, Any], image_dirs: Sequence[Path], names: FileNames) -> ImageInfo:
    name = file_name(record)
    return ImageInfo(
        id=integer(record, "id"),
        file_name=name,
        path=_locate(name, image_dirs, names),
        wh=(pixels(record, "width"), pixels(record, "height")),
        is_synthetic=flag(record, "is_synthetic"),
        posture=text(record, "posture") if record.get("posture") not in (None, "") else None,
    )


class _People:
    """Reads annotation records; keeps whoever makes no sample, and counts them with the reason."""

    def __init__(self, images: dict[int, ImageInfo], skip_unusable: bool) -> None:
        self.images = images
        self.skip_unusable = skip_unusable
        self.others: list[Annotation] = []
        self.skipped: Counter[str] = Counter()

    def read(self, record: dict[str, Any]) -> Annotation | None:
        """The person of a record; None where there is nothing to learn from it."""
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
        is_crowd = bool(flag(record, "iscrowd"))
        return Annotation(
            id=integer(record, "id"),
            image_id=image.id,
            image_path=image.path,
            image_wh=image.wh,
            box_xywh=numbers(record, "bbox", 4),
            area=number(record, "area"),
            keypoints=NO_JOINTS if is_crowd and "keypoints" not in record else keypoints(record),
            is_synthetic=image.is_synthetic,
            posture=image.posture,
            is_crowd=is_crowd,
        )

    def _reason_to_skip(self, record: dict[str, Any], person: Annotation) -> str | None:
        if person.is_crowd:
            return CROWDS
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


def _malformed(kind: str, cases: Sequence[str]) -> Problem:
    return Problem(f"malformed {kind} records", cases, f"{listed(cases)}; correct the file")


def _repeated(kind: str, ids: Iterable[int]) -> Problem:
    twice = [str(id_) for id_, count in Counter(ids).items() if count > 1]
    return Problem(
        f"{kind} ids used more than once",
        twice,
        f"{len(twice)} {kind} ids are used more than once (the first: {' '.join(twice[:1])}); "
        "expected unique ids",
    )


def _missing_files(people: Sequence[Annotation], names: FileNames) -> Problem:
    wanted = dict.fromkeys(person.image_path for person in people)
    missing = [str(path) for path in wanted if path.name not in names(path.parent)]
    return Problem(
        "missing images",
        missing,
        f"{len(missing)} of {len(wanted)} image files are missing (the first: "
        f"{' '.join(missing[:1])}); copy them there or correct file_name",
    )


def _locate(file_name: str, image_dirs: Sequence[Path], names: FileNames) -> Path:
    """The file in the first folder that holds it; where none does, in the first folder."""
    paths = [folder / file_name for folder in image_dirs]
    return next((path for path in paths if path.name in names(path.parent)), paths[0])


def _file_names(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
