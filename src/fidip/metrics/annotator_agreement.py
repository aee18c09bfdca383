"""How well a second person labels the same images: a human level to compare predictions with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation, People, Poses, require_people
from fidip.metrics.assignment import UNMATCHED, match_people
from fidip.metrics.keypoint_ap import evaluate_keypoints
from fidip.metrics.oks import instance_oks


def describe_agreement(
    second: Sequence[Annotation], people: People, rounds: int = 1000
) -> dict[str, Any]:
    """AP with its interval, and mean OKS, of a second annotator's people against the first's.

    Every person of the second is a prediction of score 1, ranked as they stand in the file. Only joints
    that both labelled count: leaving one out is no disagreement about its place. A person that the
    second did not label at all is missed, and crowds are ignored.

    Args:
        second: people of the second annotator.
        people: people of the first annotator on the images that both labelled.
        rounds: bootstrap rounds over images for the interval.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
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
    """The first annotator's people with only the joints that the second labelled, too."""
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
    """(N,) whom each of the second annotator's people is: by id in the same image, or else by OKS."""
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
