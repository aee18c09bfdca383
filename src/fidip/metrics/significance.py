"""Whether two experiments differ: intervals over seeds and images, and a test by swapping.

Two experiments are tested on the same images, each with one or more seeds. Matching people is the
business of single images, so every draw of images and every swap of predictions costs one
accumulation and no matching.

The **interval** is a percentile bootstrap of two crossed levels (Efron and Tibshirani 1993, chapter
13; Davison and Hinkley 1997, section 3.8, and Owen 2007 for levels; Koehn 2004 for pairing by test
item). A draw takes images with replacement, the same for all runs of both experiments, which pairs
them; and seeds with replacement, for each experiment by itself: a seed that two experiments share
need not make their nets alike, and where it does, the interval is on the safe side. Of S seeds S - 1
are drawn, so that the variance of their mean comes out as s^2 / S and not smaller (Rao and Wu 1988).
It still knows no more than S seeds tell: of simulated experiments of three seeds that do not differ,
it covers 0 in 99 % where seeds and images matter alike, but in 90 % where seeds decide nearly all.
Of a single seed it knows nothing; then the interval is that of this net.

The **p value** is that of a permutation test over images (Efron and Tibshirani 1993, chapter 15):
image by image a coin decides whether the experiments swap their predictions, for all seeds at once;
p = (1 + number of swaps with a difference at least as large) / (1 + rounds). It asks whether these
trained nets differ on images like these. It does not know that other seeds make other nets: with
many images it is small for any two nets. Permuting seeds would ask that, but of three and three
there are 20 ways, and p cannot be below 0.1. So neither alone decides: see ``Difference.verdict``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats, Ints
from fidip.metrics.coco_bootstrap import Matches, draw_images
from fidip.metrics.keypoint_ap import NAMES, Interval, percentile_intervals

LEVEL = 0.05
ROUNDING = 1e-12
"""Sums in another order differ by less; equal differences must count as equal."""


@dataclass(frozen=True)
class Difference:
    """One number of an experiment less that of another.

    Attributes:
        value: difference of the means over seeds.
        interval: its 95 % interval over seeds and images.
        p: of the permutation test over images.
    """

    value: float
    interval: Interval
    p: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval leaves out 0 and p is below .05."""
        low, high = self.interval
        if low <= 0 <= high or self.p >= LEVEL:
            return "not distinguishable"
        return "better" if self.value > 0 else "worse"


@dataclass(frozen=True)
class Experiment:
    """The seeds of one experiment on the same images.

    Attributes:
        seeds: matches of each of S seeds.
        sampled: (S, R, 10) numbers of every seed in every draw of the images.
    """

    seeds: Sequence[Matches]
    sampled: Floats

    @classmethod
    def of(cls, seeds: Sequence[Matches], rounds: int, seed: int = 0) -> Experiment:
        """Draw images ``rounds`` times; the same ``seed`` draws the same images."""
        draws = draw_images(seeds[0].images, rounds, seed)
        return cls(seeds, np.stack([matches.numbers(draws) for matches in seeds]))

    def intervals(self, seed: int = 0) -> dict[str, Interval | None]:
        """95 % intervals of the mean over seeds, over seeds and images together, by name."""
        return percentile_intervals(_mean_of_drawn_seeds(self.sampled, np.random.default_rng(seed)))


def compare_experiments(
    first: Experiment, second: Experiment, rounds: int, seed: int = 0
) -> dict[str, Difference | None]:
    """The ten numbers of ``first`` less those of ``second``; None where either is not available.

    Args:
        first, second: experiments on the same images, drawn with the same seed.
        rounds: of the permutation test.
        seed: of the draws of seeds and of the coins.
    """
    rng = np.random.default_rng(seed)
    drawn = [_mean_of_drawn_seeds(experiment.sampled, rng) for experiment in (first, second)]
    intervals = percentile_intervals(drawn[0] - drawn[1])
    coins = rng.integers(2, size=(rounds, first.seeds[0].images))
    nobody_swaps = np.zeros_like(coins[:1])
    swapped = swapped_differences(first.seeds, second.seeds, np.concatenate([nobody_swaps, coins]))
    return {
        name: None if (between := intervals[name]) is None or math.isnan(column[0])
        else Difference(float(column[0]), between, p_value(column[0], column[1:]))
        for name, column in zip(NAMES, swapped.T, strict=True)
    }  # fmt: skip


def swapped_differences(first: Sequence[Matches], second: Sequence[Matches], swaps: Ints) -> Floats:
    """Differences of mean numbers after swapping predictions image by image.

    Each seed of one experiment has a partner in the other; where one has fewer seeds, its seeds
    take turns, so that every seed has equal weight.

    Args:
        first, second: the seeds of two experiments on the same I images.
        swaps: (R, I) 1 where the partners swap their predictions of an image, else 0.

    Returns:
        (R, 10) numbers of ``first`` less those of ``second``.
    """
    pairs = math.lcm(len(first), len(second))
    total = np.zeros((len(swaps), len(NAMES)))
    for i in range(pairs):
        both = first[i % len(first)].beside(second[i % len(second)])
        kept, given = np.hstack([1 - swaps, swaps]), np.hstack([swaps, 1 - swaps])
        total += both.numbers(kept) - both.numbers(given)
    return total / pairs


def p_value(difference: float, swapped: Floats) -> float:
    """Share of (R,) differences by chance at least as large as the one found, itself counted."""
    as_large = np.abs(swapped) >= abs(difference) - ROUNDING
    return float(1 + as_large.sum()) / (1 + len(swapped))


def _mean_of_drawn_seeds(sampled: Floats, rng: np.random.Generator) -> Floats:
    """(R, 10) means over S - 1 seeds drawn with replacement in each of the R rounds."""
    seeds, rounds = sampled.shape[:2]
    drawn = rng.integers(seeds, size=(max(seeds - 1, 1), rounds))
    return sampled[drawn, np.arange(rounds)].mean(axis=0)
