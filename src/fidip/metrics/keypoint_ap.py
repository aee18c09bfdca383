"""COCO keypoint AP and AR by pycocotools, with bootstrap intervals over images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fidip.core.arrays import Floats
from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.io.coco import annotations_to_coco, to_coco_results
from fidip.metrics.coco_bootstrap import Area, Matches, draw_images

Number = float | None
"""Value of a metric; None if no person has the size that it is defined for."""
Interval = tuple[float, float]
"""Lower and upper limit."""

NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")
"""Names of the ten numbers of COCO keypoint evaluation."""


@dataclass(frozen=True)
class Evaluation:
    """Result of COCO keypoint evaluation.

    Attributes:
        metrics: the ten numbers by name, in the order of ``NAMES``; None where no person has that
            size.
        intervals: 95 % percentile intervals by name; empty if none were computed.
    """

    metrics: dict[str, Number]
    intervals: dict[str, Interval | None] = field(default_factory=dict)


def evaluate_keypoints(people: People, poses: Poses, rounds: int = 0, seed: int = 0) -> Evaluation:
    """Compute COCO keypoint AP and AR by pycocotools.

    A labelled joint that is not predicted has a similarity of 0. A pose without a known joint is no
    detection.

    Args:
        people: labelled people, with crowds and images without people.
        poses: N predicted people, ranked by ``pose_scores``; keypoints are NaN where unknown.
        rounds: number of bootstrap rounds over images for the intervals; 0 for none.
        seed: seed of the bootstrap.

    Returns:
        The ten numbers and their intervals.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from fidip.core.people import Annotation
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> round(evaluate_keypoints(people, poses).metrics["AP"], 3)
        1.0
    """
    evaluated = _run(people, poses)
    metrics = by_name(evaluated.stats)
    if not rounds:
        return Evaluation(metrics)
    matches = Matches.of(evaluated)
    draws = draw_images(matches.images, rounds, seed)
    return Evaluation(metrics, percentile_intervals(matches.numbers(draws)))


def average_precision(
    people: People, poses: Poses, rounds: int = 0, seed: int = 0
) -> tuple[Number, Interval | None]:
    """Compute only AP and its interval, faster than ``evaluate_keypoints``.

    Args:
        people: labelled people, with crowds and images without people.
        poses: N predicted people, ranked by ``pose_scores``; keypoints are NaN where unknown.
        rounds: number of bootstrap rounds over images for the interval; 0 for none.
        seed: seed of the bootstrap.

    Returns:
        AP, and its 95 % interval; None where undefined.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from fidip.core.people import Annotation
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> ap, interval = average_precision(people, poses)
        >>> round(ap, 3), interval
        (1.0, None)
    """
    area = Area.of(_matched(people, poses, sizes=1), 0)
    once = np.ones((1, len(area.people)), dtype=np.int64)
    draws = np.concatenate([once, draw_images(len(area.people), rounds, seed)])
    value, *sampled = area.accumulate(draws)[0].mean(1)
    return None if np.isnan(value) else float(value), _interval(np.array(sampled or [np.nan]))


def match_keypoints(people: People, poses: Poses) -> Matches:
    """Match poses to people once, so that the numbers of any resample of images follow.

    Args:
        people: labelled people, with crowds and images without people.
        poses: N predicted people, ranked by ``pose_scores``; keypoints are NaN where unknown.

    Returns:
        The matches.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from fidip.core.people import Annotation
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> match_keypoints(people, poses).numbers(np.array([[1], [2]]))[:, 0].round(3)
        array([1., 1.])
    """
    return Matches.of(_matched(people, poses))


def by_name(numbers: Sequence[float] | Floats) -> dict[str, Number]:
    """Return the ten numbers by name.

    Args:
        numbers: ten numbers in the order of ``NAMES``.

    Returns:
        Value by name; None for NaN and for negative numbers, which pycocotools uses for undefined
        values.

    Example:
        >>> by_name([0.5] * 9 + [-1.0])["AR(L)"] is None
        True
    """
    return {
        name: float(value) if value >= 0 else None
        for name, value in zip(NAMES, numbers, strict=True)
    }


def percentile_intervals(
    sampled: Floats, names: Sequence[str] = NAMES
) -> dict[str, Interval | None]:
    """Return 95 % percentile intervals by name.

    Args:
        sampled: (R, C) numbers of R resamples.
        names: the C names.

    Returns:
        Interval by name; None where all resamples are NaN.

    Example:
        >>> sampled = np.tile(np.linspace(0, 1, 41)[:, None], 10)
        >>> low, high = percentile_intervals(sampled)["AP"]
        >>> round(low, 3), round(high, 3)
        (0.025, 0.975)
    """
    return {name: _interval(values) for name, values in zip(names, sampled.T, strict=True)}


def _interval(values: Floats) -> Interval | None:
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _run(people: People, poses: Poses) -> COCOeval:
    evaluated = _matched(people, poses)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated.accumulate()
        evaluated.summarize()
    return evaluated


def _matched(people: People, poses: Poses, sizes: int = 3) -> COCOeval:
    """Return the evaluation, matched among the first ``sizes`` of all, medium and large people."""
    return _match(_evaluator(people, poses, sizes))


def _evaluator(people: People, poses: Poses, sizes: int) -> COCOeval:
    poses = poses.detected
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _coco(annotations_to_coco(people))
        # pycocotools takes a NaN similarity for a match, and that of an infinite distance is 0.
        far = np.where(poses.known[..., None], poses.xy, np.inf)
        results = to_coco_results(replace(poses, xy=far))
        # loadRes needs at least one entry
        found = truth.loadRes(results) if results else _coco({**truth.dataset, "annotations": []})
    # loadRes computes areas from all keypoints.
    for entry, area in zip(found.dataset["annotations"], _extents(poses), strict=True):
        entry["area"] = area
    evaluated = COCOeval(truth, found, "keypoints")
    evaluated.params.areaRng = evaluated.params.areaRng[:sizes]
    evaluated.params.areaRngLbl = evaluated.params.areaRngLbl[:sizes]
    return evaluated


def _extents(poses: Poses) -> Floats:
    """Return the (N,) areas of the bounding boxes of known keypoints, in px²."""
    known = poses.known[..., None]
    low = np.where(known, poses.xy, np.inf).min(axis=1)
    extents: Floats = (np.where(known, poses.xy, -np.inf).max(axis=1) - low).prod(axis=1)
    return extents


def _match(evaluated: COCOeval) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated.evaluate()
    return evaluated


def _coco(content: dict[str, Any]) -> COCO:
    """Index ground truth with ids from 1: pycocotools treats a match with annotation 0 as none."""
    coco = COCO()
    numbered = [{**a, "id": i} for i, a in enumerate(content["annotations"], start=1)]
    coco.dataset = {**content, "annotations": numbered}
    coco.createIndex()
    return coco
