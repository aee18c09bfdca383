"""Weight interpolation against closed formulas."""

import numpy as np
import pytest
import torch

from fidip.adapt.wise_ft import WeightInterpolation
from fidip.nn import interpolate
from tests.adapt.test_dann import RATE, T, X, fit

METHOD = "interpolation"


@pytest.mark.parametrize("start_weight", [0.0, 0.25, 1.0])
def test_weights_of_the_analytic_gradient_are_interpolated_with_the_start(start_weight):
    task = fit(WeightInterpolation(start_weight=start_weight), updates=4)
    w = start = 0.7
    for _ in range(4):
        w -= RATE * np.mean((w * X - T) * X)
    expected = (1 - start_weight) * w + start_weight * start
    assert task.net.w.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_interpolation_ends_at_both_networks_to_the_last_bit(dtype):
    torch.manual_seed(0)
    first, second = ({"w": torch.randn(1000, dtype=dtype)} for _ in range(2))
    for share, expected in ((0, first), (1, second)):
        found = interpolate(first, second, share)["w"]
        assert found.dtype == torch.promote_types(dtype, torch.float32)
        assert found.equal(expected["w"].to(found.dtype))
