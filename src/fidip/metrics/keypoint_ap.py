"""COCO key point AP and AR by pycocotools, with bootstrap intervals over images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fidip.core.arrays import Floats
from fidip.core.types import People, Poses
from fidip.io.coco import annotations_to_coco, to_coco_results
from fidip.metrics.coco_bootstrap import Area, Matches, draw_images

Number = float | None
Interval = tuple[float, float]

NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")


@dataclass(frozen=True)
class Evaluation:
    """The ten numbers of the COCO key point evaluation; None where nobody is of that size.

    Attributes:
        metrics: value by name, in the order of ``NAMES``.
        intervals: 95 % percentile interval by name, where asked for.
    """

    metrics: dict[str, Number]
    intervals: dict[str, Interval | None] = field(default_factory=dict)


def evaluate_keypoints(people: People, poses: Poses, rounds: int = 0, seed: int = 0) -> Evaluation:
    """Compute COCO's keypoint AP and AR by pycocotools.

    Args:
        people: the labelled people, with crowds and images without people.
        poses: N predicted people, ranked by ``pose_scores``.
        rounds: bootstrap rounds over images for the intervals; 0 for none.
        seed: of the bootstrap.

    Returns:
        The ten numbers and their intervals.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
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
    """Return AP and, with rounds, its interval, in a third of the time of ``evaluate_keypoints``."""
    area = Area.of(_matched(people, poses, sizes=1), 0)
    once = np.ones((1, len(area.people)), dtype=np.int64)
    draws = np.concatenate([once, draw_images(len(area.people), rounds, seed)])
    value, *sampled = area.accumulate(draws)[0].mean(1)
    return None if np.isnan(value) else float(value), _interval(np.array(sampled or [np.nan]))


def match_keypoints(people: People, poses: Poses) -> Matches:
    """Match poses to people once; the numbers of any draw of images follow from that."""
    return Matches.of(_matched(people, poses))


def by_name(numbers: Sequence[float] | Floats) -> dict[str, Number]:
    """The ten numbers by name; None where they are negative, as pycocotools has it, or NaN."""
    return {
        name: float(value) if value >= 0 else None
        for name, value in zip(NAMES, numbers, strict=True)
    }


def percentile_intervals(sampled: Floats) -> dict[str, Interval | None]:
    """95 % percentile interval by name from (R, 10) numbers; None where every draw is NaN."""
    return {name: _interval(values) for name, values in zip(NAMES, sampled.T, strict=True)}


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
    """People and poses matched among the first ``sizes`` of all, medium and large people."""
    return _match(_evaluator(people, poses, sizes))


def _evaluator(people: People, poses: Poses, sizes: int) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _coco(annotations_to_coco(people))
        # loadRes needs at least one entry
        results = to_coco_results(poses)
        found = truth.loadRes(results) if results else _coco({**truth.dataset, "annotations": []})
    evaluated = COCOeval(truth, found, "keypoints")
    evaluated.params.areaRng = evaluated.params.areaRng[:sizes]
    evaluated.params.areaRngLbl = evaluated.params.areaRngLbl[:sizes]
    return evaluated


def _match(evaluated: COCOeval) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated.evaluate()
    return evaluated


def _coco(content: dict[str, Any]) -> COCO:
    """Index a ground truth under ids from 1: pycocotools takes a match with annotation 0 for none."""
    coco = COCO()
    numbered = [{**a, "id": i} for i, a in enumerate(content["annotations"], start=1)]
    coco.dataset = {**content, "annotations": numbered}
    coco.createIndex()
    return coco
