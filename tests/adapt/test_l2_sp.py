"""L2-SP against closed formulas."""

import numpy as np
import pytest

from fidip.adapt.l2_sp import L2SP
from tests.adapt.test_dann import RATE, T, X, fit

METHOD = "l2_sp"


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_updates_follow_the_analytic_gradient(weight):
    task = fit(L2SP(weight=weight), updates=4)
    w = start = 0.7
    for _ in range(4):
        w -= RATE * (np.mean((w * X - T) * X) + weight * (w - start))
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.method.start[0].item() == start
