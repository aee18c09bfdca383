"""Boxes of a person detector, in COCO's results format, that replace ground-truth boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fidip.core.errors import DataError
from fidip.core.people import Annotation, ImageInfo, People, require_people
from fidip.data.annotation_records import NO_JOINTS, is_person
from fidip.io.json import read_json
from fidip.io.record_fields import box, integer, number
from fidip.io.records import parse_records


def read_detections(path: Path, people: People, threshold: float = 0.0) -> list[Annotation]:
    """Read the people that a detector found in the images of a dataset.

    Args:
        path: JSON list of ``{image_id, category_id, bbox, score}``. Other categories, and images
            that are not in ``people``, are skipped.
        people: the people and images of the dataset; images without people are included.
        threshold: detections with a lower score are skipped, whatever their box.

    Returns:
        The detected people, without joints.

    Raises:
        DataError: the file is malformed, or has no detection in these images.
        TypeError: ``people`` is a plain sequence of annotations.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise DataError(f"{path}: expected a list of detections in COCO's results format")
    images = {image.id: image for image in require_people(people).images}
    parsed = parse_records(
        path, "detection", records, lambda record: _detection(record, images, threshold)
    )
    detections = [a for a in parsed if a is not None]
    if not detections:
        raise DataError(
            f"{path}: none of {len(records)} detections is a person with a score of at least "
            f"{threshold:g} in the {len(images)} images; check image_id and the threshold"
        )
    return [replace(a, id=number) for number, a in enumerate(detections, start=1)]


def _detection(
    record: dict[str, Any], images: dict[int, ImageInfo], threshold: float
) -> Annotation | None:
    image = images.get(integer(record, "image_id"))
    if not is_person(record) or image is None:
        return None
    score = number(record, "score")
    if score < threshold:
        return None
    box_xywh = box(record, image.wh)
    return Annotation(
        id=0,  # read_detections assigns the ids
        image_id=image.id,
        image_path=image.path,
        image_wh=image.wh,
        box_xywh=box_xywh,
        area=float(box_xywh[2] * box_xywh[3]),
        keypoints=NO_JOINTS,
        is_synthetic=image.is_synthetic,
        posture=image.posture,
        box_score=score,
    )
