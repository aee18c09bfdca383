"""Accuracy for groups of people with a common property."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.people import Annotation, People, require_people
from fidip.core.poses import Poses
from fidip.metrics.assignment import UNMATCHED
from fidip.metrics.joints import torsos
from fidip.metrics.keypoint_ap import average_precision
from fidip.metrics.oks import label_arrays

UNKNOWN = "unknown"
"""Value of a property that is not labelled."""
FLAGS = {None: UNKNOWN, True: "yes", False: "no"}
"""Values of properties that a person has or not."""
DIRECTIONS = ("head up", "head right", "head down", "head left")
"""Directions of the head in the image, clockwise in steps of 90 degrees."""


def properties(people: Sequence[Annotation]) -> dict[str, list[str]]:
    """Return the properties of people.

    - posture: posture of the image in the annotation file;
    - rotation: direction in the image from mid-hip to mid-shoulder, to within 45 degrees; unknown
      if one of the four joints is unlabelled;
    - occlusion: fraction of the labelled joints that are labelled as occluded (v = 1);
    - domain: domain of the image;
    - covered: whether a blanket or the like covers part of the person, if labelled;
    - side-lying: whether the person lies on the side, if labelled;
    - kind: what happens in the clip, such as kicks, if labelled.

    Args:
        people: N labelled people.

    Returns:
        N values for each property.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> properties([person])["occlusion"]
        ['none occluded']
    """
    return {
        "posture": [person.posture or UNKNOWN for person in people],
        "rotation": _rotations(people),
        "occlusion": [_occlusion(person) for person in people],
        "domain": [_domain(person) for person in people],
        "covered": [FLAGS[person.is_covered] for person in people],
        "side-lying": [FLAGS[person.is_side_lying] for person in people],
        "kind": [person.clip_kind or UNKNOWN for person in people],
    }


def _rotations(people: Sequence[Annotation]) -> list[str]:
    x, y = -torsos(label_arrays(people)[0]).T
    turn = np.degrees(np.arctan2(x, -y))  # 0 is up, 90 right: image y points down
    return [UNKNOWN if np.isnan(t) else DIRECTIONS[round(t / 90) % 4] for t in turn]


def _occlusion(person: Annotation) -> str:
    visibility = person.keypoints[person.keypoints[:, 2] > 0, 2]
    hidden = float((visibility == 1).mean())
    return "none occluded" if hidden == 0 else "up to half" if hidden <= 0.5 else "more than half"


def _domain(person: Annotation) -> str:
    return {None: UNKNOWN, True: "synthetic", False: "real"}[person.is_synthetic]


def describe_slices(
    poses: Poses,
    index: NDArray[np.int64],
    people: People,
    rounds: int,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return AP with its interval for each value of each property.

    People with a value are scored on their images, against their own predictions and unmatched
    predictions. Crowds and unlabelled people on these images are ignored, as in COCO evaluation.
    Properties with a single value are left out, and so are cover and lying on the side if no one
    is labelled so.

    Args:
        poses: N predicted people.
        index: (N,) positions in ``people`` of the person of each pose, -1 without a match.
        people: labelled people.
        rounds: number of bootstrap rounds over images for the intervals.

    Returns:
        Number of ``images`` and ``people``, ``AP`` and ``interval``, by property and value.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> describe_slices(poses, np.array([0]), people, rounds=0)
        {}
    """
    require_people(people)
    return {
        name: {
            value: _describe(poses, index, people, np.array([v == value for v in values]), rounds)
            for value, _ in Counter(values).most_common()
        }
        for name, values in properties(people).items()
        if len(set(values)) > 1 and set(values) != {FLAGS[None], FLAGS[False]}
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
