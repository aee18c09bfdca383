"""Reader and writer of Label Studio's tasks, with keypoints of one or more people per image.

Label Studio gives percentages from the image's edge. All arrays here are image px with pixel
centres at integers. With several people per image, every keypoint is a child (``parentID``) of the
rectangle of its person.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.core.geometry import box_around
from fidip.core.skeleton import COCO17
from fidip.io.drawing import SIDE_COLORS, side_of
from fidip.io.json import read_json
from fidip.io.labels.labelled import (
    OCCLUDED,
    VISIBLE,
    Joints,
    Labelled,
    LabelledImage,
    Point,
    one_line,
    plain,
    require_one_each,
)
from fidip.io.record_fields import below, image_side, mapping, number, numbers, objects, text
from fidip.io.records import RecordError, listed, try_records

LOCAL_FILES = "/data/local-files/"
"""Path of Label Studio's server for files of its own computer; ``d`` names the file."""
HIDDEN = {"occluded", "hidden", "invisible", "notvisible"}
"""Choices for a keypoint that mean that it is occluded."""


def read_label_studio(
    path: Path, joints: Joints, annotator: int | str | None = None
) -> list[Labelled]:
    """Read the JSON export of Label Studio: keypoints and boxes.

    Args:
        path: the JSON file.
        joints: mapping of joint names; collects unknown names.
        annotator: id or e-mail address of the annotator whose labels to read; None if every task
            has labels of one annotator.

    Returns:
        The people of all tasks. People of a task without labels are its predictions, and a task
        without people gives one without keypoints.

    Raises:
        DataError: the file has another format, a task is malformed, or two people have labelled an
            image.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise DataError(f"{path}: expected Label Studio's JSON export, a list of tasks")
    found, problems = try_records("task", tasks, lambda task: _task(task, joints, annotator))
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the labels and export them again")
    require_one_each(path, "task", [people[0].name for people in found])
    return [person for people in found for person in people]


def _task(task: dict[str, Any], joints: Joints, annotator: int | str | None) -> list[Labelled]:
    data = mapping(task, "data")
    name = image_name(data, next((key for key in ("image", "img", "url") if key in data), "image"))
    done = [each for each in objects(task, "annotations") if not each.get("was_cancelled")]
    chosen = _of_annotator(done, annotator)
    predictions = objects(task, "predictions")
    if chosen is not None:
        people = _people(name, objects(chosen, "result"), joints)
    else:
        result = objects(predictions[-1], "result") if predictions else []
        people = [replace(each, is_predicted=True) for each in _people(name, result, joints)]
    return people or [Labelled(name, joints.keypoints([]))]


def _of_annotator(
    annotations: Sequence[dict[str, Any]], annotator: int | str | None
) -> dict[str, Any] | None:
    """Return the annotation of an annotator; None if there is none.

    Raises:
        RecordError: there are several.
    """
    names = [_annotator(each) for each in annotations]
    if annotator is not None:
        pairs = zip(annotations, names, strict=True)
        annotations = [each for each, keys in pairs if str(annotator) in keys]
    if len(annotations) < 2:
        return annotations[0] if annotations else None
    others = list(dict.fromkeys(keys[-1] for keys in names if keys))
    if annotator is None and len(others) > 1:
        raise RecordError(
            f"{len(others)} annotators have labelled it ({', '.join(others)}), expected one; "
            f"choose one with annotator={others[0]}"
        )
    raise RecordError(f"has {len(annotations)} annotations of one annotator, expected one")


def _annotator(annotation: dict[str, Any]) -> list[str]:
    """Return the id and the e-mail address of who made an annotation, as far as they are known."""
    by = annotation.get("completed_by")
    known = [by.get("id"), by.get("email")] if isinstance(by, dict) else [by]
    return [one_line(str(key)) for key in known if isinstance(key, int | str)]


def _people(name: str, results: Sequence[dict[str, Any]], joints: Joints) -> list[Labelled]:
    """Return the people of an annotation or prediction."""
    shapes = [each for each in results if each.get("type") in ("keypointlabels", "rectanglelabels")]
    sizes = {_size(shape) for shape in shapes}
    if len(sizes) > 1:
        raise RecordError(f"has labels on images of {len(sizes)} sizes, expected one")
    boxes = [each for each in shapes if each["type"] == "rectanglelabels"]
    points: dict[Any, list[Point]] = {_id(box): [] for box in boxes} or {None: []}
    if boxes and len(points) < len(boxes):
        raise RecordError(f"{len(boxes)} rectangles share an id, expected one id for each")
    hidden = {_id(each) for each in results if _is_hidden(each)}
    for shape in shapes:
        if shape["type"] == "keypointlabels":
            points[_owner(shape, list(points))].extend(_points(shape, _id(shape) in hidden))
    box_of = {_id(box): _box(box) for box in boxes}
    return [
        Labelled(name, joints.keypoints(each), box_of.get(owner), wh)
        for wh in sizes
        for owner, each in points.items()
    ]


def _id(result: dict[str, Any]) -> str | None:
    """Return the id of a region; all results of a region have the same."""
    return text(result, "id") if "id" in result else None


def _owner(keypoint: dict[str, Any], owners: Sequence[Any]) -> Any:
    """Return the id of the rectangle that a keypoint belongs to."""
    parent = keypoint.get("parentID")
    if isinstance(parent, str) and parent in owners:
        return parent
    if len(owners) > 1:
        names = ", ".join(map(one_line, _names(mapping(keypoint, "value"))))
        raise RecordError(
            f"{names} belongs to none of {len(owners)} people, expected every keypoint below a "
            "rectangle in the list of regions"
        )
    return owners[0]


def _is_hidden(result: dict[str, Any]) -> bool:
    value = result.get("value")
    choices = value.get("choices") if isinstance(value, dict) else None
    return isinstance(choices, list) and any(plain(str(choice)) in HIDDEN for choice in choices)


def _size(result: dict[str, Any]) -> ImageSize:
    if result.get("image_rotation"):
        raise RecordError(
            f"image_rotation is {reprlib.repr(result['image_rotation'])}, expected 0: images "
            "cannot be turned in Label Studio"
        )
    return image_side(result, "original_width"), image_side(result, "original_height")


def _points(result: dict[str, Any], is_hidden: bool) -> list[Point]:
    value = mapping(result, "value")
    x, y = (_percent(value, "x", "y") * _size(result) - 0.5).tolist()
    return [Point(name, x, y, OCCLUDED if is_hidden else VISIBLE) for name in _names(value)]


def _names(value: dict[str, Any]) -> list[str]:
    """Return the joint names of a keypoint."""
    names = value.get("keypointlabels") or []
    if not isinstance(names, list):
        raise RecordError(f"keypointlabels is {reprlib.repr(names)}, expected a list of texts")
    return [text({"keypointlabels": name}, "keypointlabels") for name in names]


def _box(result: dict[str, Any]) -> NDArray[np.float64]:
    """Return a box (xywh) in image px."""
    value, wh = mapping(result, "value"), np.array(_size(result))
    if value.get("rotation") and number(value, "rotation") % 360:
        raise RecordError(f"rotation is {value['rotation']:g}, expected an upright rectangle")
    corner = _percent(value, "x", "y") * wh - 0.5
    return np.concatenate([corner, _percent(value, "width", "height") * wh])


def _percent(value: dict[str, Any], *fields: str) -> NDArray[np.float64]:
    return numbers({"value": [value.get(field) for field in fields]}, "value", len(fields)) / 100


def image_name(data: dict[str, Any], field: str) -> str:
    """Return the image's path or URL; an absolute path is one on Label Studio's server.

    Args:
        data: the ``data`` object of a task.
        field: key of the image.

    Raises:
        RecordError: the path leads out of its folder.

    Example:
        >>> image_name({"image": "/data/local-files/?d=images/my%20baby.png"}, "image")
        'images/my baby.png'
    """
    name = text(data, field)
    try:
        parts = urlsplit(name)
    except ValueError as error:
        raise RecordError(f"{field} is {reprlib.repr(name)}, expected a path or URL") from error
    if parts.path.endswith(LOCAL_FILES):
        name = text({field: "".join(parse_qs(parts.query).get("d", []))}, field)
    below(field, name.partition("?")[0].lstrip("/"))
    return name


def to_label_studio(images: Sequence[LabelledImage]) -> list[dict[str, Any]]:
    """Return tasks to import into Label Studio.

    Label Studio serves the images from its own computer: the names are below the folder ``images``
    of ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``.

    Args:
        images: the images. Labelled people become an annotation, predicted ones a prediction.

    Returns:
        One task per image.
    """
    return [_exported(image) for image in images]


def _exported(image: LabelledImage) -> dict[str, Any]:
    task: dict[str, Any] = {"data": {"image": f"{LOCAL_FILES}?d=images/{quote(image.name)}"}}
    for key, is_predicted in (("annotations", False), ("predictions", True)):
        results = [
            result
            for number_, person in enumerate(image.people, start=1)
            if person.is_predicted == is_predicted
            for result in _results(f"person{number_}", person, image.wh)
        ]
        if results:
            task[key] = [
                {"result": results, **({"model_version": "fidip"} if is_predicted else {})}
            ]
    return task


def _results(owner: str, person: Labelled, wh: ImageSize) -> list[dict[str, Any]]:
    """Return the regions of a person: a rectangle and, as its children, the keypoints."""
    common = {
        "to_name": "image",
        "original_width": wh[0],
        "original_height": wh[1],
        "image_rotation": 0,
    }
    box = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
    x, y = _to_percent(box[:2] + 0.5, wh)
    width, height = _to_percent(box[2:], wh)
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    results: list[dict[str, Any]] = [
        {**common, "id": owner, "type": "rectanglelabels", "from_name": "person",
         "value": {**value, "rectanglelabels": ["person"]}}
    ]  # fmt: skip
    for name, keypoint in zip(COCO17.joints, person.keypoints, strict=True):
        if not keypoint[2]:
            continue
        x, y = _to_percent(keypoint[:2] + 0.5, wh)
        value = {"x": x, "y": y, "width": 0.5}
        region = {**common, "id": f"{owner}-{name}", "parentID": owner}
        results.append(
            {**region, "type": "keypointlabels", "from_name": "joint",
             "value": {**value, "keypointlabels": [name]}}
        )  # fmt: skip
        if keypoint[2] == OCCLUDED:
            results.append(
                {**region, "type": "choices", "from_name": "visibility",
                 "value": {**value, "choices": ["occluded"]}}
            )  # fmt: skip
    return results


def _to_percent(values: NDArray[np.float64], wh: ImageSize) -> list[float]:
    return (100 * values / np.array(wh)).tolist()


def labeling_config() -> str:
    """Return the XML of Label Studio's labeling interface for the tasks of ``to_label_studio``."""
    view = Element("View")
    SubElement(view, "Image", name="image", value="$image", zoom="true", zoomControl="true")
    person = SubElement(view, "RectangleLabels", name="person", toName="image", canRotate="false")
    SubElement(person, "Label", value="person", background="#4477aa")
    joint = SubElement(view, "KeyPointLabels", name="joint", toName="image", strokeWidth="3")
    for number_, name in enumerate(COCO17.joints):
        color = "#{:02x}{:02x}{:02x}".format(*SIDE_COLORS[side_of(COCO17, number_, number_)])
        SubElement(joint, "Label", value=name, background=color)
    visibility = SubElement(
        view, "Choices", name="visibility", toName="image", perRegion="true",
        visibleWhen="region-selected", whenTagName="joint",
    )  # fmt: skip
    SubElement(visibility, "Choice", value="occluded")
    indent(view)
    return tostring(view, encoding="unicode") + "\n"
