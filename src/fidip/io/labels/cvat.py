"""Reader and writer of CVAT's XML format "CVAT for images 1.1", with a skeleton for every person.

CVAT measures from the image's corner. All arrays here are image px with pixel centres at integers.
CVAT's own COCO format is not used: it stores neither boxes nor whether a person confirmed a
prediction.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import (
    Element,
    ParseError,
    SubElement,
    TreeBuilder,
    XMLParser,
    fromstring,
    indent,
    tostring,
)

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io.json import read_bytes
from fidip.io.labels.labelled import (
    OCCLUDED,
    VISIBLE,
    Joints,
    Labelled,
    LabelledImage,
    Point,
    one_line,
    require_one_each,
)
from fidip.io.record_fields import LARGEST, file_name, image_side
from fidip.io.records import RecordError, listed

PERSON, BOX = "person", "box"
"""Names of the labels."""
CHECKED = "checked"
"""Checkbox of a person. It is off for predictions until an annotator ticks it."""
FORMAT = "CVAT for images 1.1"
AGAIN = f"export the task again as {FORMAT}"
ON_CANVAS = (
    (50, 10), (53, 7), (47, 7), (58, 9), (42, 9), (64, 25), (36, 25), (72, 40), (28, 40),
    (76, 55), (24, 55), (60, 55), (40, 55), (64, 75), (36, 75), (66, 94), (34, 94),
)  # fmt: skip
"""Positions of the joints in a new skeleton, on a canvas of 100 x 100."""


def read_cvat(path: Path, joints: Joints) -> list[Labelled]:
    """Read an export of a task or project.

    A person is a prediction while ``checked`` is off and no point has been moved (``semi-auto``);
    without ``checked``, if the source is ``auto``.

    Args:
        path: the XML file, ``annotations.xml`` of the downloaded archive.
        joints: mapping of joint names; collects unknown names.

    Returns:
        The people of all images. An image without people gives one without keypoints.

    Raises:
        DataError: the file has another format, or an image is malformed or there twice.
    """
    root = _parse(path)
    if root.tag != "annotations" or root.find("track") is not None:
        raise DataError(f"{path}: expected the format {FORMAT}; {AGAIN}")
    people: list[Labelled] = []
    names, problems = [], []
    for image in root.iter("image"):
        try:
            name = file_name(dict(image.attrib), "name")
            names.append(name)
            people.extend(_people(name, image, joints))
        except RecordError as problem:
            problems.append(f"image {one_line(image.get('name', ''))}: {problem}")
    if problems:
        raise DataError(f"{path}: {listed(problems)}; correct the labels and export them again")
    require_one_each(path, "image", names)
    return people


class _NoDoctype(TreeBuilder):
    """Builder of elements that refuses document types, which could define endless entities."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ParseError(f"it has a document type ({name})")


def _parse(path: Path) -> Element:
    try:
        return fromstring(read_bytes(path), XMLParser(target=_NoDoctype()))
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise DataError(f"{path}: not valid XML ({error}); {AGAIN}") from error


def _people(name: str, image: Element, joints: Joints) -> list[Labelled]:
    wh = _size(image)
    skeletons, boxes = image.findall("skeleton"), image.findall("box")
    if not skeletons and image.find("points") is not None:
        raise RecordError(
            "has single points, expected skeletons; make the labels of the task from labels.json "
            "of fidip labels to=cvat"
        )
    by_group = {box.get("group_id"): _box(box) for box in boxes if box.get("group_id", "0") != "0"}
    only = _box(boxes[0]) if len(boxes) == len(skeletons) == 1 else None
    people = [
        Labelled(
            name,
            joints.keypoints(_points(skeleton)),
            by_group.get(skeleton.get("group_id"), only),
            wh,
            _is_predicted(skeleton),
        )
        for skeleton in skeletons
    ]
    return people or [Labelled(name, joints.keypoints([]), image_wh=wh)]


def _size(image: Element) -> ImageSize:
    sides = {key: _number(image, key) for key in ("width", "height")}
    return image_side(sides, "width"), image_side(sides, "height")


def _is_predicted(skeleton: Element) -> bool:
    source = skeleton.get("source", "manual")
    checked = next(
        (a.text for a in skeleton.findall("attribute") if a.get("name") == CHECKED), None
    )
    if checked is None:
        return source == "auto"
    return checked.strip().lower() != "true" and source != "semi-auto"


def _points(skeleton: Element) -> list[Point]:
    """Return the points that are in the image; CVAT calls the others outside."""
    return [
        Point(each.get("label", ""), *_xy(each), OCCLUDED if _is_on(each, "occluded") else VISIBLE)
        for each in skeleton.findall("points")
        if not _is_on(each, "outside")
    ]


def _is_on(element: Element, key: str) -> bool:
    return element.get(key, "0") == "1"


def _xy(points: Element) -> tuple[float, float]:
    x, _, y = points.get("points", "").partition(",")
    where = one_line(points.get("label", ""))
    return _parsed(f"{where} x", x) - 0.5, _parsed(f"{where} y", y) - 0.5


def _box(box: Element) -> NDArray[np.float64]:
    left, top, right, bottom = (_number(box, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    return np.array([left - 0.5, top - 0.5, right - left, bottom - top])


def _number(element: Element, key: str) -> float:
    return _parsed(key, element.get(key, ""))


def _parsed(what: str, value: str) -> float:
    try:
        parsed = float(value)
    except ValueError:
        parsed = np.inf
    if not abs(parsed) <= LARGEST:
        raise RecordError(
            f"{what} is {reprlib.repr(value)}, expected a number of at most {LARGEST:g}"
        )
    return parsed


def to_cvat(images: Sequence[LabelledImage]) -> str:
    """Return the XML to upload as annotations of a task with these images.

    Args:
        images: the images. Predicted people are not ``checked``, and have no box.
    """
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for label in cvat_labels():
        entry = SubElement(labels, "label")
        SubElement(entry, "name").text = label["name"]
        attributes = SubElement(entry, "attributes")
        for attribute in label["attributes"]:
            described = SubElement(attributes, "attribute")
            SubElement(described, "name").text = attribute["name"]
            SubElement(described, "input_type").text = attribute["input_type"]
    for number, image in enumerate(images):
        width, height = map(str, image.wh)
        element = SubElement(
            root, "image", id=str(number), name=image.name, width=width, height=height
        )
        for group, person in enumerate(image.people, start=1):
            _add_person(element, str(group), person)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_person(image: Element, group: str, person: Labelled) -> None:
    source = "auto" if person.is_predicted else "manual"
    common = {"source": source, "occluded": "0", "z_order": "0", "group_id": group}
    skeleton = SubElement(image, "skeleton", {"label": PERSON, **common})
    for name, (x, y, visibility) in zip(COCO17.joints, person.keypoints.tolist(), strict=True):
        SubElement(
            skeleton, "points", label=name, source=source, outside=str(int(visibility == 0)),
            occluded=str(int(visibility == OCCLUDED)), points=f"{x + 0.5:.3f},{y + 0.5:.3f}",
        )  # fmt: skip
    checked = SubElement(skeleton, "attribute", name=CHECKED)
    checked.text = str(not person.is_predicted).lower()
    if person.box_xywh is not None and not person.is_predicted:
        low = person.box_xywh[:2] + 0.5
        corners = zip(("xtl", "ytl", "xbr", "ybr"), (*low, *low + person.box_xywh[2:]), strict=True)
        SubElement(
            image, "box", {"label": BOX, **common, **{key: f"{side:.3f}" for key, side in corners}}
        )


def cvat_labels() -> list[dict[str, Any]]:
    """Return the labels of the task, for the field *Raw* of CVAT's label constructor."""
    checked = {"name": CHECKED, "input_type": "checkbox", "mutable": False,
               "values": ["true"], "default_value": "true"}  # fmt: skip
    return [
        {
            "name": PERSON,
            "type": "skeleton",
            "color": "#4477aa",
            "attributes": [checked],
            "sublabels": [
                {"name": name, "id": number, "type": "points", "attributes": []}
                for number, name in enumerate(COCO17.joints, start=1)
            ],
            "svg": "".join([*map(_edge, COCO17.limbs), *map(_node, range(len(COCO17)))]),
        },
        {"name": BOX, "type": "rectangle", "color": "#bbbbbb", "attributes": []},
    ]


def _edge(limb: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = (ON_CANVAS[joint] for joint in limb)
    a, b = limb
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="black" stroke-width="0.5" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
    )


def _node(joint: int) -> str:
    x, y = ON_CANVAS[joint]
    number = joint + 1
    return (
        f'<circle r="1.5" cx="{x}" cy="{y}" stroke="black" fill="#b3b3b3" stroke-width="0.1" '
        f'data-type="element node" data-element-id="{number}" data-node-id="{number}" '
        f'data-label-name="{COCO17.joints[joint]}"></circle>'
    )
