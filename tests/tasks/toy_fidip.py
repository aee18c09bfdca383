"""A FiDIP problem whose gradients can be written down.

The net is one weight w (feature = heatmap = w x), the domain head one weight d (logit = d f):

- step I:  dL/dd = mean((sigmoid(d f) - y) f)
- step II: dL/dw = mean((w x - t) x) - lambda * mean((sigmoid(d' w x) - y) d' x), d' after step I
"""

from functools import partial

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.strategies import DDPStrategy
from torch import nn
from torch.utils.data import DataLoader, SequentialSampler

from fidip.core.samples import Batch
from fidip.nn import PoseOutput
from fidip.tasks import FidipTask, step_decay

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


def make_batch(rows=slice(None)):
    crops = torch.tensor(255 * X).round().to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    joints = torch.tensor(np.stack([T, T], -1), dtype=torch.float32).view(-1, 1, 2)
    return Batch(
        crops=crops[rows],
        joints_crop=joints[rows],
        labelled=torch.ones(4, 1)[rows],
        is_synthetic=torch.tensor(Y, dtype=torch.float32)[rows],
        crop_to_image=torch.zeros(4, 2, 3, dtype=torch.float64)[rows],
        image_ids=torch.arange(4)[rows],
        boxes_xywh=torch.zeros(4, 4, dtype=torch.float64)[rows],
        box_scores=torch.ones(4, dtype=torch.float64)[rows],
        index=torch.arange(4)[rows],
    )


class Rounds(SequentialSampler):
    """Knows which epoch it is, as the project's samplers do."""

    def set_epoch(self, epoch):
        self.epoch = epoch

    def set_position(self, epoch, batch):
        assert batch == 0  # runs are resumed between epochs only


class ToyData(pl.LightningDataModule):
    """The same batch again and again; of two processes, each has one half of it."""

    def __init__(self, batches=1):
        super().__init__()
        self.batches = batches
        self.domain_passes = 0

    def train_dataloader(self):
        rows = slice(self.trainer.global_rank, None, self.trainer.world_size)
        batches = [make_batch(rows)] * self.batches
        return DataLoader(batches, batch_size=None, sampler=Rounds(batches))

    def domain_dataloader(self):
        self.domain_passes += 1
        return self.train_dataloader()


def make_task(weight, head=ToyHead, domain_epochs=0, **settings):
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
        **settings,
    )


def fit(task, batches=1, epochs=1, callbacks=(), data=None, ckpt_path=None, **settings):
    trainer = pl.Trainer(
        **settings,
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=list(callbacks),
    )
    trainer.fit(task, datamodule=data or ToyData(batches), ckpt_path=ckpt_path, weights_only=False)
    return trainer


def two_processes():
    """Settings of ``fit``: this process and a fork of it."""
    ddp = DDPStrategy(start_method="fork", process_group_backend="gloo", broadcast_buffers=False)
    return {"strategy": ddp, "devices": 2}


def pretrained_head(updates):
    """d after updates of domain pretraining."""
    f, d = 0.7 * np.round(255 * X) / 255, 0.9
    for _ in range(updates):
        d = d - LEARNING_RATE * np.mean((sigmoid(d * f) - Y) * f)
    return d


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def expected_weights(weight, updates, d=0.9, share=lambda update: 1, rate=lambda update: 1):
    w, x = 0.7, np.round(255 * X) / 255
    for update in range(updates):
        d = d - rate(update) * LEARNING_RATE * np.mean((sigmoid(d * w * x) - Y) * w * x)
        pose = np.mean((w * x - T) * x)
        domain = np.mean((sigmoid(d * w * x) - Y) * d * x)
        w = w - LEARNING_RATE * (pose - share(update) * weight * domain)
    return w, d
