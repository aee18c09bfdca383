"""Labels of the same images by a second annotator."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo, People, require_people
from fidip.data.annotation_checks import list_of
from fidip.data.annotation_records import is_person
from fidip.io.json import read_json
from fidip.io.record_fields import file_name, flag, image_side, integer, keypoints
from fidip.io.records import listed, parse_records
from fidip.metrics.annotator_agreement import describe_agreement

NO_ID = -1
"""Id of people without an id in the file; they are identified by their position."""
NO_BOX = np.zeros(4)


@dataclass(frozen=True)
class SecondAnnotator:
    """Labels of a second annotator.

    Attributes:
        people: the people with a labelled joint.
        images: ids of the images that the second annotator labelled.
    """

    people: Sequence[Annotation]
    images: Set[int]

    def agreement(self, people: People) -> dict[str, Any]:
        """Score this annotator on the images that both annotators labelled.

        Args:
            people: the people of the first annotator.

        Returns:
            The values of ``describe_agreement``, and the numbers of images: labelled by both as
            ``images``, by the first annotator as ``of_images``.
        """
        shared = people.on_images(self.images)
        images = {"images": len(shared.images), "of_images": len(people.images)}
        return {**images, **describe_agreement(self.people, shared)}


@dataclass(frozen=True)
class _Image:
    """Image as the second annotator's file describes it."""

    id: int
    name: str | None
    wh: ImageSize | None


def read_second_annotator(path: Path, people: People) -> SecondAnnotator:
    """Read the labels of a second annotator for the images of a dataset.

    Args:
        path: JSON file in COCO's keypoint format. If it has a list ``images``, these are the images
            that were labelled, and their names and sizes must agree with the dataset; otherwise
            they are the images of its ``annotations``. Other categories, crowds, people without a
            labelled joint and images of other splits are skipped.
        people: the people of the dataset.

    Returns:
        The second annotator's people and images.

    Raises:
        DataError: the file is malformed, belongs to other images, or has no labelled person in
            them.
        TypeError: ``people`` is a plain sequence of annotations.
    """
    document = read_json(path)
    records = list_of(path, document, "annotations")
    images = {image.id: image for image in require_people(people).images}
    parsed = parse_records(path, "annotation", records, lambda r: _person(r, images))
    labelled = {int(record["image_id"]) for record in records}
    if "images" in document:
        listed_images = parse_records(path, "image", list_of(path, document, "images"), _image)
        _require_same(path, listed_images, images)
        labelled = {image.id for image in listed_images}
    shared = _require_overlap(path, labelled, images)
    second = [person for person in parsed if person is not None and person.image_id in shared]
    if not second:
        raise DataError(
            f"{path}: none of {len(records)} annotations is a person with a labelled joint in the "
            f"{len(images)} images; expected labels of the same images. Check image_id"
        )
    return SecondAnnotator(second, shared)


def _image(record: dict[str, Any]) -> _Image:
    sides = [image_side(record, side) for side in ("width", "height") if side in record]
    return _Image(
        integer(record, "id"),
        file_name(record) if "file_name" in record else None,
        (sides[0], sides[1]) if len(sides) == 2 else None,
    )


def _require_same(path: Path, second: Sequence[_Image], images: dict[int, ImageInfo]) -> None:
    """Raise a DataError if an id stands for different images in the two files."""
    odd = []
    for image in second:
        ours = images.get(image.id)
        if ours is None:
            continue
        if image.name is not None and _last(image.name) != _last(ours.file_name):
            odd.append(f"image {image.id} is {image.name}, in the data set {ours.file_name}")
        elif image.wh is not None and image.wh != ours.wh:
            theirs, own = ("x".join(map(str, wh)) for wh in (image.wh, ours.wh))
            odd.append(f"image {image.id} has {theirs} px, in the data set {own}")
    if odd:
        raise DataError(
            f"{path}: {listed(odd)}; expected labels of the same images. Give second_annotator= "
            "the labels of this split"
        )


def _last(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _require_overlap(path: Path, labelled: Set[int], images: dict[int, ImageInfo]) -> Set[int]:
    """Return the images that both annotators labelled.

    Raises:
        DataError: they are less than half of the smaller set of images.
    """
    shared = labelled & images.keys()
    if 2 * len(shared) < min(len(labelled), len(images)):
        strange = sorted(labelled - images.keys())[:1]
        first = f" (the first other: image_id {strange[0]})" if strange else ""
        raise DataError(
            f"{path}: {len(shared)} of its {len(labelled)} images are among the {len(images)} of "
            f"the data set{first}; expected labels of the same images. Give second_annotator= the "
            "labels of this split"
        )
    return shared


def _person(record: dict[str, Any], images: dict[int, ImageInfo]) -> Annotation | None:
    image = images.get(integer(record, "image_id"))
    if not is_person(record) or flag(record, "iscrowd") or image is None:
        return None
    joints = keypoints(record)
    if not joints[:, 2].any():
        return None
    return Annotation(
        id=integer(record, "id") if "id" in record else NO_ID,
        image_id=image.id,
        image_path=image.path,
        image_wh=image.wh,
        box_xywh=NO_BOX,
        area=0.0,
        keypoints=joints,
        is_synthetic=image.is_synthetic,
        posture=image.posture,
    )
