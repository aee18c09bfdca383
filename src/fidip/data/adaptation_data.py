"""Dataset of an adaptation: labelled, unlabelled and synthetic images as splits of one folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fidip.core.errors import DataError, shown
from fidip.core.people import ImageInfo
from fidip.data.annotation_records import is_person
from fidip.data.annotations import read_annotations
from fidip.data.layout import find_split
from fidip.data.video_labels import LabelledFrame, VideoLabels
from fidip.io.atomic import disk_errors
from fidip.io.coco import annotation_file, person_category
from fidip.io.json import read_object, write_json

TEST, UNLABELLED = "test", "unlabelled"
"""Names of the splits beside those of the subsets, which begin with ``train_``."""
Records = dict[str, list[dict[str, Any]]]
"""``images`` and ``annotations`` in COCO's layout."""


@dataclass(frozen=True)
class ImageSource:
    """Images of a label file with the people in them.

    Attributes:
        file: the label file.
        images: the images to use.
        folder: folder of their copies, below ``images`` of the dataset.
        is_synthetic: domain of the images.
    """

    file: Path
    images: Sequence[ImageInfo]
    folder: str
    is_synthetic: bool


def train_split(name: str) -> str:
    """Return the name of the split of a subset.

    Args:
        name: name of the subset.
    """
    return f"train_{name}"


def synthetic_source(root: Path, split: str) -> ImageSource:
    """Return the synthetic images of a dataset.

    Args:
        root: folder of the dataset.
        split: name of the split.

    Raises:
        DataError: the dataset or the split is missing or malformed, or has no synthetic image.
    """
    found = find_split(root, split)
    people = read_annotations(found.json, *found.image_dirs).people
    used = {person.image_id for person in people if person.is_synthetic}
    if not used:
        raise DataError(
            f"synthetic={shown(root)}: split {split} has no image with is_synthetic true; "
            "expected rendered infants. Render some with fidip synthesize preset=demo, or leave "
            "out synthetic="
        )
    images = [image for image in people.images if image.id in used]
    return ImageSource(found.json, images, "synthetic", is_synthetic=True)


def write_dataset(
    root: Path,
    labels: VideoLabels,
    subsets: Mapping[str, Sequence[LabelledFrame]],
    test: Sequence[LabelledFrame],
    synthetic: ImageSource | None,
) -> None:
    """Copy the labelled and synthetic images, and write a split for each subset and the test.

    Args:
        root: an empty folder.
        labels: the labelled frames.
        subsets: training frames by name of the subset.
        test: frames of the test.
        synthetic: images that all subsets share; None for none.

    Raises:
        DiskError: a file cannot be written.
    """
    labelled = ImageSource(labels.file, labels.people.images, "labelled", is_synthetic=False)
    of_videos = copy_images(root, labelled)
    rendered = copy_images(root, synthetic) if synthetic else None
    known = {frame.image_id: frame for frame in labels.frames}
    for image in of_videos["images"]:
        frame = known[image["id"]]
        image.update(video_id=frame.video, subject=frame.subject)
    for name, frames in subsets.items():
        records = _of_images(of_videos, (frame.image_id for frame in frames))
        if rendered is not None:
            records = joined(records, rendered)
        write_split_labels(root, train_split(name), records)
    write_split_labels(root, TEST, _of_images(of_videos, (frame.image_id for frame in test)))


def write_split_labels(root: Path, name: str, records: Records) -> None:
    """Write the annotation file of a split.

    Args:
        root: folder of the dataset.
        name: name of the split.
        records: its images and annotations.

    Raises:
        DiskError: the file cannot be written.
    """
    content = {**records, "categories": [person_category()]}
    write_json(annotation_file(root, name), content, compact=True)


def copy_images(root: Path, source: ImageSource) -> Records:
    """Copy images into a dataset, and return their records and those of the people in them.

    Args:
        root: folder of the dataset.
        source: the images.

    Raises:
        DiskError: an image cannot be written.
    """
    places = {image.id: image for image in source.images}
    document = read_object(source.file)
    images = []
    for record in document["images"]:
        image = places.get(record["id"])
        if image is None:
            continue
        name = f"{source.folder}/{image.id}{image.path.suffix.lower()}"
        path = root / "images" / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(image.path, path)
        images.append({**record, "file_name": name, "is_synthetic": source.is_synthetic})
    people = [
        each for each in document["annotations"] if is_person(each) and each["image_id"] in places
    ]
    return {"images": images, "annotations": people}


def joined(first: Records, second: Records) -> Records:
    """Return the records of two files as those of one; the second ones get new ids.

    Args:
        first: records that keep their ids.
        second: further records.

    Example:
        >>> one = {"images": [{"id": 4}], "annotations": [{"id": 1, "image_id": 4}]}
        >>> joined(one, one)["annotations"]
        [{'id': 1, 'image_id': 4}, {'id': 3, 'image_id': 9}]
    """
    image_step, person_step = (
        1 + max((record["id"] for record in first[key]), default=0)
        for key in ("images", "annotations")
    )
    images = [{**each, "id": each["id"] + image_step} for each in second["images"]]
    people = [
        {**p, "id": p["id"] + person_step, "image_id": p["image_id"] + image_step}
        for p in second["annotations"]
    ]
    return {
        "images": [*first["images"], *images],
        "annotations": [*first["annotations"], *people],
    }


def _of_images(records: Records, ids: Iterable[int]) -> Records:
    """Return the records of some images."""
    kept = set(ids)
    return {
        "images": [image for image in records["images"] if image["id"] in kept],
        "annotations": [each for each in records["annotations"] if each["image_id"] in kept],
    }
