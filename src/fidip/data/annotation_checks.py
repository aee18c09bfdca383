"""Checks of annotation files in COCO's keypoint format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fidip.core.errors import DataError
from fidip.core.people import Annotation, People
from fidip.core.skeleton import COCO17
from fidip.data.annotation_records import FileNames
from fidip.io.labels.labelled import plain
from fidip.io.record_fields import objects
from fidip.io.records import RecordError, listed


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


def check_skeleton(path: Path, document: dict[str, Any]) -> None:
    """Refuse other joints or another order, which would otherwise be learned without notice.

    Args:
        path: the annotation file, for the message.
        document: its content.

    Raises:
        DataError: the categories are malformed, or name other joints.
    """
    try:
        skeletons = [category.get("keypoints") for category in objects(document, "categories")]
    except RecordError as problem:
        raise DataError(f"{path}: {problem}; correct the file") from problem
    for names in skeletons:
        if names and not (isinstance(names, list) and _are_coco17(names)):
            shown = ", ".join(map(str, names)) if isinstance(names, list) else str(names)
            raise DataError(
                f"{path}: categories.keypoints is {ascii(shown[:200])[1:-1]}; expected the "
                f"{len(COCO17)} joints of {COCO17.name} in their order: {', '.join(COCO17.joints)}"
            )


def _are_coco17(names: Sequence[object]) -> bool:
    return [plain(str(name)) for name in names] == [plain(name) for name in COCO17.joints]


def malformed_records(kind: str, cases: Sequence[str]) -> Problem:
    """Return the problem of records that cannot be read.

    Args:
        kind: what the records describe.
        cases: a line for each.
    """
    return Problem(f"malformed {kind} records", cases, f"{listed(cases)}; correct the file")


def repeated_ids(kind: str, ids: Iterable[int]) -> Problem:
    """Return the problem of ids that several records have.

    Args:
        kind: what the records describe.
        ids: all ids.
    """
    twice = [str(id_) for id_, count in Counter(ids).items() if count > 1]
    return Problem(
        f"{kind} ids used more than once",
        twice,
        f"{len(twice)} {kind} ids are used more than once (the first: {' '.join(twice[:1])}); "
        "expected unique ids",
    )


def missing_files(people: Sequence[Annotation], names: FileNames) -> Problem:
    """Return the problem of images that do not exist.

    Args:
        people: people whose images are needed.
        names: returns the names of the files in a folder.
    """
    wanted = dict.fromkeys(person.image_path for person in people)
    missing = [str(path) for path in wanted if path.name not in names(path.parent)]
    return Problem(
        "missing images",
        missing,
        f"{len(missing)} of {len(wanted)} image files are missing (the first: "
        f"{' '.join(missing[:1])}); copy them there or correct file_name",
    )


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
