"""Gradient reversal against closed formulas."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fidip.adapt.adversarial import domain_loss
from fidip.adapt.dann import GradientReversal, reverse_gradient
from fidip.core.samples import Batch
from fidip.nn import PoseOutput
from fidip.tasks import AdaptationTask

METHOD = "dann"
RATE = 0.1
X = np.array([51, 153, 102, 255]) / 255
T = np.array([1.0, 0.5, -0.5, 2.0])
Y = np.array([1.0, 0.0, 1.0, 0.0])


class Net(nn.Module):
    """feature = heatmap = w x."""

    feature_channels = 1

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.7, dtype=torch.float64))

    def normalize(self, crops):
        return crops.double() / 255

    def forward(self, images):
        feature = self.w * images.mean((1, 2, 3)).view(-1, 1, 1, 1)
        return PoseOutput(feature, feature)


class Head(nn.Module):
    """logit = d f."""

    def __init__(self, channels):
        super().__init__()
        self.d = nn.Parameter(torch.tensor(0.9, dtype=torch.float64))

    def forward(self, features):
        return self.d * features.flatten()


class Codec:
    def encode(self, joints_crop, labelled):
        return joints_crop[..., :1, None].double(), labelled


BATCH = Batch(
    crops=torch.tensor(255 * X).round().to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2),
    joints_crop=torch.tensor(np.stack([T, T], -1), dtype=torch.float32).view(-1, 1, 2),
    labelled=torch.ones(4, 1),
    is_synthetic=torch.tensor(Y, dtype=torch.float32),
    crop_to_image=torch.zeros(4, 2, 3, dtype=torch.float64),
    image_ids=torch.arange(4),
    boxes_xywh=torch.zeros(4, 4, dtype=torch.float64),
    box_scores=torch.ones(4, dtype=torch.float64),
    index=torch.arange(4),
)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def half_mean_square(output, target, weight):
    return 0.5 * ((output - target) ** 2).mean()


def fit(method, updates=0, batches=(), **task):
    """Train a network, by default the toy network, with a method, and return the task."""
    given = {"net": Net(), "codec": Codec(), "loss": half_mean_square, **task}
    task = AdaptationTask(
        method=method,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=RATE),
        **given,
    )
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, DataLoader(batches or [BATCH] * updates, batch_size=None))
    return task


def trained(weight, updates):
    method = GradientReversal(domain_head=Head, weight=weight, schedule=lambda progress: progress)
    task = fit(method, updates)
    return task.net.w.item(), task.method.domain_head.d.item()


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_both_parts_follow_their_analytic_gradients_from_one_backward(weight):
    w, d = 0.7, 0.9
    for update in range(4):
        share = weight * update / 4
        pose = np.mean((w * X - T) * X)
        error = sigmoid(d * w * X) - Y
        w, d = (
            w - RATE * (pose - share * np.mean(error * d * X)),
            d - RATE * np.mean(error * w * X),
        )
    assert trained(weight, updates=4) == pytest.approx((w, d), rel=1e-6)


def test_the_head_learns_at_full_weight_while_the_network_is_reversed():
    features = torch.randn(4, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    head = Head(1)
    domain_loss(head(features), BATCH.is_synthetic).backward()
    plain, d_plain = features.grad.clone(), head.d.grad.clone()
    features.grad = head.d.grad = None
    domain_loss(head(reverse_gradient(features, 0.25)), BATCH.is_synthetic).backward()
    torch.testing.assert_close(features.grad, -0.25 * plain)
    torch.testing.assert_close(head.d.grad, d_plain)
