"""Reader of annotation files in COCO's keypoint format, including SyRIP's.

Malformed records are errors; records that are skipped are counted with the reason.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fidip.core.errors import DataError
from fidip.core.people import People
from fidip.data.annotation_checks import (
    Problem,
    check_skeleton,
    list_of,
    malformed_records,
    missing_files,
    repeated_ids,
)
from fidip.data.annotation_records import (
    BoxReader,
    PersonReader,
    PredictedPersonReader,
    files_in,
    image_info,
    video_names,
)
from fidip.io.json import read_json
from fidip.io.records import try_records


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


def read_annotations(
    path: Path, *image_dirs: Path, skip_unusable: bool = False, needs_images: bool = True
) -> AnnotationFile:
    """Read and check an annotation file.

    Args:
        path: JSON file in COCO's keypoint format with 17 joints.
        image_dirs: folders that the ``file_name`` of an image may be relative to; the first one
            that contains the file is used.
        skip_unusable: skip and count people whose area or visible box is too small, as HRNet's COCO
            loader does, instead of raising an error.
        needs_images: whether the images must exist.

    Returns:
        The content of the file.

    Raises:
        DataError: the file cannot be read, a record is malformed, an image is missing, or no person
            has a labelled joint. The message names the first problems and counts the others.
    """
    file = _inspect(path, image_dirs, PersonReader, skip_unusable, needs_images)
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
    file = _inspect(path, image_dirs, PredictedPersonReader, skip_unusable=False)
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
    file = _inspect(path, image_dirs, BoxReader, skip_unusable)
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
    return _inspect(path, image_dirs, PersonReader, skip_unusable)


def _inspect(
    path: Path,
    image_dirs: Sequence[Path],
    kind: type[PersonReader],
    skip_unusable: bool,
    needs_images: bool = True,
) -> AnnotationFile:
    """Read an annotation file with a reader of its annotation records."""
    document = read_json(path)
    records = {name: list_of(path, document, name) for name in ("images", "annotations")}
    if kind.reads_joints:
        check_skeleton(path, document)
    # List each folder once instead of checking each file: network drives are slow.
    names = functools.cache(files_in)
    videos = video_names(document)
    images, bad_images = try_records(
        "image", records["images"], lambda record: image_info(record, image_dirs, names, videos)
    )
    reader = kind({image.id: image for image in images}, skip_unusable)
    found, bad_people = try_records("annotation", records["annotations"], reader.read)
    labelled = [person for person in found if person is not None]
    people = People(labelled, reader.others, images)
    unseen = len(images) - len({person.image_id for person in labelled})
    if unseen:
        what = "a labelled person" if kind.reads_joints else "a person"
        reader.skipped[f"images without {what}"] = unseen
    in_files = (p for p in labelled if not reader.images[p.image_id].is_in_video)
    needed = list(in_files) if needs_images else []
    problems = (
        malformed_records("image", bad_images),
        repeated_ids("image", (image.id for image in images)),
        malformed_records("annotation", bad_people),
        repeated_ids("annotation", (person.id for person in (*labelled, *reader.others))),
        missing_files(needed, names),
    )
    return AnnotationFile(path, people, reader.skipped, [p for p in problems if p.cases])
