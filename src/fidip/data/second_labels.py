"""The same images, labelled by another person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fidip.data.annotations import PERSON
from fidip.data.records import integer, keypoints, parse_records, read_json
from fidip.errors import DataError
from fidip.types import Annotation

NO_ID = -1
"""Of people whose record has no id: they are told by where they are."""


def read_second_labels(path: Path, people: Sequence[Annotation]) -> list[Annotation]:
    """The people that a second annotator labelled in the images of labelled ones.

    Args:
        path: JSON file in COCO's key point format; of its lists only ``annotations`` is read. Other
            categories, crowds, who has no labelled joint, and images that nobody of ``people`` is in, are
            left out.
        people: the labelled people of the data set.

    Raises:
        DataError: the file is malformed, or labels nobody in these images.
    """
    document = read_json(path)
    records = document.get("annotations") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise DataError(f"{path}: has no list 'annotations'; expected COCO's key point format")
    one_of_image = {person.image_id: person for person in people}
    parsed = parse_records(path, "annotation", records, lambda r: _person(r, one_of_image))
    second = [person for person in parsed if person is not None]
    if not second:
        raise DataError(
            f"{path}: none of {len(records)} annotations is a person with a labelled joint in the "
            f"{len(one_of_image)} images; check image_id"
        )
    return second


def _person(record: dict[str, Any], one_of_image: dict[int, Annotation]) -> Annotation | None:
    neighbour = one_of_image.get(integer(record, "image_id"))
    if neighbour is None or record.get("category_id", PERSON) != PERSON or record.get("iscrowd"):
        return None
    labelled = keypoints(record)
    if not labelled[:, 2].any():
        return None
    number = integer(record, "id") if "id" in record else NO_ID
    return replace(neighbour, id=number, keypoints=labelled)
