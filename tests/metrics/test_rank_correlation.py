"""Rank correlations against an independent formula, and their bootstrap."""

import numpy as np
import pytest

from fidip.metrics.rank_correlation import mean_rank_correlation, rank_correlation

RNG = np.random.default_rng(0)


def test_without_ties_it_follows_from_the_differences_of_ranks():
    one, other = RNG.permutation(9), RNG.permutation(9)
    expected = 1 - 6 * ((one - other) ** 2).sum() / (9 * (81 - 1))
    assert rank_correlation(np.exp(one / 2), other) == pytest.approx(expected)


def test_a_constant_criterion_has_no_correlation():
    assert rank_correlation(np.zeros(5), np.arange(5.0)) == 0


def test_the_mean_counts_groups_equally_and_compares_runs_within_a_group_only():
    better = np.arange(30.0), np.arange(30.0)
    worse = np.arange(5.0) + 100, -np.arange(5.0) - 100
    value, (low, high) = mean_rank_correlation([better, worse], rounds=200)
    assert value == 0
    assert -0.1 < low <= 0 <= high < 0.6


def test_the_interval_of_unrelated_numbers_has_0_and_of_related_ones_does_not():
    noise = RNG.normal(size=(2, 40))
    _, (low, high) = mean_rank_correlation([(noise[0], noise[1])], rounds=300)
    assert low < 0 < high
    value, (low, high) = mean_rank_correlation([(noise[0], noise[0] + 0.3 * noise[1])], rounds=300)
    assert 0.7 < low < value < high <= 1


def test_equal_seeds_draw_equal_samples():
    groups = [(RNG.normal(size=8), RNG.normal(size=8))]
    assert mean_rank_correlation(groups, 20, seed=1) == mean_rank_correlation(groups, 20, seed=1)
