"""With a large lambda the features stop telling the domains apart, and the pose is still learnt."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from fidip.core.samples import Batch
from fidip.nn import PoseOutput
from fidip.tasks import FidipTask
from tests.tasks.toy_fidip import Rounds, ToyData, fit, half_square

SIZE = 64


class TwoFeatures(nn.Module):
    """Features: a linear map of the mean red (the pose) and the mean green (the domain)."""

    feature_channels = 2

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(2, 2, bias=False)
        self.head = nn.Linear(2, 1)
        nn.init.eye_(self.mix.weight)

    def normalize(self, crops):
        return crops.float() / 128 - 1

    def forward(self, images):
        features = self.mix(images.mean(dim=(2, 3))[:, :2])
        heatmaps = self.head(features).view(-1, 1, 1, 1)
        return PoseOutput(features.view(-1, 2, 1, 1), heatmaps)


class TargetCodec:
    def encode(self, joints_crop, labelled):
        return joints_crop[..., :1, None], labelled


def domain_head(channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels, 1), nn.Flatten(0))


class TwoDomains(ToyData):
    """Green is bright in synthetic images and dark in real ones; red is the pose."""

    def train_dataloader(self):
        batches = [self.batch(seed) for seed in range(self.batches)]
        return DataLoader(batches, batch_size=None, sampler=Rounds(batches))

    def batch(self, seed):
        random = torch.Generator().manual_seed(seed)
        pose = torch.rand(SIZE, generator=random)
        is_synthetic = (torch.arange(SIZE) % 2).float()
        green = 0.3 + 0.4 * is_synthetic + 0.1 * torch.rand(SIZE, generator=random)
        colours = torch.stack([pose, green, torch.zeros(SIZE)], 1)
        return Batch(
            crops=(255 * colours).to(torch.uint8).view(SIZE, 3, 1, 1),
            joints_crop=pose.view(SIZE, 1, 1).repeat(1, 1, 2),
            labelled=torch.ones(SIZE, 1),
            is_synthetic=is_synthetic,
            crop_to_image=torch.zeros(SIZE, 2, 3),
            image_ids=torch.arange(SIZE),
            boxes_xywh=torch.zeros(SIZE, 4, dtype=torch.float64),
            box_scores=torch.ones(SIZE, dtype=torch.float64),
            index=torch.arange(SIZE),
        )


def train(weight):
    torch.manual_seed(0)
    task = FidipTask(
        net=TwoFeatures(),
        codec=TargetCodec(),
        optimizer=partial(torch.optim.AdamW, lr=3e-3),
        loss=half_square,
        domain_head=domain_head,
        # Without its decay the two would chase each other around the balance.
        domain_optimizer=partial(torch.optim.AdamW, lr=3e-2, weight_decay=0.1),
        adversarial_weight=weight,
        domain_epochs=2,
    )
    return fit(task, epochs=15, data=TwoDomains(batches=40)).callback_metrics


def test_without_lambda_the_head_knows_the_domains():
    assert train(0.0)["train/domain_accuracy"] > 0.95


def test_a_large_lambda_confuses_the_head_and_keeps_the_pose():
    metrics = train(1.0)
    assert metrics["train/domain_accuracy"] == pytest.approx(0.5, abs=0.1)
    assert metrics["train/pose_loss"] < 0.01
