"""RegDA against closed formulas, whatever the parts of an update."""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fidip.adapt.regda import RegDA, Regressor, ground_false, kl_divergence
from fidip.core.errors import ConfigError
from fidip.core.samples import Batch
from fidip.nn import PoseOutput
from fidip.tasks import AdaptationTask
from tests.adapt.test_methods import compose
from tests.adapt.test_methods import fit as fit_tiny
from tests.tasks.toy_fidip import LEARNING_RATE, Rounds, fit, half_square, scalar, two_processes

METHOD = "regda"
X = np.array([[51, 204], [153, 102], [255, 51], [102, 153]]) / 255  # two pixels of four images
IS_SOURCE = np.array([1, 0, 1, 1])  # so that parts and processes have different numbers of both
JOINTS = np.array([[1, 0], [0, 1], [0, 1], [1, 1]])  # the pixels of two joints
START = np.array([0.8, -0.6])


class Net(nn.Module):
    """feature = w x; the heatmaps of two joints are w x and 1 - w x."""

    feature_channels = 1

    def __init__(self):
        super().__init__()
        self.w = scalar(0.7)

    def normalize(self, crops):
        return crops[:, :1].double() / 255

    def forward(self, images):
        features = self.w * images
        return PoseOutput(features, torch.cat([features, 1 - features], 1))


class Codec:
    """Joints are on one of two pixels."""

    def encode(self, joints_crop, labelled):
        distance = torch.arange(2) - joints_crop[..., :1].double()
        return torch.exp(-distance.square())[:, :, None] * labelled[..., None, None], labelled

    def decode(self, maps):
        scores, pixels = maps.flatten(2).max(2)
        return torch.stack([pixels, pixels], -1), scores


class Toy(RegDA):
    """Two joints with logits d_k f."""

    def attach(self, net):
        self.regressor = Logits()


class Logits(nn.Module):
    def __init__(self):
        super().__init__()
        self.d = nn.Parameter(torch.tensor(START))

    def forward(self, features, size):
        return self.d[:, None, None] * features


def make_batch(rows):
    pixels = torch.tensor(255 * X).round().to(torch.uint8).view(4, 1, 1, 2).expand(-1, 3, 1, 2)
    return Batch(
        crops=pixels[rows],
        joints_crop=torch.tensor(JOINTS, dtype=torch.float32)[..., None].expand(4, 2, 2)[rows],
        labelled=torch.ones(4, 2)[rows],
        is_synthetic=torch.tensor(IS_SOURCE, dtype=torch.float32)[rows],
        crop_to_image=torch.zeros(4, 2, 3, dtype=torch.float64)[rows],
        image_ids=torch.arange(4)[rows],
        boxes_xywh=torch.zeros(4, 4, dtype=torch.float64)[rows],
        box_scores=torch.ones(4, dtype=torch.float64)[rows],
        index=torch.arange(4)[rows],
    )


class Data(pl.LightningDataModule):
    """Three updates, in parts, with the four samples."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def train_dataloader(self):
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        every = self.parts * processes
        rows = [slice(part * processes + rank, None, every) for part in range(self.parts)]
        batches = [make_batch(each) for each in rows] * 3
        return DataLoader(batches, batch_size=None, sampler=Rounds(batches))


def expected(weight, margin):
    """The network's and the regressor's weights after three updates."""
    w, d = 0.7, START.copy()
    gaussians = np.exp(-((np.arange(2) - JOINTS[..., None]) ** 2.0))
    for update in range(3):
        maps = np.stack([w * X, 1 - w * X], 1)
        pose = ((maps - gaussians) * np.stack([X, -X], 1)).mean()
        right = np.exp(-((np.arange(2) - maps.argmax(2)[..., None]) ** 2.0))
        right /= right.sum(2, keepdims=True)
        logits = d[:, None] * w * X[:, None]
        q = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
        factor = np.where(IS_SOURCE, margin / IS_SOURCE.sum(), 1 / (1 - IS_SOURCE).sum()) / 2
        wanted = np.where(IS_SOURCE[:, None, None], right, right[:, ::-1])
        slope_d = np.einsum("b,bkp,bp->k", factor, q - wanted, w * X)
        slope_w = np.einsum("b,bkp,k,bp->", factor, q - right, d, X)
        w -= LEARNING_RATE * (pose + weight * update / 3 * slope_w)
        d -= LEARNING_RATE * slope_d
    return w, d


@pytest.mark.forks
@pytest.mark.parametrize("processes", [dict, two_processes])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_updates_follow_the_analytic_gradients(weight, parts, processes):
    task = AdaptationTask(
        method=Toy(weight=weight, margin=3.0, schedule=lambda progress: progress, joints=2),
        net=Net(),
        codec=Codec(),
        optimizer=partial(torch.optim.SGD, lr=LEARNING_RATE),
        loss=half_square,
        accumulate=parts,
    )
    fit(task, data=Data(parts), **processes())
    w, d = expected(weight, margin=3.0)
    assert task.net.w.item() == pytest.approx(w, rel=1e-9)
    assert task.method.regressor.d.detach().numpy() == pytest.approx(d, rel=1e-9)


def test_the_divergence_is_that_of_distributions():
    rng = np.random.default_rng(0)
    maps, logits = rng.uniform(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    p = maps / maps.sum((2, 3), keepdims=True)
    q = np.exp(logits) / np.exp(logits).sum((2, 3), keepdims=True)
    values = kl_divergence(torch.tensor(maps), torch.tensor(logits))
    assert values.numpy() == pytest.approx((p * np.log(p / q)).sum((2, 3)).mean(1))
    assert kl_divergence(torch.tensor(p), torch.tensor(p).log()).abs().max() < 1e-12


def test_a_joint_without_a_heatmap_has_no_loss():
    logits = torch.randn(1, 2, 2, 2, requires_grad=True)
    kl_divergence(torch.zeros(1, 2, 2, 2), logits).sum().backward()
    assert torch.equal(logits.grad, torch.zeros(1, 2, 2, 2))
    assert torch.equal(ground_false(torch.ones(1, 1, 2, 2)), torch.zeros(1, 1, 2, 2))


def test_the_regressor_has_the_size_of_the_heatmaps():
    regressor, features = Regressor(3, width=4, joints=2), torch.randn(2, 3, 4, 5)
    assert regressor(features, (4, 5)).shape == (2, 2, 4, 5)
    assert regressor(features, (16, 20)).shape == (2, 2, 16, 20)


MOVENET = ["net=movenet_lightning_full", "codec=movenet_192", "loss@task.loss=movenet"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method.joints=16"], "method.joints=16: the network has 17 heatmaps"),
        (
            MOVENET,
            "method: RegDA needs one heatmap for each joint, but the network's maps have the",
        ),
    ],
)
def test_a_network_without_a_heatmap_for_each_joint_is_one_line(words, message, tiny_root):
    with pytest.raises(ConfigError) as error:
        fit_tiny(compose("regda", tiny_root, "data.batch_size=8", *words))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
