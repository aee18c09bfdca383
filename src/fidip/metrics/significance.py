"""Significance of the difference between two experiments.

Two experiments are compared on the same images, each with one or more seeds. People are matched
image by image, so every resample of images and every exchange of predictions needs one accumulation
and no further matching.

**Interval.** A percentile bootstrap with two crossed levels (Efron and Tibshirani 1993, chapter 13;
Davison and Hinkley 1997, section 3.8, and Owen 2007 for levels; Koehn 2004 for pairing by test
item). Each round draws images with replacement, the same for all runs of both experiments, which
pairs them. It draws seeds with replacement for each experiment independently: runs with the same
seed need not be correlated, and if they are, the interval is conservative. Of S seeds, S - 1 are
drawn, so that the variance of their mean is s² / S (Rao and Wu 1988). With few seeds the coverage
is approximate. In simulations of two equal experiments with three seeds, the interval covers 0 in
99 % if seeds and images contribute equally to the variance, and in 90 % if seeds contribute nearly
all of it. With a single seed the interval describes only that trained network. Where the seed
decides something that both experiments share, such as the labelled images, ``pair_seeds`` draws the
same seeds for both.

**p value.** A permutation test over images (Efron and Tibshirani 1993, chapter 15): for each image
independently, the experiments exchange their predictions with probability 1/2, for all seeds
together; p = (1 + number of rounds with a difference at least as large) / (1 + rounds). It tests
whether these trained networks differ on images of this kind, and does not include the variance of
training. With many images it is small for any two networks. A permutation of seeds would include
that variance, but three and three seeds have 20 permutations, so p could not be below 0.1.
Therefore ``Difference.verdict`` uses both the interval and p.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fidip.core.arrays import Floats, Ints
from fidip.metrics.coco_bootstrap import draw_images
from fidip.metrics.keypoint_ap import NAMES, Interval, percentile_intervals

LEVEL = 0.05
"""Significance level."""
ROUNDING = 1e-12
"""Tolerance for differences that are equal except for the order of summation."""


@dataclass(frozen=True)
class Difference:
    """Difference of one number between two experiments.

    Attributes:
        value: difference of the means over seeds.
        interval: 95 % interval over seeds and images.
        p: p value of the permutation test over images.

    Example:
        >>> Difference(value=0.05, interval=(0.01, 0.09), p=0.002).verdict
        'better'
    """

    value: float
    interval: Interval
    p: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` if the interval excludes 0 and p is below 0.05.

        Otherwise ``not distinguishable``.
        """
        low, high = self.interval
        if low <= 0 <= high or self.p >= LEVEL:
            return "not distinguishable"
        return "better" if self.value > 0 else "worse"


class Resampled(Protocol):
    """Predictions of a run, from which numbers of any resample of images follow.

    ``Matches`` for the ten COCO numbers, and ``BodySums`` for PCKsh and mKS.
    """

    @property
    def images(self) -> int:
        """Number of images."""

    def numbers(self, draws: Ints) -> Floats:
        """Return (R, C) numbers; ``draws`` (R, I) is how often each image occurs."""

    def beside(self, other: Any) -> Resampled:
        """Return the predictions of two runs on I images as those on 2 I images."""


@dataclass(frozen=True)
class Experiment:
    """Runs of one experiment with different seeds on the same images.

    Attributes:
        seeds: predictions of each of S seeds.
        sampled: (S, R, C) numbers of every seed for R resamples of the images.
        names: names of the C numbers.
    """

    seeds: Sequence[Resampled]
    sampled: Floats
    names: Sequence[str] = NAMES

    @classmethod
    def of(
        cls,
        seeds: Sequence[Resampled],
        rounds: int,
        seed: int = 0,
        names: Sequence[str] = NAMES,
    ) -> Experiment:
        """Return an experiment with resampled images.

        Args:
            seeds: predictions of each seed.
            rounds: number of resamples.
            seed: seed of the random generator; equal seeds draw the same images.
            names: names of the numbers.
        """
        draws = draw_images(seeds[0].images, rounds, seed)
        return cls(seeds, np.stack([matches.numbers(draws) for matches in seeds]), names)

    def intervals(self, seed: int = 0) -> dict[str, Interval | None]:
        """Return 95 % intervals of the mean over seeds, by name; they include seeds and images.

        Args:
            seed: seed of the random generator that draws seeds.
        """
        drawn = _mean_of_drawn_seeds(self.sampled, np.random.default_rng(seed))
        return percentile_intervals(drawn, self.names)


def compare_experiments(
    first: Experiment, second: Experiment, rounds: int, seed: int = 0, pair_seeds: bool = False
) -> dict[str, Difference | None]:
    """Compare the numbers of two experiments, such as the ten of COCO.

    Args:
        first: an experiment.
        second: an experiment with the same numbers and images, resampled with the same seed.
        rounds: number of rounds of the permutation test.
        seed: seed for drawing seeds and for the permutations.
        pair_seeds: draw the same seeds for both; they need equal numbers of seeds, in the same
            order.

    Returns:
        Difference ``first`` - ``second`` by name; None where a number is undefined in either.

    Example:
        >>> from fidip.metrics.coco_bootstrap import Area, Matches
        >>> def matches(hit):
        ...     scores, recalls = np.array([0.9, 0.8]), np.linspace(0, 1, 101)
        ...     area = Area(np.arange(2), scores, hit, ~hit, np.ones(2, np.int64), recalls)
        ...     return Matches(images=2, areas=(area, area, area))
        >>> right, wrong = matches(np.ones((10, 2), bool)), matches(np.zeros((10, 2), bool))
        >>> first, second = (Experiment.of([run], rounds=10) for run in (right, wrong))
        >>> round(compare_experiments(first, second, rounds=10)["AP"].value, 3)
        1.0
    """
    rng = np.random.default_rng(seed)
    if pair_seeds:
        drawn = _mean_of_drawn_seeds(first.sampled - second.sampled, rng)
    else:
        drawn = _mean_of_drawn_seeds(first.sampled, rng) - _mean_of_drawn_seeds(second.sampled, rng)
    intervals = percentile_intervals(drawn, first.names)
    coins = rng.integers(2, size=(rounds, first.seeds[0].images))
    unswapped = np.zeros_like(coins[:1])
    swapped = swapped_differences(first.seeds, second.seeds, np.concatenate([unswapped, coins]))
    return {
        name: None if (between := intervals[name]) is None or math.isnan(column[0])
        else Difference(float(column[0]), between, p_value(column[0], column[1:]))
        for name, column in zip(first.names, swapped.T, strict=True)
    }  # fmt: skip


def swapped_differences(
    first: Sequence[Resampled], second: Sequence[Resampled], swaps: Ints
) -> Floats:
    """Return differences of mean numbers after exchanging predictions image by image.

    Each seed of one experiment is paired with a seed of the other. If one experiment has fewer
    seeds, its seeds are reused in turn, so that all seeds have equal weight.

    Args:
        first: the seeds of an experiment on I images.
        second: the seeds of another experiment on the same images.
        swaps: (R, I) 1 where the pairs exchange their predictions of an image, else 0.

    Returns:
        (R, C) differences ``first`` - ``second``.

    Example:
        >>> from fidip.metrics.coco_bootstrap import Area, Matches
        >>> def matches(hit):
        ...     scores, recalls = np.array([0.9, 0.8]), np.linspace(0, 1, 101)
        ...     area = Area(np.arange(2), scores, hit, ~hit, np.ones(2, np.int64), recalls)
        ...     return Matches(images=2, areas=(area, area, area))
        >>> right, wrong = matches(np.ones((10, 2), bool)), matches(np.zeros((10, 2), bool))
        >>> swaps = np.array([[0, 0], [1, 1]])
        >>> swapped_differences([right], [wrong], swaps)[:, 0].round(3)
        array([ 1., -1.])
    """
    pairs = math.lcm(len(first), len(second))
    total: Floats = np.zeros(())
    for i in range(pairs):
        both = first[i % len(first)].beside(second[i % len(second)])
        kept, given = np.hstack([1 - swaps, swaps]), np.hstack([swaps, 1 - swaps])
        total = total + (both.numbers(kept) - both.numbers(given))
    return total / pairs


def p_value(difference: float, swapped: Floats) -> float:
    """Return the p value of a difference.

    Args:
        difference: measured difference.
        swapped: (R,) differences of R random permutations.

    Returns:
        Fraction of differences that are at least as large in absolute value, including the measured
        one.

    Example:
        >>> p_value(0.3, np.array([0.1, -0.4, 0.2]))
        0.5
    """
    as_large = np.abs(swapped) >= abs(difference) - ROUNDING
    return float(1 + as_large.sum()) / (1 + len(swapped))


def _mean_of_drawn_seeds(sampled: Floats, rng: np.random.Generator) -> Floats:
    """Return (R, C) means over S - 1 seeds, drawn with replacement in each round."""
    seeds, rounds = sampled.shape[:2]
    drawn = rng.integers(seeds, size=(max(seeds - 1, 1), rounds))
    return sampled[drawn, np.arange(rounds)].mean(axis=0)
