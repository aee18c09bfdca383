"""Deep CORAL against closed formulas, whatever the parts of an update."""

from functools import partial

import numpy as np
import pytest
import torch

from fidip.adapt.coral import Coral, coral_loss
from fidip.tasks import AdaptationTask
from tests.tasks.test_accumulation import Parts
from tests.tasks.toy_fidip import (
    LEARNING_RATE,
    T,
    ToyCodec,
    ToyData,
    ToyNet,
    X,
    Y,
    fit,
    half_square,
    two_processes,
)

METHOD = "coral"
IMAGES = np.round(255 * X) / 255


def trained_weight(method, accumulate, processes):
    """The network's weight after three updates with the toy's four samples."""
    task = AdaptationTask(
        method=method,
        net=ToyNet(),
        codec=ToyCodec(),
        optimizer=partial(torch.optim.SGD, lr=LEARNING_RATE),
        loss=half_square,
        accumulate=accumulate,
    )
    fit(task, data=Parts(pieces=3) if accumulate == 2 else ToyData(batches=3), **processes())
    return task.net.w.item()


@pytest.mark.forks
@pytest.mark.parametrize("processes", [dict, two_processes])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_updates_follow_the_analytic_gradient(accumulate, processes):
    difference = np.var(IMAGES[Y == 1], ddof=1) - np.var(IMAGES[Y == 0], ddof=1)
    w = 0.7
    for _ in range(3):
        pose = np.mean((w * IMAGES - T) * IMAGES)
        w -= LEARNING_RATE * (pose + 50.0 * w**3 * difference**2)
    assert trained_weight(Coral(weight=50.0), accumulate, processes) == pytest.approx(w, rel=1e-9)


def test_the_loss_is_the_distance_of_numpys_covariances():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(7, 3)), 2 * rng.normal(size=(5, 3))
    difference = np.cov(source.T) - np.cov(target.T)
    loss = coral_loss(torch.tensor(source), torch.tensor(target))
    assert loss.item() == pytest.approx((difference**2).sum() / 36)
    assert coral_loss(torch.tensor(source), torch.tensor(source[::-1] + 1)).item() < 1e-30


@pytest.mark.parametrize("rows", [0, 1])
def test_a_domain_without_covariance_has_no_loss(rows):
    features = torch.ones(4, 3)
    assert coral_loss(features, features[:rows]) == coral_loss(features[:rows], features) == 0


def test_mixed_precision_does_not_round_covariances():
    source, target = torch.randn(6, 4), torch.randn(6, 4)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = coral_loss(source, target)
    assert rounded == coral_loss(source, target)
