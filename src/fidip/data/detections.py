"""Boxes of a person detector, in COCO's results format, in place of ground-truth boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fidip.data.annotations import PERSON
from fidip.data.records import box, integer, number, parse_records, read_json
from fidip.errors import DataError
from fidip.skeleton import COCO17
from fidip.types import Annotation


def read_detections(
    path: Path, people: Sequence[Annotation], threshold: float = 0.0
) -> list[Annotation]:
    """Detected people in the images of labelled ones, without joints.

    Args:
        path: JSON list of ``{image_id, category_id, bbox, score}``. Other categories, and images
            that nobody of ``people`` is in, are left out.
        people: the labelled people of the data set.
        threshold: boxes with a lower score are left out.

    Raises:
        DataError: the file is malformed, or leaves no box for these images.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise DataError(f"{path}: expected a list of detections in COCO's results format")
    one_of_image = {person.image_id: person for person in people}
    parsed = parse_records(
        path, "detection", records, lambda record: _detection(record, one_of_image)
    )
    detections = [a for a in parsed if a is not None and a.box_score >= threshold]
    if not detections:
        raise DataError(
            f"{path}: none of {len(records)} detections is a person with a score of at least "
            f"{threshold:g} in the {len(one_of_image)} images; check image_id and the threshold"
        )
    return [replace(a, id=number) for number, a in enumerate(detections, start=1)]


def _detection(record: dict[str, Any], one_of_image: dict[int, Annotation]) -> Annotation | None:
    neighbour = one_of_image.get(integer(record, "image_id"))
    if neighbour is None or record.get("category_id", PERSON) != PERSON:
        return None
    box_xywh = box(record, neighbour.image_wh)
    return replace(
        neighbour,
        box_xywh=box_xywh,
        area=float(box_xywh[2] * box_xywh[3]),
        keypoints=np.zeros((len(COCO17), 3)),
        box_score=number(record, "score"),
    )
