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
Number = float | None

NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")


@dataclass(frozen=True)
class Evaluation:
    """The ten numbers of the COCO key point evaluation; None where nobody is of that size.

    Attributes:
        metrics: value by name, in the order of ``NAMES``.
        intervals: 95 % percentile interval by name, where asked for.
    """

    metrics: dict[str, Number]
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)


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
    if not results:
        return Evaluation(dict.fromkeys(NAMES, 0.0))
    evaluated = _run(ground_truth, results)
    metrics = dict(zip(NAMES, map(_number, evaluated.stats), strict=True))
    return Evaluation(metrics, _bootstrap(evaluated, rounds, seed) if rounds else {})


def _run(ground_truth: dict[str, Any], results: Sequence[dict[str, Any]]) -> COCOeval:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = ground_truth
        truth.createIndex()
        evaluated = COCOeval(truth, truth.loadRes(list(results)), "keypoints")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    return evaluated


def _number(value: float) -> Number:
    return None if value < 0 else float(value)


def _bootstrap(
    evaluated: COCOeval, rounds: int, seed: int
) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals: images are drawn with replacement and their matches accumulated anew."""
    rng = np.random.default_rng(seed)
    images = len(evaluated.params.imgIds)
    draws = rng.multinomial(images, np.full(images, 1 / images), size=rounds)
    areas = {label: _Matches.of(evaluated, i) for i, label in enumerate(("all", "M", "L"))}
    sampled: dict[str, list[float]] = {name: [] for name in NAMES}
    for counts in draws:
        ap, ar = areas["all"].accumulate(counts)
        at = {"": slice(None), "50": slice(0, 1), "75": slice(5, 6)}
        for suffix, rows in at.items():
            sampled[f"AP{suffix}"].append(ap[rows].mean())
            sampled[f"AR{suffix}"].append(ar[rows].mean())
        for label in ("M", "L"):
            ap, ar = areas[label].accumulate(counts)
            sampled[f"AP({label})"].append(ap.mean())
            sampled[f"AR({label})"].append(ar.mean())
    return {name: _interval(np.array(values)) for name, values in sampled.items()}


def _interval(values: Floats) -> tuple[float, float] | None:
    if np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True)
class _Matches:
    """What pycocotools matched, of all images, sorted by falling score.

    Attributes:
        image: (D,) image number of each detection.
        hit, miss: (T, D) true and false positives at each OKS threshold.
        people: (I,) labelled people that count, by image.
        recalls: (R,) recalls at which precision is read.
    """

    image: NDArray[np.int64]
    hit: NDArray[np.bool_]
    miss: NDArray[np.bool_]
    people: NDArray[np.int64]
    recalls: Floats

    @classmethod
    def of(cls, evaluated: COCOeval, area: int) -> _Matches:
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
            image[order].astype(np.int64), matched & ~ignored, ~matched & ~ignored, people,
            evaluated.params.recThrs,
        )  # fmt: skip

    def accumulate(self, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """(T,) average precision and recall when image i is there ``counts[i]`` times."""
        total = (self.people * counts).sum()
        if total == 0:
            nothing = np.full(len(self.hit), np.nan)
            return nothing, nothing
        weight = counts[self.image]
        hits, misses = (self.hit * weight).cumsum(1), (self.miss * weight).cumsum(1)
        recall = hits / total
        precision = hits / (hits + misses + np.spacing(1))
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        average = np.zeros(len(recall))
        for t in range(len(recall)):
            at = np.searchsorted(recall[t], self.recalls, side="left")
            reached = at < recall.shape[1]
            average[t] = envelope[t, at[reached]].sum() / len(self.recalls)
        last = recall[:, -1] if recall.shape[1] else np.zeros(len(recall))
        return average, last
