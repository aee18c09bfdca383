"""Per-image matches of COCO evaluation, which give its numbers for any resample of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from fidip.core.arrays import Floats, Ints

EPSILON = float(np.spacing(1))  # added to the number of detections in COCO evaluation


def draw_images(images: int, rounds: int, seed: int = 0) -> Ints:
    """Draw images with replacement.

    Args:
        images: number of images.
        rounds: number of draws.
        seed: seed of the random generator.

    Returns:
        (rounds, images) int64, how often each image occurs in each draw.

    Example:
        >>> draw_images(images=5, rounds=2).sum(axis=1)
        array([5, 5])
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=rounds)


def draw_groups(groups: Sequence[str], rounds: int, seed: int = 0) -> Ints:
    """Draw groups of images with replacement, such as all frames of a video.

    Args:
        groups: group of each image.
        rounds: number of draws.
        seed: seed of the random generator.

    Returns:
        (rounds, images) int64, how often each image occurs in each draw.

    Example:
        >>> draws = draw_groups(["a", "a", "b"], rounds=2)
        >>> bool((draws[:, 0] == draws[:, 1]).all()), draws[:, [0, 2]].sum(axis=1)
        (True, array([2, 2]))
    """
    names, numbers = np.unique(np.array(groups), return_inverse=True)
    return draw_images(len(names), rounds, seed)[:, numbers]


@dataclass(frozen=True)
class Matches:
    """Per-image matches of pycocotools, from which the ten COCO numbers of any resample follow.

    The numbers equal those of pycocotools on a dataset with the resampled images. The only
    exception is a repeated image with two detections of equal score, which have an arbitrary order.

    Attributes:
        images: number of images.
        areas: matches among people of all, medium and large size.
    """

    images: int
    areas: tuple[Area, ...]

    @classmethod
    def of(cls, evaluated: COCOeval) -> Matches:
        """Return the matches of a COCO evaluation.

        Args:
            evaluated: evaluation of all three size ranges, after ``evaluate()``.
        """
        return cls(len(evaluated.params.imgIds), tuple(Area.of(evaluated, i) for i in range(3)))

    def beside(self, other: Matches) -> Matches:
        """Return the matches of two runs on the same I images as matches on 2 I images.

        The first I images are those of this run. Detections with equal scores keep the order of the
        original images, as in pycocotools.

        Args:
            other: matches of the other run.
        """
        pairs = zip(self.areas, other.areas, strict=True)
        return Matches(2 * self.images, tuple(a.beside(b) for a, b in pairs))

    def numbers(self, draws: Ints) -> Floats:
        """Return the ten COCO numbers of resampled images.

        Args:
            draws: (R, I) how often each image occurs in each resample.

        Returns:
            (R, 10) numbers in the order of ``keypoint_ap.NAMES``; NaN where no person has that
            size.
        """
        measured = zip(*(area.accumulate(draws) for area in self.areas), strict=True)
        columns = [
            number
            for every, medium, large in measured  # precision, then recall
            for number in (
                every.mean(1), every[:, 0], every[:, 5], medium.mean(1), large.mean(1)
            )
        ]  # fmt: skip
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Area:
    """Matches of all images among people in a range of sizes, sorted by decreasing score.

    Attributes:
        image: (D,) image number of each detection.
        score: (D,) score of each detection.
        hit: (T, D) true positives at each OKS threshold.
        miss: (T, D) false positives at each OKS threshold.
        people: (I,) number of labelled people that count, per image.
        recalls: (R,) recall levels at which precision is sampled.
    """

    image: Ints
    score: Floats
    hit: NDArray[np.bool_]
    miss: NDArray[np.bool_]
    people: Ints
    recalls: Floats

    @classmethod
    def of(cls, evaluated: COCOeval, area: int) -> Area:
        """Return the matches of one size range of a COCO evaluation.

        Args:
            evaluated: evaluation, after ``evaluate()``.
            area: index of the size range in the evaluation.
        """
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

    def beside(self, other: Area) -> Area:
        """Return the matches of two runs as those of twice the images; see ``Matches.beside``.

        Args:
            other: matches of the other run in the same size range.
        """
        image = np.concatenate([self.image, other.image])
        score = np.concatenate([self.score, other.score])
        order = np.lexsort((image, -score))
        image = np.concatenate([self.image, other.image + len(self.people)])
        return Area(
            image[order],
            score[order],
            np.concatenate([self.hit, other.hit], axis=1)[:, order],
            np.concatenate([self.miss, other.miss], axis=1)[:, order],
            np.concatenate([self.people, other.people]),
            self.recalls,
        )

    def accumulate(self, draws: Ints) -> tuple[Floats, Floats]:
        """Compute average precision and recall of resampled images.

        Args:
            draws: (R, I) how often each image occurs in each resample.

        Returns:
            (R, T) average precision and (R, T) recall at T OKS thresholds.
        """
        weight = draws[:, self.image].astype(np.int64)
        averages = _accumulate(weight, self.hit, self.miss, draws @ self.people, self.recalls)
        return cast(tuple[Floats, Floats], averages)


@njit(cache=True)
def _accumulate(weight, hit, miss, people, recalls):
    """Compute average precision and recall, with detections sorted by decreasing score.

    Args:
        weight: (R, D) how often each detection occurs in each resample.
        hit: (T, D) true positives at each OKS threshold.
        miss: (T, D) false positives at each OKS threshold.
        people: (R,) number of labelled people in each resample.
        recalls: recall levels at which precision is sampled.

    Returns:
        (R, T) average precision and (R, T) recall.
    """
    rounds, detections = weight.shape
    thresholds, levels = len(hit), len(recalls)
    precision = np.full((rounds, thresholds), np.nan)
    recall = np.full((rounds, thresholds), np.nan)
    hits = np.zeros(detections + 1)
    misses = np.zeros(detections + 1)
    for r in range(rounds):
        if people[r] == 0:
            continue
        for t in range(thresholds):
            for d in range(detections):
                hits[d + 1] = hits[d] + weight[r, d] * hit[t, d]
                misses[d + 1] = misses[d] + weight[r, d] * miss[t, d]
            # From the end, where the maximum of the later precisions is known: precision at a
            # recall level is sampled where recall first reaches that level.
            level = levels - 1
            best = total = 0.0
            while level >= 0 and recalls[level] > hits[detections] / people[r]:
                level -= 1
            for d in range(detections, 0, -1):
                found = hits[d] + misses[d]
                if found > 0:
                    best = max(best, hits[d] / (found + EPSILON))
                first = d == 1
                while level >= 0 and (first or recalls[level] > hits[d - 1] / people[r]):
                    total += best
                    level -= 1
            precision[r, t] = total / levels
            recall[r, t] = hits[detections] / people[r]
    return precision, recall


@njit(cache=True)
def match_joints(alike, start, first, last, ignored, crowd, thresholds):
    """Match detections to people for each joint separately, as COCO evaluation matches people.

    Each detection, in order of decreasing score per image, takes the most similar person that is
    not taken. People that count come before ignored ones. Pair ``start[d] + i`` is detection d and
    person ``first[d] + i``.

    Args:
        alike: (P, K) similarity of each pair, per joint.
        start: (D,) first pair of each detection.
        first: (D,) first person in the image of each detection.
        last: (D,) end of the people in the image of each detection.
        ignored: (N, K) whether a joint of a person is ignored.
        crowd: (N,) whether a person is a crowd, which several detections may match.
        thresholds: (T,) OKS thresholds.

    Returns:
        (K, T, D) true positives and (K, T, D) false positives.

    Example:
        One detection with a similarity of 0.6 to the only person, at two thresholds:

        >>> zero, one, no = np.array([0]), np.array([1]), np.array([[False]])
        >>> alike, thresholds = np.array([[0.6]]), np.array([0.5, 0.75])
        >>> hit, miss = match_joints(alike, zero, zero, one, no, no[0], thresholds)
        >>> hit[0, :, 0].tolist(), miss[0, :, 0].tolist()
        ([True, False], [False, True])
    """
    joints, detections = alike.shape[1], len(start)
    hit = np.zeros((joints, len(thresholds), detections), np.bool_)
    miss = np.ones((joints, len(thresholds), detections), np.bool_)
    for k in range(joints):
        for t in range(len(thresholds)):
            taken = np.zeros(len(crowd), np.bool_)
            for d in range(detections):
                best, who = min(thresholds[t], 1 - 1e-10), -1
                for aside in (False, True):
                    if who >= 0:
                        break
                    for person in range(first[d], last[d]):
                        if ignored[person, k] != aside or (taken[person] and not crowd[person]):
                            continue
                        similarity = alike[start[d] + person - first[d], k]
                        if similarity >= best:
                            best, who = similarity, person
                if who >= 0:
                    taken[who] = True
                    hit[k, t, d] = not ignored[who, k]
                    miss[k, t, d] = False
    return hit, miss
