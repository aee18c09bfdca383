"""FidipTask's two steps on a problem whose gradients can be written down.

The net is one weight w (feature = heatmap = w x), the domain head one weight d (logit = d f):

- step I:  dL/dd = mean((sigmoid(d f) - y) f)
- step II: dL/dw = mean((w x - t) x) - lambda * mean((sigmoid(d' w x) - y) d' x), d' after step I
"""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fidip.nn import PoseOutput
from fidip.tasks import FidipTask, step_decay
from fidip.types import Batch

LEARNING_RATE = 0.1
X = np.array([0.2, 0.6, 0.4, 1.0])
T = np.array([1.0, 0.5, -0.5, 2.0])
Y = np.array([1.0, 0.0, 1.0, 0.0])


def scalar(value):
    return nn.Parameter(torch.tensor(value, dtype=torch.float64))


class ToyNet(nn.Module):
    """feature = heatmap = w x; x is the mean of the crop, in 1/255."""

    feature_channels = 1

    def __init__(self):
        super().__init__()
        self.w = scalar(0.7)

    def normalize(self, crops):
        return crops.double() / 255

    def forward(self, images):
        feature = self.w * images.mean(dim=(1, 2, 3)).view(-1, 1, 1, 1)
        return PoseOutput(feature, feature)


class ToyCodec:
    """The joint's x is the target value."""

    def encode(self, joints_crop, labelled):
        return joints_crop[..., :1, None].double(), labelled


class ToyHead(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.d = scalar(0.9)

    def forward(self, features):
        return self.d * features.flatten()


class NormHead(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm1d(channels).double()

    def forward(self, features):
        return self.norm(features.flatten(1)).flatten()


def half_square(output, target, weight):
    return 0.5 * ((output - target) ** 2).mean()


def make_batch():
    crops = torch.tensor(255 * X).round().to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    return Batch(
        crops=crops,
        joints_crop=torch.tensor(np.stack([T, T], -1), dtype=torch.float32).view(-1, 1, 2),
        labelled=torch.ones(4, 1),
        is_synthetic=torch.tensor(Y, dtype=torch.float32),
        crop_to_image=torch.zeros(4, 2, 3, dtype=torch.float64),
        index=torch.arange(4),
    )


class ToyData(pl.LightningDataModule):
    def __init__(self, batches=1):
        super().__init__()
        self.batches = batches
        self.domain_passes = 0

    def train_dataloader(self):
        return DataLoader([make_batch()] * self.batches, batch_size=None)

    def domain_dataloader(self):
        self.domain_passes += 1
        return self.train_dataloader()


def make_task(weight, head=ToyHead, domain_epochs=0):
    sgd = partial(torch.optim.SGD, lr=LEARNING_RATE)
    return FidipTask(
        net=ToyNet(),
        codec=ToyCodec(),
        optimizer=sgd,
        scheduler=partial(step_decay, milestones=[1.0]),
        loss=half_square,
        domain_head=head,
        domain_optimizer=sgd,
        adversarial_weight=weight,
        domain_epochs=domain_epochs,
    )


def fit(task, batches=1, epochs=1, callbacks=(), data=None):
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
    )
    trainer.fit(task, datamodule=data or ToyData(batches))
    return trainer


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def expected_weights(weight, updates):
    w, d, x = 0.7, 0.9, np.round(255 * X) / 255
    for _ in range(updates):
        d = d - LEARNING_RATE * np.mean((sigmoid(d * w * x) - Y) * w * x)
        pose = np.mean((w * x - T) * x)
        domain = np.mean((sigmoid(d * w * x) - Y) * d * x)
        w = w - LEARNING_RATE * (pose - weight * domain)
    return w, d


@pytest.mark.parametrize("weight", [0.0, 0.0005, 2.0])
@pytest.mark.parametrize("updates", [1, 5])
def test_both_steps_follow_their_analytic_gradients(weight, updates):
    task = make_task(weight)
    fit(task, batches=updates)
    w, d = expected_weights(weight, updates)
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)


def test_lambda_changes_the_nets_gradient():
    assert expected_weights(0.0, 1)[0] != pytest.approx(expected_weights(2.0, 1)[0], rel=1e-3)


def test_step_two_leaves_no_gradient_in_the_head():
    task = make_task(weight=100.0)
    fit(task)
    x = np.round(255 * X) / 255
    step_one = np.mean((sigmoid(0.9 * 0.7 * x) - Y) * 0.7 * x)
    assert task.domain_head.d.grad.item() == pytest.approx(step_one, rel=1e-6)


def test_the_heads_statistics_move_once_a_batch():
    task = make_task(weight=1.0, head=NormHead)
    fit(task)
    norm = task.domain_head.norm
    assert norm.num_batches_tracked.item() == 1
    mean = (0.7 * np.round(255 * X) / 255).mean()
    assert norm.running_mean.item() == pytest.approx(0.1 * mean, rel=1e-6)


def test_the_run_counts_updates_of_the_net_once():
    task = make_task(weight=1.0)
    trainer = fit(task, batches=3, epochs=2)
    assert trainer.global_step == 6
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == 6


def test_domain_pretraining_moves_the_head_only_and_is_not_a_step_of_the_run():
    task, data, seen = make_task(weight=0.0, domain_epochs=3), ToyData(batches=2), []

    class Spy(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, *args):
            seen.append((trainer.global_step, task.net.w.item(), task.domain_head.d.item()))

    fit(task, callbacks=[Spy()], data=data)
    d, x = 0.9, np.round(255 * X) / 255
    for _ in range(6):
        d = d - LEARNING_RATE * np.mean((sigmoid(d * 0.7 * x) - Y) * 0.7 * x)
    assert seen[0] == (0, 0.7, pytest.approx(d, rel=1e-6))
    assert task.domain_epochs_done.item() == 3
    assert task.net.training


def test_domain_pretraining_that_a_checkpoint_holds_is_not_done_again():
    first, second, data = (
        make_task(0.0, domain_epochs=2),
        make_task(0.0, domain_epochs=2),
        ToyData(),
    )
    fit(first)
    second.load_state_dict(first.state_dict())
    fit(second, data=data)
    assert data.domain_passes == 0
