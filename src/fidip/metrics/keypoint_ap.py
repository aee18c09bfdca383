"""COCO key point AP and AR by pycocotools, with bootstrap intervals over images."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
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


def evaluate_keypoints(
    ground_truth: dict[str, Any], results: Sequence[dict[str, Any]], rounds: int = 0, seed: int = 0
) -> Evaluation:
    """Score COCO results against a COCO ground truth.

    Args:
        ground_truth: content of an annotation file.
        results: content of a results file.
        rounds: bootstrap rounds over images for the intervals; 0 for none.
        seed: of the bootstrap.
    """
    evaluated = _run(ground_truth, results)
    metrics = by_name(evaluated.stats)
    if not rounds:
        return Evaluation(metrics)
    matches = Matches.of(evaluated)
    draws = draw_images(matches.images, rounds, seed)
    return Evaluation(metrics, percentile_intervals(resample(matches, draws)))


def average_precision(
    ground_truth: dict[str, Any], results: Sequence[dict[str, Any]], rounds: int = 0, seed: int = 0
) -> tuple[Number, Interval | None]:
    """AP alone, and its interval where there are rounds: a third of ``evaluate_keypoints``' work."""
    area = _Area.of(_matched(ground_truth, results, sizes=1), 0)
    draws = [np.ones(len(area.people), dtype=np.int64)]
    if rounds:
        draws += list(draw_images(len(area.people), rounds, seed))
    value, *sampled = (float(area.accumulate(counts)[0].mean()) for counts in draws)
    return None if np.isnan(value) else value, _interval(np.array(sampled or [np.nan]))


def match_keypoints(ground_truth: dict[str, Any], results: Sequence[dict[str, Any]]) -> Matches:
    """Match COCO results to a COCO ground truth once; any draw of images follows from that."""
    return Matches.of(_matched(ground_truth, results))


def by_name(numbers: Sequence[float] | Floats) -> dict[str, Number]:
    """The ten numbers by name; None where they are negative, as pycocotools has it, or NaN."""
    return {
        name: float(value) if value >= 0 else None
        for name, value in zip(NAMES, numbers, strict=True)
    }


def draw_images(images: int, rounds: int, seed: int = 0) -> Ints:
    """(rounds, images) how often each image is in each draw with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=rounds)


def resample(matches: Matches, draws: Ints) -> Floats:
    """(R, 10) numbers of every one of (R, I) draws of the images."""
    return np.stack([matches.numbers(counts) for counts in draws])


def percentile_intervals(sampled: Floats) -> dict[str, Interval | None]:
    """95 % percentile interval by name from (R, 10) numbers; None where every draw is NaN."""
    return {name: _interval(values) for name, values in zip(NAMES, sampled.T, strict=True)}


def _interval(values: Floats) -> Interval | None:
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _run(ground_truth: dict[str, Any], results: Sequence[dict[str, Any]]) -> COCOeval:
    evaluated = _matched(ground_truth, results)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated.accumulate()
        evaluated.summarize()
    return evaluated


def _matched(
    ground_truth: dict[str, Any], results: Sequence[dict[str, Any]], sizes: int = 3
) -> COCOeval:
    """People and poses matched among the first ``sizes`` of all, medium and large people."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = _coco(ground_truth)
        # loadRes wants at least one entry
        found = (
            truth.loadRes(list(results)) if results else _coco({**ground_truth, "annotations": []})
        )
        evaluated = COCOeval(truth, found, "keypoints")
        evaluated.params.areaRng = evaluated.params.areaRng[:sizes]
        evaluated.params.areaRngLbl = evaluated.params.areaRngLbl[:sizes]
        evaluated.evaluate()
    return evaluated


def _coco(content: dict[str, Any]) -> COCO:
    coco = COCO()
    coco.dataset = content
    coco.createIndex()
    return coco


@dataclass(frozen=True)
class Matches:
    """What pycocotools matched image by image: the ten numbers of any images follow from it.

    They are pycocotools' own on a data set with these images, but where an image that is there
    twice holds two detections of exactly one score, whose order is arbitrary.

    Attributes:
        images: how many images there are.
        areas: matches among people of all, medium and large size.
    """

    images: int
    areas: tuple[_Area, ...]

    @classmethod
    def of(cls, evaluated: COCOeval) -> Matches:
        return cls(len(evaluated.params.imgIds), tuple(_Area.of(evaluated, i) for i in range(3)))

    def beside(self, other: Matches) -> Matches:
        """Both runs on the same images: of 2 I images, the first I are this run's.

        Detections of one score stay in the order of the true images, as pycocotools has it.
        """
        pairs = zip(self.areas, other.areas, strict=True)
        return Matches(2 * self.images, tuple(a.beside(b) for a, b in pairs))

    def numbers(self, counts: Ints) -> Floats:
        """(10,) numbers when image i is there ``counts[i]`` times; NaN where nobody is of a size."""
        measured = zip(*(area.accumulate(counts) for area in self.areas), strict=True)
        return np.array(
            [
                number
                for every, medium, large in measured  # precision, then recall
                for number in (every.mean(), every[0], every[5], medium.mean(), large.mean())
            ]
        )


@dataclass(frozen=True)
class _Area:
    """The matches of all images among people of a range of sizes, sorted by falling score.

    Attributes:
        image: (D,) image number of each detection.
        score: (D,) its score.
        hit, miss: (T, D) true and false positives at each OKS threshold.
        people: (I,) labelled people that count, by image.
        recalls: (R,) recalls at which precision is read.
    """

    image: Ints
    score: Floats
    hit: NDArray[np.bool_]
    miss: NDArray[np.bool_]
    people: Ints
    recalls: Floats

    @classmethod
    def of(cls, evaluated: COCOeval, area: int) -> _Area:
        images = len(evaluated.params.imgIds)
        found = [evaluated.evalImgs[area * images + i] for i in range(images)]
        limit = evaluated.params.maxDets[-1]
        people = np.array([0 if e is None else int((e["gtIgnore"] == 0).sum()) for e in found])
        present = [(i, e) for i, e in enumerate(found) if e is not None]
        thresholds = len(evaluated.params.iouThrs)
        blank = np.zeros((thresholds, 0))
        image = np.concatenate(
            [np.full(len(e["dtScores"][:limit]), i) for i, e in present] or [np.zeros(0)]
        )
        score = np.concatenate([e["dtScores"][:limit] for _, e in present] or [np.zeros(0)])
        matched = np.concatenate([blank, *(e["dtMatches"][:, :limit] for _, e in present)], axis=1)
        ignored = np.concatenate([blank, *(e["dtIgnore"][:, :limit] for _, e in present)], axis=1)
        order = np.argsort(-score, kind="mergesort")
        matched, ignored = matched[:, order] != 0, ignored[:, order] != 0
        return cls(
            image[order].astype(np.int64), score[order], matched & ~ignored, ~matched & ~ignored,
            people, evaluated.params.recThrs,
        )  # fmt: skip

    def beside(self, other: _Area) -> _Area:
        image = np.concatenate([self.image, other.image])
        score = np.concatenate([self.score, other.score])
        order = np.lexsort((image, -score))
        image = np.concatenate([self.image, other.image + len(self.people)])
        return _Area(
            image[order],
            score[order],
            np.concatenate([self.hit, other.hit], axis=1)[:, order],
            np.concatenate([self.miss, other.miss], axis=1)[:, order],
            np.concatenate([self.people, other.people]),
            self.recalls,
        )

    def accumulate(self, counts: Ints) -> tuple[Floats, Floats]:
        """(T,) average precision and recall when image i is there ``counts[i]`` times."""
        thresholds, total = len(self.hit), int(self.people @ counts)
        if total == 0:
            return np.full(thresholds, np.nan), np.full(thresholds, np.nan)
        weight = counts[self.image].astype(np.int32)
        there = np.flatnonzero(weight)
        if not len(there):
            return np.zeros(thresholds), np.zeros(thresholds)
        weight = weight[there]
        hits = (self.hit[:, there] * weight).cumsum(1, dtype=np.int32)
        misses = (self.miss[:, there] * weight).cumsum(1, dtype=np.int32)
        precision = hits / (hits + misses + np.spacing(1))
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Precision is read where recall first reaches each of R levels: hits rise in every row, and
        # with a step between the rows they rise from end to end, for one search instead of T.
        needed = np.searchsorted(np.arange(total + 1) / total, self.recalls)
        step = (total + 1) * np.arange(thresholds)[:, None]
        first = np.searchsorted((hits + step).ravel(), (needed + step).ravel())
        read = envelope.take(first, mode="clip").reshape(thresholds, -1)
        average = (read * (needed <= hits[:, -1:])).sum(1) / len(self.recalls)
        return average, hits[:, -1] / total
