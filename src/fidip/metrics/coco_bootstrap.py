"""What COCO's evaluation matched image by image, from which its numbers on any draw of images follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from fidip.core.arrays import Floats, Ints

EPSILON = float(np.spacing(1))  # what COCO's evaluation adds to the number of detections


def draw_images(images: int, rounds: int, seed: int = 0) -> Ints:
    """(rounds, images) how often each image is in each draw with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=rounds)


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
    areas: tuple[Area, ...]

    @classmethod
    def of(cls, evaluated: COCOeval) -> Matches:
        return cls(len(evaluated.params.imgIds), tuple(Area.of(evaluated, i) for i in range(3)))

    def beside(self, other: Matches) -> Matches:
        """Both runs on the same images: of 2 I images, the first I are this run's.

        Detections of one score stay in the order of the true images, as pycocotools has it.
        """
        pairs = zip(self.areas, other.areas, strict=True)
        return Matches(2 * self.images, tuple(a.beside(b) for a, b in pairs))

    def numbers(self, draws: Ints) -> Floats:
        """(R, 10) numbers when image i is there ``draws[r, i]`` times; NaN where nobody is of a size."""
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
    def of(cls, evaluated: COCOeval, area: int) -> Area:
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
        """(R, T) average precision and recall when image i is there ``draws[r, i]`` times."""
        weight = draws[:, self.image].astype(np.int64)
        averages = _accumulate(weight, self.hit, self.miss, draws @ self.people, self.recalls)
        return cast(tuple[Floats, Floats], averages)


@njit(cache=True)
def _accumulate(weight, hit, miss, people, recalls):
    """(R, T) average precision and recall of (R, D) times (T, D) detections, by falling score."""
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
            # From the end, where the best precision to come is known: precision at a level of recall is
            # read where recall first reaches it.
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
    """True and false positives (K, T, D), joint by joint, as COCO's evaluation matches people.

    Every detection, the best of its image first, takes the person it is most like of those that are left,
    who count before those who are ignored. Pair ``start[d] + i`` is of detection d and person ``first[d] + i``.
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
