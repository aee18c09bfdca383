"""Rank correlation of a criterion with the score that it should choose by."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.stats import ConstantInputWarning, spearmanr

from fidip.core.arrays import Floats
from fidip.metrics.keypoint_ap import Interval

ComparedRuns = tuple[Floats, Floats]
"""(N,) values of a criterion and (N,) scores of the runs that are compared with each other."""


def rank_correlation(criterion: Floats, scores: Floats) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 where all values are equal.

    Args:
        criterion: (N,) values of a criterion.
        scores: (N,) scores of the same runs.

    Example:
        >>> rank_correlation(np.array([0.1, 0.2, 0.4]), np.array([0.3, 0.2, 0.9]))
        0.5
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        found = float(spearmanr(criterion, scores).statistic)
    return 0.0 if np.isnan(found) else round(found, 12)


def mean_rank_correlation(
    groups: Sequence[ComparedRuns], rounds: int = 1000, seed: int = 0
) -> tuple[float, Interval]:
    """Return the mean rank correlation over groups, and its 95 % interval.

    The interval is a percentile bootstrap over runs: each round draws the runs of every group with
    replacement (Efron and Tibshirani 1993, chapter 13).

    Args:
        groups: groups of runs, each with at least two runs.
        rounds: number of bootstrap samples.
        seed: seed of the samples.

    Example:
        >>> one = np.arange(9.0), np.arange(9.0)
        >>> mean_rank_correlation([one, (one[0], -one[1])], rounds=10)[0]
        0.0
    """
    rng = np.random.default_rng(seed)
    value = float(np.mean([rank_correlation(*group) for group in groups]))
    samples = [np.mean([rank_correlation(*_draw(rng, g)) for g in groups]) for _ in range(rounds)]
    low, high = np.percentile(samples, [2.5, 97.5])
    return value, (float(low), float(high))


def _draw(rng: np.random.Generator, group: ComparedRuns) -> ComparedRuns:
    drawn = rng.integers(0, len(group[0]), len(group[0]))
    return group[0][drawn], group[1][drawn]
