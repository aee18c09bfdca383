"""Easy-hard consistency against closed formulas."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fidip.adapt import AffineViews, Occlusion
from fidip.adapt.easy_hard import EasyHard
from fidip.adapt.view_pairs import DRAWS
from fidip.adapt.views import uniform_draws
from fidip.codecs.centernet import MoveNetCodec
from fidip.codecs.simcc import SimccCodec
from fidip.core.errors import ConfigError
from fidip.nn.losses import heatmap_mse
from tests.adapt.test_dann import RATE, fit
from tests.adapt.test_mean_teacher import CODEC, MIXED, STILL, Brightness, batch_of, small_net

METHOD = "easy_hard"
COLOURS = AffineViews(rotation_deg=0, shear_deg=0, scale=(1, 1), colour=0.2)


def grey_batch():
    batch = batch_of(MIXED)
    batch.crops.copy_(batch.crops[:, :1] // 2 + 30)  # grey, and far from both ends
    batch.labelled.zero_()
    return batch


def pooled(images):
    return F.avg_pool2d(images.mean(1, keepdim=True) / 255, 4)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_updates_follow_the_analytic_gradient_through_the_hard_view_only(weight):
    batch, rows = grey_batch(), torch.tensor(MIXED)
    method = EasyHard(weight=weight, easy=STILL, hard=COLOURS, seed=4)
    task = fit(method, batches=[batch] * 3, net=Brightness(), codec=CODEC, loss=heatmap_mse)
    easy, w = pooled(batch.crops[rows].double()), 1.0
    for update in range(3):
        draws = uniform_draws(4, update, batch.index[rows].tolist(), DRAWS)
        b, c, _ = torch.tensor(1 + 0.2 * (2 * draws[:, 9:12] - 1))[..., None, None, None].unbind(1)
        values = b * batch.crops[rows].double()
        mean = values.mean((1, 2, 3), keepdim=True)
        hard = pooled(mean + c * (values - mean))
        gradient = ((w * hard - w * easy) * hard).sum().item() / (len(batch) * hard[0].numel())
        w -= RATE * weight * gradient
    assert task.net.factor.item() == pytest.approx(w, rel=1e-6)
    assert (w == 1) == (weight == 0)


def test_targets_are_warped_into_the_hard_view():
    """A bright square: both views of it give heatmaps that agree after warping."""
    batch = batch_of([True] * 4)
    batch.crops.zero_()
    batch.crops[..., 8:20, 10:22] = 200
    views = AffineViews(scale=(0.9, 1.1), shear_deg=10, colour=0)

    def consistency(**changes):
        arguments = {"easy": views, "hard": views, **changes}
        method = EasyHard(**arguments)
        task = fit(method, batches=[batch], net=Brightness(), codec=CODEC, loss=heatmap_mse)
        return float(task.trainer.callback_metrics["train/consistency_loss"])

    energy = pooled(batch.crops.double()).square().mean().item() / 2
    warped = consistency()
    assert warped < 0.03 * energy
    covered = consistency(occlusion=Occlusion(probability=1.0, confidence=0.1, size=0.3))
    assert covered > 3 * warped


def test_a_network_keeps_its_mode_and_statistics_in_the_easy_view():
    net = small_net()
    net.backbone.insert(1, torch.nn.BatchNorm2d(4))
    method = EasyHard(easy=STILL, hard=STILL)
    fit(method, batches=[batch_of(MIXED)] * 2, net=net, codec=CODEC, loss=heatmap_mse)
    assert net.training
    assert net.backbone[1].num_batches_tracked == 2


@pytest.mark.parametrize(
    "codec",
    [
        MoveNetCodec((32, 32), (8, 8), sigma=1.0),
        SimccCodec((32, 32), (64, 64), sigma=(2.0, 2.0)),
    ],
    ids=lambda codec: type(codec).__name__,
)
def test_maps_that_cannot_be_warped_are_one_line(codec):
    method = EasyHard(easy=STILL, hard=STILL)
    with pytest.raises(ConfigError, match=f"the maps of {type(codec).__name__} are others"):
        fit(method, batches=[batch_of(MIXED)], net=small_net(), codec=codec, loss=heatmap_mse)


def test_draws_of_both_views_differ():
    draws = uniform_draws(0, 0, [3], DRAWS)
    assert len(np.unique(draws)) == DRAWS
