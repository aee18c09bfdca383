"""Tent against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt.tent import Tent, spatial_entropy
from fidip.core.errors import ConfigError
from fidip.nn import PoseOutput
from tests.adapt.test_dann import BATCH, RATE, Codec, Net, fit

METHOD = "tent"
SCALE = 0.7
EPS = 1e-5
IS_TARGET = np.array([True, False, True, False])
CROPS = np.random.default_rng(0).integers(0, 256, (4, 1, 2, 2)).repeat(3, axis=1).astype(np.uint8)


class Normalised(nn.Module):
    """heatmap = .7 (g x + b) with x normalised by the batch."""

    feature_channels = 1

    def __init__(self, dimensions=4):
        super().__init__()
        self.norm = nn.BatchNorm2d(1, eps=EPS, dtype=torch.float64)
        self.scale = nn.Parameter(torch.tensor(SCALE, dtype=torch.float64))
        self.dimensions = dimensions

    def normalize(self, crops):
        return crops.double() / 255

    def forward(self, images):
        heatmaps = self.scale * self.norm(images[:, :1])
        return PoseOutput(heatmaps, heatmaps.flatten(self.dimensions - 1))


def batch(is_target=IS_TARGET):
    return replace(BATCH, crops=torch.tensor(CROPS), is_unlabelled=torch.tensor(is_target))


def gradient(g, x, temperature):
    """dH/dg, the mean over (N, 4) heatmaps of normalised images x."""
    z = SCALE * g * x / temperature
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    entropy = -(p * np.log(p)).sum(1, keepdims=True)
    return (-p * (np.log(p) + entropy) * SCALE * x / temperature).sum(1).mean()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_only_scale_and_offset_follow_the_analytic_gradient(temperature):
    task = fit(Tent(temperature=temperature), batches=[batch()] * 4, net=Normalised())
    values = CROPS[IS_TARGET, 0].reshape(2, 4) / 255
    x = (values - values.mean()) / np.sqrt(values.var() + EPS)
    g, mean = 1.0, 0.0
    for _ in range(4):
        g -= RATE * gradient(g, x, temperature)
        mean += 0.1 * (values.mean() - mean)
    assert g != 1.0
    assert task.net.norm.weight.item() == pytest.approx(g, rel=1e-6)
    assert task.net.norm.bias.item() == pytest.approx(0, abs=1e-12)  # a softmax ignores offsets
    assert task.net.scale.item() == SCALE
    assert task.net.norm.running_mean.item() == pytest.approx(mean, rel=1e-6)


def test_entropy_is_that_of_the_distribution_of_each_joint():
    heatmaps = torch.log(torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.25] * 4])).view(1, 2, 2, 2)
    expected = (1.5 * np.log(2) + np.log(4)) / 2
    finite = heatmaps.clamp(min=-1e3)
    assert spatial_entropy(finite).item() == pytest.approx(expected, rel=1e-6)


def test_a_network_without_batch_norm_is_one_line():
    with pytest.raises(ConfigError, match="method: Tent changes BatchNorm layers"):
        fit(Tent(), batches=[batch()], net=Net())


def test_maps_that_are_no_heatmaps_are_one_line():
    with pytest.raises(ConfigError, match=r"have the shape \[1, 4\]; expected") as error:
        fit(Tent(), batches=[batch()], net=Normalised(dimensions=3), codec=Codec())
    assert "\n" not in str(error.value)
