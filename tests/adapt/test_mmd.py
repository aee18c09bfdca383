"""The maximum mean discrepancy against closed formulas, whatever the parts of an update."""

import numpy as np
import pytest
import torch

from fidip.adapt.mmd import MMD, WIDTHS, mmd_loss
from tests.adapt.test_coral import IMAGES, trained_weight
from tests.tasks.toy_fidip import LEARNING_RATE, T, Y, two_processes

METHOD = "mmd"


def weights_of_pairs(is_source):
    """(N, N) factors of the kernel's values in the estimate, 0 on the diagonal."""
    n, m = is_source.sum(), (~is_source).sum()
    same = np.where(is_source, 1 / (n * (n - 1)), 1 / (m * (m - 1)))[:, None]
    factors = np.where(is_source[:, None] == is_source, same, -1 / (n * m))
    return factors * (1 - np.eye(len(is_source)))


def mean_of_pairs(squares):
    return squares.sum() / (len(squares) * (len(squares) - 1))


@pytest.mark.forks
@pytest.mark.parametrize("processes", [dict, two_processes])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_updates_follow_the_analytic_gradient(accumulate, processes):
    squares = (IMAGES[:, None] - IMAGES) ** 2
    scaled = squares / (mean_of_pairs(squares) * np.array(WIDTHS)[:, None, None])
    factors = weights_of_pairs(Y == 1)
    w = 0.7
    for _ in range(3):
        # Of exp(-w^2 q / w0^2), where w0 = w is part of the widths and so a constant.
        slope = (-2 * scaled / w * np.exp(-scaled)).mean(0)
        pose = np.mean((w * IMAGES - T) * IMAGES)
        w -= LEARNING_RATE * (pose + 2.0 * (factors * slope).sum())
    assert trained_weight(MMD(weight=2.0), accumulate, processes) == pytest.approx(w, rel=1e-9)


def test_the_estimate_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(5, 3)), 1 + rng.normal(size=(4, 3))
    both = np.concatenate([source, target])
    squares = ((both[:, None] - both) ** 2).sum(-1)
    kernel = np.mean([np.exp(-squares / (u * mean_of_pairs(squares))) for u in WIDTHS], axis=0)
    expected = (weights_of_pairs(np.arange(9) < 5) * kernel).sum()
    assert mmd_loss(torch.tensor(source), torch.tensor(target)).item() == pytest.approx(expected)


def test_the_estimate_is_unbiased():
    """Its mean over samples of one distribution is 0."""
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(2, 3, 2, generator=generator) for _ in range(2000)]
    values = torch.stack([mmd_loss(*draw) for draw in draws])
    assert abs(values.mean()) < 3 * values.std() / 2000**0.5
    assert values.min() < 0


@pytest.mark.parametrize("rows", [0, 1])
def test_a_domain_without_pairs_has_no_loss(rows):
    features = torch.ones(4, 3)
    assert mmd_loss(features, features[:rows]) == mmd_loss(features[:rows], features) == 0


def test_equal_features_have_finite_gradients():
    source, target = torch.ones(3, 2, requires_grad=True), torch.ones(3, 2)
    mmd_loss(source, target).backward()
    assert torch.equal(source.grad, torch.zeros(3, 2))
