"""The tasks with the demo's real net: they can learn a batch by heart, and frozen parts stay."""

import hydra
import pytest
import torch
from hydra.utils import instantiate
from torch.utils.data import DataLoader

from fidip.cli import config_dir
from fidip.core.samples import Batch
from fidip.data import PoseDataset, read_annotations
from tests.tasks.toy_fidip import Rounds, ToyData, fit

SMALL = ["codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]", "optimizer.lr=2e-3"]


class OneBatch(ToyData):
    """Eight stick figures, half of them synthetic, again and again."""

    def __init__(self, batch, batches):
        super().__init__(batches)
        self.batch = batch

    def train_dataloader(self):
        batches = [self.batch] * self.batches
        return DataLoader(batches, batch_size=None, sampler=Rounds(batches))


@pytest.fixture(scope="module")
def batch(tiny_root):
    file = tiny_root / "annotations" / "person_keypoints_train_infant.json"
    people = read_annotations(file, tiny_root / "images" / "train_infant").people.labelled[:8]
    dataset = PoseDataset(people, (64, 64))
    return Batch.collate([dataset[i] for i in range(len(dataset))])


def make(experiment, *overrides):
    torch.manual_seed(0)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("train", [f"experiment={experiment}", *SMALL, *overrides])
    return instantiate(config.task)


def pose_loss(task, batch):
    with torch.no_grad():
        return task.pose_loss(task.net(task.net.normalize(batch.crops)).heatmaps, batch).item()


@pytest.mark.parametrize("experiment", ["scratch_demo", "fidip_demo"])
def test_a_batch_is_overfitted(experiment, batch):
    task = make(experiment)
    before = pose_loss(task, batch)
    metrics = fit(task, data=OneBatch(batch, batches=120)).callback_metrics
    task.train()
    assert pose_loss(task, batch) < 0.15 * before
    assert metrics["train/loss"] < before


@pytest.mark.parametrize("experiment", ["scratch_demo", "fidip_demo"])
def test_frozen_parts_keep_weights_and_statistics(experiment, batch):
    task = make(experiment, "net.frozen=[backbone]")
    before = {name: value.clone() for name, value in task.net.state_dict().items()}
    fit(task, data=OneBatch(batch, batches=3))
    same = {name: torch.equal(value, before[name]) for name, value in task.net.state_dict().items()}
    assert all(kept for name, kept in same.items() if name.startswith("backbone."))
    assert any(not kept for name, kept in same.items() if name.startswith("head."))


def test_mixed_precision_learns_too(batch):
    small = ("net=movenet_lightning_norm", "net.backbone.width=0.125", "optimizer.lr=1e-2")
    task = make("fidip_demo", *small, "method.weight=0.1")
    before = pose_loss(task, batch)
    trainer = fit(task, data=OneBatch(batch, batches=10), precision="bf16-mixed")
    task.train()
    assert pose_loss(task, batch) < 0.95 * before
    assert trainer.global_step == 10
