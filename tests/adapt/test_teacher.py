"""Moving averages of weights and statistics."""

import pytest
import torch
from torch import nn

from fidip.adapt.teacher import MovingAverage
from fidip.core.errors import ArgumentError


def norms(*means):
    """A BatchNorm layer for each mean, with weights and running means of this value."""
    layers = [nn.BatchNorm1d(2) for _ in means]
    for layer, mean in zip(layers, means, strict=True):
        nn.init.constant_(layer.weight, mean)
        layer.running_mean.fill_(10 * mean)
        layer.num_batches_tracked.fill_(int(mean))
    return layers


@pytest.mark.parametrize(
    ("buffers", "mean", "count"), [("ema", 15, 3), ("copy", 30, 3), ("frozen", 10, 1)]
)
def test_weights_are_averaged_and_statistics_as_chosen(buffers, mean, count):
    average, net = norms(1.0, 3.0)
    MovingAverage(decay=0.75, buffers=buffers).update(average, net)
    assert average.weight.tolist() == [1.5, 1.5]
    assert average.running_mean.tolist() == [mean, mean]
    assert average.num_batches_tracked == count
    assert net.weight.tolist() == [3.0, 3.0]


def test_constants_stay_bit_by_bit():
    average, net = nn.Linear(2, 2), nn.Linear(2, 2)
    for module in (average, net):
        module.register_buffer("mean", torch.full((3,), 0.1), persistent=False)
    for _ in range(5):
        MovingAverage(decay=0.3).update(average, net)
    assert torch.equal(average.mean, net.mean)


def test_an_unknown_choice_of_statistics_is_one_line():
    with pytest.raises(ArgumentError, match="buffers=batch: expected one of ema, copy, frozen"):
        MovingAverage(buffers="batch")
