"""How good poses are of people who have something in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.types import Annotation, People, Poses, require_people
from fidip.metrics.assignment import UNMATCHED
from fidip.metrics.joints import torsos
from fidip.metrics.keypoint_ap import average_precision
from fidip.metrics.oks import labels

UNKNOWN = "unknown"
DIRECTIONS = ("head up", "head right", "head down", "head left")


def properties(people: Sequence[Annotation]) -> dict[str, list[str]]:
    """What everyone is, by property.

    - posture: of the image, as the annotation file has it;
    - rotation: where in the image the head end of the torso (mid-hip to mid-shoulder) points, to within 45
      degrees; unknown where one of the four joints is unlabelled;
    - occlusion: how many of the labelled joints are labelled as occluded (v = 1);
    - domain: of the image.
    """
    return {
        "posture": [person.posture or UNKNOWN for person in people],
        "rotation": _rotations(people),
        "occlusion": [_occlusion(person) for person in people],
        "domain": [_domain(person) for person in people],
    }


def _rotations(people: Sequence[Annotation]) -> list[str]:
    x, y = -torsos(labels(people)[0]).T
    turn = np.degrees(np.arctan2(x, -y))  # 0 is up, 90 right: image y points down
    return [UNKNOWN if np.isnan(t) else DIRECTIONS[round(t / 90) % 4] for t in turn]


def _occlusion(person: Annotation) -> str:
    visibility = person.keypoints[person.keypoints[:, 2] > 0, 2]
    share = float((visibility == 1).mean())
    return "none occluded" if share == 0 else "up to half" if share <= 0.5 else "more than half"


def _domain(person: Annotation) -> str:
    return {None: UNKNOWN, True: "synthetic", False: "real"}[person.is_synthetic]


def describe_slices(
    poses: Poses,
    index: NDArray[np.int64],
    people: People,
    rounds: int,
) -> dict[str, dict[str, dict[str, Any]]]:
    """AP with its interval, images and people, by property and value.

    The people with a value are scored on their images, against their predictions and those that match
    no person. Crowds and unlabelled people on these images are ignored, as in COCO's evaluation. A
    property that all people share is left out.

    Args:
        poses: N predicted people.
        index: (N,) whom of ``people`` each is of, or -1.
        people: the labelled people.
        rounds: bootstrap rounds over images for the intervals.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
    """
    require_people(people)
    return {
        name: {
            value: _describe(poses, index, people, np.array([v == value for v in values]), rounds)
            for value, _ in Counter(values).most_common()
        }
        for name, values in properties(people).items()
        if len(set(values)) > 1
    }


def _describe(
    poses: Poses,
    index: NDArray[np.int64],
    people: People,
    inside: NDArray[np.bool_],
    rounds: int,
) -> dict[str, Any]:
    chosen = [person for person, is_inside in zip(people, inside, strict=True) if is_inside]
    images = {person.image_id for person in chosen}
    is_found = np.isin(poses.image_ids, list(images)) & ((index == UNMATCHED) | inside[index])
    value, interval = average_precision(people.part(chosen), poses[is_found], rounds)
    return {
        "images": len(images),
        "people": len(chosen),
        "AP": value,
        "interval": interval,
    }
