"""Agreement of two annotators, a human reference value for the scores of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.people import Annotation, People, require_people
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.metrics.assignment import UNMATCHED, match_people
from fidip.metrics.keypoint_ap import evaluate_keypoints
from fidip.metrics.oks import instance_oks


def describe_agreement(
    second: Sequence[Annotation], people: People, rounds: int = 1000
) -> dict[str, Any]:
    """Return AP with its interval and mean OKS of the labels of a second annotator.

    Each person of the second annotator counts as a prediction with score 1, in the order of the
    file. Only joints that both annotators labelled count: a joint that one of them left out does
    not reduce the agreement. A person that the second annotator did not label counts as missed.
    Crowds are ignored.

    Args:
        second: people of the second annotator.
        people: people of the first annotator on the images that both labelled.
        rounds: number of bootstrap rounds over images for the interval.

    Returns:
        ``people`` and ``joints`` that both labelled, ``AP``, its 95 % ``interval``, and mean
        ``oks``.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> agreement = describe_agreement([person], People.without_others([person]), rounds=2)
        >>> agreement["joints"], agreement["oks"]
        (17, 1.0)
    """
    require_people(people)
    index = _whose(second, people)
    common = _common(second, people, index)
    evaluation = evaluate_keypoints(
        replace(people, labelled=common), _as_poses(second), rounds=rounds
    )
    pairs = [
        (other, common[i])
        for other, i in zip(second, index, strict=True)
        if i != UNMATCHED and common[i].keypoints[:, 2].any()
    ]
    xy = np.array([other.keypoints[:, :2] for other, _ in pairs])
    firsts = [first for _, first in pairs]
    return {
        "people": len(pairs),
        "joints": sum(int((first.keypoints[:, 2] > 0).sum()) for first in firsts),
        "AP": evaluation.metrics["AP"],
        "interval": evaluation.intervals.get("AP"),
        "oks": float(instance_oks(xy, firsts).mean()) if pairs else None,
    }


def _common(
    second: Sequence[Annotation], people: People, index: NDArray[np.int64]
) -> list[Annotation]:
    """Return the people of the first annotator with only the joints that both labelled."""
    common = list(people)
    for other, i in zip(second, index, strict=True):
        if i != UNMATCHED:
            both = people[i].keypoints * (other.keypoints[:, 2:] > 0)
            common[i] = replace(people[i], keypoints=both)
    return common


def _as_poses(people: Sequence[Annotation]) -> Poses:
    """Return labelled people as predictions with score 1."""
    keypoints = np.array([person.keypoints for person in people]).reshape(-1, len(COCO17), 3)
    return Poses.of_keypoints(
        keypoints[..., :2],
        np.ones(keypoints.shape[:2], np.float32),
        image_ids=np.array([person.image_id for person in people], dtype=np.int64),
    )


def _whose(second: Sequence[Annotation], people: Sequence[Annotation]) -> NDArray[np.int64]:
    """Match the people of two annotators, by id within an image or else by OKS.

    Returns:
        (N,) positions in ``people``, -1 for unmatched people.
    """
    by_id = {(person.image_id, person.id): i for i, person in enumerate(people)}
    index = np.array([by_id.get((p.image_id, p.id), UNMATCHED) for p in second], dtype=np.int64)
    left = np.flatnonzero(index == UNMATCHED)
    if len(left):
        free = np.setdiff1d(np.arange(len(people)), index)
        others = [second[i] for i in left.tolist()]
        found = match_people(
            np.stack([p.keypoints[:, :2] for p in others]),
            np.array([p.image_id for p in others]),
            np.ones(len(others)),
            [people[i] for i in free.tolist()],
        )
        index[left[found != UNMATCHED]] = free[found[found != UNMATCHED]]
    return index
