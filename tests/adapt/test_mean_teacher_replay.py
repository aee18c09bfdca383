"""The mean teacher with replay against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fidip.adapt import MovingAverage
from fidip.adapt.combined import Combined
from fidip.adapt.replay import Replay
from tests.adapt.test_dann import BATCH, RATE, T, X, fit
from tests.adapt.test_mean_teacher import TeachingCodec, mean_teacher, weighted

METHOD = "mean_teacher_replay"
UNLABELLED, REPLAYED = np.array([0, 0, 1, 0]), np.array([0, 1, 0, 1])


@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0, 0.0), (2.0, 0.5, 0.25, 1.5)])
def test_updates_follow_the_analytic_gradient_of_all_terms(weights):
    pseudo, maps, features, target = weights
    batch = replace(
        BATCH,
        labelled=torch.tensor(1.0 - UNLABELLED).float()[:, None],
        is_unlabelled=torch.tensor(UNLABELLED > 0),
        is_replayed=torch.tensor(REPLAYED > 0),
    )
    methods = {
        "mean_teacher": mean_teacher(weight=pseudo, average=MovingAverage(decay=0.5)),
        "replay": Replay(map_weight=maps, feature_weight=features, target_weight=target),
    }
    task = fit(Combined(methods=methods), batches=[batch] * 5, codec=TeachingCodec(), loss=weighted)
    w = average = start = 0.7
    old, unlabelled = X[REPLAYED > 0], X[UNLABELLED > 0]
    for _ in range(5):
        average = (average + w) / 2
        gradient = np.mean((1 - UNLABELLED) * (w * X - T) * X)
        gradient += pseudo * np.mean(UNLABELLED * (w - average) * X**2)
        gradient += maps * np.mean((w - start) * old**2)
        gradient += features * 2 * (w - start) / start**2
        gradient += target * np.mean((w - start) * unlabelled**2)
        w -= RATE * gradient
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
