"""Source-free adaptation against closed formulas."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fidip.adapt import DataPart, MovingAverage
from fidip.adapt.source_free import SourceFree
from fidip.core.errors import ArgumentError
from fidip.nn import PoseNet, PoseOutput
from fidip.nn.losses import heatmap_mse
from tests.adapt.test_dann import BATCH, RATE, X, fit
from tests.adapt.test_mean_teacher import (
    CODEC,
    MIXED,
    UNLABELLED,
    Backbone,
    TeachingCodec,
    batch_of,
    mean_teacher,
    weighted,
)

METHOD = "source_free"
HEAD, TAUGHT = 1.5, 0.3


class Scalar(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(value, dtype=torch.float64))

    def forward(self, values):
        return self.w * values


class TwoScalars(nn.Module):
    """feature = w x, heatmap = h w x."""

    feature_channels = 1

    def __init__(self):
        super().__init__()
        self.backbone, self.head = Scalar(0.7), Scalar(HEAD)

    def normalize(self, crops):
        return crops.double() / 255

    def forward(self, images):
        features = self.backbone(images.mean((1, 2, 3)).view(-1, 1, 1, 1))
        return PoseOutput(features, self.head(features))


class OfAnotherTeacher(SourceFree):
    """Its teacher begins with another weight than the network, which has something to learn."""

    def begin(self, net):
        super().begin(net)
        (teacher,) = self.combined.methods.values()
        nn.init.constant_(teacher.teacher.backbone.w, TAUGHT)


@pytest.mark.parametrize("decay", [0.5, 1.0])
@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_backbone_follows_its_analytic_gradient_and_the_head_stays(weight, decay):
    batch = replace(BATCH, is_unlabelled=torch.tensor(UNLABELLED > 0))
    teacher = mean_teacher(weight=weight, average=MovingAverage(decay=decay))
    task = fit(
        OfAnotherTeacher(methods={"mean_teacher": teacher}),
        batches=[batch] * 5,
        net=TwoScalars(),
        codec=TeachingCodec(),
        loss=weighted,
    )
    w, average = 0.7, TAUGHT
    for _ in range(5):
        average = decay * average + (1 - decay) * w
        error = HEAD * (w - average) * X
        w -= RATE * weight * np.sum(UNLABELLED * error * HEAD * X) / np.sum(UNLABELLED)
    assert task.net.backbone.w.item() == pytest.approx(w, rel=1e-6)
    assert (w == 0.7) == (weight == 0)
    assert task.net.head.w.item() == HEAD


def normalised_net():
    torch.manual_seed(0)
    backbone = Backbone(nn.Conv2d(3, 4, 4, stride=4), nn.BatchNorm2d(4))
    head = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))
    return PoseNet(backbone, lambda channels: head)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_head_keeps_weights_and_statistics(weight):
    net, before = normalised_net(), normalised_net().state_dict()
    methods = {"mean_teacher": mean_teacher(weight=weight)}
    fit(
        SourceFree(methods=methods),
        batches=[batch_of(MIXED)] * 3,
        net=net,
        codec=CODEC,
        loss=heatmap_mse,
    )
    changed = {n for n, v in net.state_dict().items() if not torch.equal(v, before[n])}
    statistics = {f"backbone.1.{n}" for n in ("running_mean", "running_var", "num_batches_tracked")}
    assert changed >= statistics
    assert not any(name.startswith("head") for name in changed)
    assert (changed == statistics) == (weight == 0)


def test_the_network_does_not_see_labelled_samples():
    batch = batch_of(MIXED)
    labelled = ~batch.is_unlabelled
    other = replace(batch, crops=batch.crops.clone(), joints_crop=batch.joints_crop.clone())
    other.crops[labelled] = 255 - other.crops[labelled]
    other.joints_crop[labelled] += 3
    batches = [batch, other]
    ends = []
    for each in batches:
        method = SourceFree(methods={"mean_teacher": mean_teacher()})
        task = fit(method, batches=[each] * 3, net=normalised_net(), codec=CODEC, loss=heatmap_mse)
        ends.append(task.net.state_dict())
    torch.testing.assert_close(*ends, rtol=0, atol=0)


def test_needs_and_errors_are_those_of_combined_methods():
    method = SourceFree(methods={"mean_teacher": mean_teacher()})
    assert method.needs == {DataPart.UNLABELLED_TARGET}
    with pytest.raises(ArgumentError, match="expected at least one method"):
        SourceFree(methods={})
