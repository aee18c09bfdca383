"""The mean teacher on changed styles against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fidip.adapt import MovingAverage
from fidip.adapt.combined import Combined
from fidip.adapt.style import Style
from tests.adapt.test_dann import BATCH, RATE, T, X, Y, fit
from tests.adapt.test_mean_teacher import TeachingCodec, mean_teacher, weighted
from tests.adapt.test_style import styled

METHOD = "style_mean_teacher"


@pytest.mark.parametrize("probability", [0.0, 0.6])
def test_updates_follow_the_analytic_gradient_on_changed_images(probability):
    batch = replace(
        BATCH,
        labelled=torch.tensor(Y).float()[:, None],
        is_unlabelled=torch.tensor(Y == 0),
    )
    methods = {
        "style": Style(probability=probability),
        "mean_teacher": mean_teacher(weight=2.0, average=MovingAverage(decay=0.5)),
    }
    task = fit(Combined(methods=methods), batches=[batch] * 5, codec=TeachingCodec(), loss=weighted)
    w = average = 0.7
    for update in range(5):
        x = styled(update, probability)
        average = (average + w) / 2
        gradient = np.mean(Y * (w * x - T) * x)
        gradient += 2.0 * np.mean((1 - Y) * (w - average) * x**2)
        w -= RATE * gradient
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert len(X) == 4
