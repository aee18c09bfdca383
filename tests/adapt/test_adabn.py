"""AdaBN against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt.adabn import AdaBN
from fidip.adapt.source_free import SourceFree
from fidip.core.errors import ConfigError
from fidip.nn import PoseNet
from fidip.nn.batch_norm import estimate_statistics
from fidip.tasks import AdaptationTask, Checkpoints
from tests.adapt.test_dann import BATCH, RATE, Codec, Net, T, X
from tests.adapt.test_methods import compose
from tests.adapt.test_methods import fit as fit_method
from tests.adapt.test_withheld_labels import TWO
from tests.tasks.toy_fidip import ToyData
from tests.tasks.toy_fidip import fit as fit_toy

pytestmark = pytest.mark.forks

METHOD = "adabn"
CROPS = torch.tensor([10, 90, 250]).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
TARGET = CROPS[:, 0, 0, 0].numpy() / 255


class Observing(Net):
    """The toy network, with a BatchNorm layer that sees its images and does not change them."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False, dtype=torch.float64)

    def forward(self, images):
        self.norm(images)
        return super().forward(images)


class Data(ToyData):
    """Batches of the toy problem, and a target of three samples in two batches."""

    def target_dataloader(self):
        return [batch_of(CROPS[:2]), batch_of(CROPS[2:])]


def batch_of(crops):
    rows = {name: value[: len(crops)] for name, value in vars(BATCH).items()}
    return replace(BATCH, **{**rows, "crops": crops})


def task_of(method, net):
    return AdaptationTask(
        method=method,
        net=net,
        codec=Codec(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=RATE),
        loss=lambda output, target, weight: 0.5 * ((output - target) ** 2).mean(),
    )


def unbiased(values):
    """Return the variance of crops of 2 x 2 px of these values, as BatchNorm estimates it."""
    return np.repeat(values, 4).var(ddof=1)


@pytest.mark.parametrize("target_weight", [0.0, 0.25, 1.0])
def test_weights_follow_the_analytic_gradient_and_statistics_are_blended(target_weight):
    task = task_of(AdaBN(target_weight=target_weight), Observing())
    fit_toy(task, data=Data(batches=4))
    w, mean, variance = 0.7, 0.0, 1.0
    for _ in range(4):
        w -= RATE * np.mean((w * X - T) * X)
        mean += 0.1 * (X.mean() - mean)
        variance += 0.1 * (unbiased(X) - variance)
    of_target = (2 * unbiased(TARGET[:2]) + unbiased(TARGET[2:])) / 3
    mean += target_weight * (TARGET.mean() - mean)
    variance += target_weight * (of_target - variance)
    norm = task.net.norm
    found = [task.net.w.item(), norm.running_mean[0].item(), norm.running_var[2].item()]
    assert found == pytest.approx([w, mean, variance], rel=1e-6)
    assert (norm.momentum, norm.num_batches_tracked.item(), norm.training) == (0.1, 4, True)


def pose_net(*frozen):
    torch.manual_seed(0)
    backbone = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)),
    )
    backbone.num_features = 4
    return PoseNet(backbone, lambda channels: nn.Conv2d(channels, 2, 1), frozen=frozen)


def test_estimated_statistics_normalise_deep_features_of_one_batch():
    net, images = pose_net(), torch.randn(8, 3, 32, 32) * 3 + 1
    estimate_statistics(net, [images])
    features = net.eval().backbone(images)
    torch.testing.assert_close(features.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(features.var((0, 2, 3)), torch.ones(4), rtol=0, atol=1e-3)


@pytest.mark.parametrize("is_training", [False, True])
def test_frozen_layers_weights_and_modes_stay_as_they_are(is_training):
    net = pose_net("backbone.1").train(is_training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    estimate_statistics(net, [torch.randn(8, 3, 32, 32) * 3 + 1])
    changed = {n for n, value in net.state_dict().items() if not value.equal(before[n])}
    names = ("running_mean", "running_var", "num_batches_tracked")
    assert changed == {f"backbone.4.{name}" for name in names}
    assert [module.training for module in net.modules()] == modes


def test_no_images_change_nothing():
    net = pose_net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    estimate_statistics(net, [])
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("net", [Net(), pose_net("backbone.1", "backbone.4")])
def test_a_network_without_batch_norm_to_change_is_one_line(net):
    with pytest.raises(ConfigError, match=r"method: AdaBN changes BatchNorm .* net=resnet50") as e:
        task_of(AdaBN(), net)
    assert "\n" not in str(e.value)


def test_source_free_adaptation_keeps_the_statistics_of_the_head():
    net = pose_net()
    net.head = nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    method = SourceFree(methods={"adabn": AdaBN()})
    before = {name: value.clone() for name, value in net.state_dict().items()}
    batch = batch_of(torch.randint(0, 256, (4, 3, 32, 32)).to(torch.uint8))
    method.finish(net, [batch])
    changed = {n for n, value in net.state_dict().items() if not value.equal(before[n])}
    kinds = ("running_mean", "running_var")
    assert changed == {f"backbone.{i}.{kind}" for i in (1, 4) for kind in kinds}


def test_data_without_a_loader_of_the_target_are_one_line():
    with pytest.raises(ConfigError, match=r"ToyData: AdaBN reads .* target_dataloader") as error:
        fit_toy(task_of(AdaBN(), Observing()), data=ToyData())
    assert "\n" not in str(error.value)


def test_two_processes_have_the_statistics_of_one(tiny_root, tmp_path):
    one = ("data.batch_size=16", "trainer.precision=64-true")
    for name, overrides in (("one", one), ("two", ("data.batch_size=8", *TWO[1:]))):
        config = compose("adabn", tiny_root, *overrides)
        fit_method(config, Checkpoints(tmp_path / name))
    first, second = (
        torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("one", "two")
    )
    torch.testing.assert_close(second["state_dict"], first["state_dict"], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(second["unfinished"], first["unfinished"], rtol=1e-6, atol=1e-9)
