"""Reader of annotation files in COCO's keypoint format, including SyRIP's.

Malformed records are errors; records that are skipped are counted with the reason.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo, People
from fidip.core.skeleton import COCO17
from fidip.io.coco import PERSON
from fidip.io.json import read_json
from fidip.io.records import (
    RecordError,
    box,
    file_name,
    flag,
    image_side,
    integer,
    keypoints,
    listed,
    number,
    numbers,
    objects,
    positive,
    text,
    try_records,
)

CROWDS = "crowds"
UNLABELLED = "without a labelled joint"
PREDICTED = "with predicted instead of labelled keypoints (is_predicted)"
LONGEST_LABEL = 200
SIDE = re.compile(r"\b(side|lateral)")
"""Posture labels of people who lie on their side: Side, side-lying, Left side, lateral."""
NO_JOINTS = np.zeros((len(COCO17), 3))

FileNames = Callable[[Path], frozenset[str]]
"""Returns the names of the files in a folder; an empty set if the folder does not exist."""


@dataclass(frozen=True)
class Problem:
    """Defect of an annotation file that prevents its use.

    Attributes:
        kind: short description.
        cases: all places where it occurs.
        line: the error message and what to do, without the name of the file.
    """

    kind: str
    cases: Sequence[str]
    line: str


@dataclass(frozen=True)
class AnnotationFile:
    """Content of an annotation file.

    Attributes:
        path: the file.
        people: people with at least one labelled joint, in file order, with the ignored regions and
            images that the evaluation needs.
        skipped: number of records that do not become samples, by reason.
        problems: defects that prevent the use of the file.
    """

    path: Path
    people: People
    skipped: Counter[str]
    problems: Sequence[Problem] = ()

    def __str__(self) -> str:
        reasons = "".join(f", left out {n} {reason}" for reason, n in self.skipped.items())
        return f"{self.path}: {len(self.people)} people{reasons}"


def read_annotations(path: Path, *image_dirs: Path, skip_unusable: bool = False) -> AnnotationFile:
    """Read and check an annotation file.

    Args:
        path: JSON file in COCO's keypoint format with 17 joints.
        image_dirs: folders that the ``file_name`` of an image may be relative to; the first one
            that contains the file is used.
        skip_unusable: skip and count people whose area or visible box is too small, as HRNet's COCO
            loader does, instead of raising an error.

    Returns:
        The content of the file.

    Raises:
        DataError: the file cannot be read, a record is malformed, an image is missing, or no person
            has a labelled joint. The message names the first problems and counts the others.
    """
    file = inspect_annotations(path, *image_dirs, skip_unusable=skip_unusable)
    return _required(file, "person with a labelled joint (v > 0)")


def read_preannotations(path: Path, *image_dirs: Path) -> AnnotationFile:
    """Read an annotation file and take predicted keypoints for labelled ones.

    Args:
        path: as for ``read_annotations``.
        image_dirs: as for ``read_annotations``.

    Returns:
        The content of the file. It needs no people.

    Raises:
        DataError: as for ``read_annotations``.
    """
    file = _inspect(path, image_dirs, _LabelledOrPredicted, skip_unusable=False)
    return _required(file, "person") if file.problems else file


def read_boxes(
    path: Path, *image_dirs: Path, skip_unusable: bool = False, may_be_empty: bool = False
) -> AnnotationFile:
    """Read and check the boxes of an annotation file; its keypoints and areas are not read.

    Args:
        path: JSON file in COCO's format; people need a ``bbox`` only.
        image_dirs: as for ``read_annotations``.
        skip_unusable: skip and count people whose visible box is too small.
        may_be_empty: whether the file needs no box.

    Returns:
        The people, without keypoints and with the area of their box, except crowds.

    Raises:
        DataError: as for ``read_annotations``, or there is no box.
    """
    file = _inspect(path, image_dirs, _Boxes, skip_unusable)
    return file if may_be_empty and not file.problems else _required(file, "person with a box")


def _required(file: AnnotationFile, wanted: str) -> AnnotationFile:
    """Return a file that has people and no problems."""
    if file.problems:
        raise DataError(f"{file.path}: {file.problems[0].line}")
    if not file.people:
        raise DataError(f"{file}; expected at least one {wanted}")
    return file


def inspect_annotations(
    path: Path, *image_dirs: Path, skip_unusable: bool = False
) -> AnnotationFile:
    """Read an annotation file and collect its problems instead of raising the first one.

    Args:
        path: as for ``read_annotations``.
        image_dirs: as for ``read_annotations``.
        skip_unusable: as for ``read_annotations``.

    Returns:
        The readable content of the file, and its problems.

    Raises:
        DataError: the file cannot be read, or is not in COCO's keypoint format.
    """
    return _inspect(path, image_dirs, _People, skip_unusable)


def _inspect(
    path: Path, image_dirs: Sequence[Path], kind: type[_People], skip_unusable: bool
) -> AnnotationFile:
    """Read an annotation file with a reader of its annotation records."""
    document = read_json(path)
    records = {name: list_of(path, document, name) for name in ("images", "annotations")}
    if kind.reads_joints:
        _check_skeleton(path, document)
    # List each folder once instead of checking each file: network drives are slow.
    names = functools.cache(_file_names)
    videos = _video_names(document)
    images, bad_images = try_records(
        "image", records["images"], lambda record: _image(record, image_dirs, names, videos)
    )
    reader = kind({image.id: image for image in images}, skip_unusable)
    found, bad_people = try_records("annotation", records["annotations"], reader.read)
    labelled = [person for person in found if person is not None]
    people = People(labelled, reader.others, images)
    unseen = len(images) - len({person.image_id for person in labelled})
    if unseen:
        what = "a labelled person" if kind.reads_joints else "a person"
        reader.skipped[f"images without {what}"] = unseen
    problems = (
        _malformed("image", bad_images),
        _repeated("image", (image.id for image in images)),
        _malformed("annotation", bad_people),
        _repeated("annotation", (person.id for person in (*labelled, *reader.others))),
        _missing_files([p for p in labelled if not reader.images[p.image_id].is_in_video], names),
    )
    return AnnotationFile(path, people, reader.skipped, [p for p in problems if p.cases])


def require_image_files(path: Path, people: People) -> None:
    """Check that no image is a frame in the file of a video.

    Args:
        path: the annotation file, for the message.
        people: the people read from it.

    Raises:
        DataError: there are such images.
    """
    frames = [image for image in people.images if image.is_in_video]
    if frames:
        raise DataError(
            f"{path}: {len(frames)} of {len(people.images)} images are frames in the files of "
            f"videos (the first: {frames[0].file_name}); expected image files. Extract them, or "
            "predict the videos with fidip predict and score them with fidip evaluate "
            "predictions=FOLDER"
        )


def require_both_domains(path: Path, people: Sequence[Annotation]) -> None:
    """Check that every image has a domain and that both domains occur.

    Args:
        path: the annotation file, for the message.
        people: the people read from it.

    Raises:
        DataError: ``is_synthetic`` is missing for an image, or the same for all images.
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
    """Return a list of records of a COCO file.

    Args:
        path: the file, for the message.
        document: its parsed content.
        name: key of the list.

    Raises:
        DataError: there is no list with this key.
    """
    records = document.get(name) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise DataError(f"{path}: has no list '{name}'; expected COCO's keypoint format")
    return records


def is_person(record: dict[str, Any]) -> bool:
    """Return whether a record belongs to the category person, the default without a category.

    Args:
        record: the annotation record.
    """
    return "category_id" not in record or integer(record, "category_id") == PERSON


def _check_skeleton(path: Path, document: dict[str, Any]) -> None:
    """Refuse other joints or another order, which would otherwise be learned without notice."""
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
    """Return names in a common spelling: ``left_eye``, ``Left Eye`` and ``left-eye`` are equal."""
    return ["".join(filter(str.isalnum, str(name).lower())) for name in names]


def _video_names(document: dict[str, Any]) -> dict[str, str]:
    """Return the file names of the file's videos by id.

    They only name rows of a table, so a list of another form is no reason for an error. Videos
    that share a name get their ids appended.
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


def _image(
    record: dict[str, Any],
    image_dirs: Sequence[Path],
    names: FileNames,
    videos: Mapping[str, str],
) -> ImageInfo:
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
    return SIDE.search(words) is not None


class _People:
    """Reader of annotation records that collects and counts people who do not become samples."""

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


class _LabelledOrPredicted(_People):
    """Reader of annotation records that takes predicted keypoints for labelled ones."""

    def read(self, record: dict[str, Any]) -> Annotation | None:
        return super().read({**record, "is_predicted": None})


class _Boxes(_People):
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
    """Return the path in the first folder that contains the file, or else in the first folder."""
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
