"""Fine-tuning with replay: what the batches hold, which loss is minimised, and what resumes."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from fidip.adapt import feature_loss
from fidip.codecs.decoders import argmax_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ConfigError
from fidip.data import SyripDataModule
from fidip.nn import PoseOutput, save_weights
from fidip.nn.losses import heatmap_mse
from fidip.tasks import Checkpoints, ReplayTask

METHOD = "replay"
RATE = 0.1


class Net(torch.nn.Module):
    """One weight for the features, one for the heatmaps."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(0.5))
        self.b = torch.nn.Parameter(torch.tensor(0.1))

    def normalize(self, crops):
        return crops / 255

    def forward(self, images):
        features = self.a * torch.nn.functional.avg_pool2d(images, 4)
        return PoseOutput(features, self.b * features.mean(1, keepdim=True).expand(-1, 17, -1, -1))

    def heatmaps(self, images, *_):
        return self(images).heatmaps


def make_data(root, **options):
    options = {"replay_split": "train_adult", "batch_size": 6, "num_workers": 0, **options}
    return SyripDataModule(root=root, input_wh=(32, 32), **options)


class Shifted(Net):
    """Features that are not proportional to its weight."""

    def forward(self, images):
        output = super().forward(images)
        return PoseOutput(output.features + 1, output.heatmaps)


def make_task(net=Net, **options):
    return ReplayTask(
        net=net(),
        codec=HeatmapCodec((32, 32), (8, 8), 1.0, argmax_decode),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=RATE),
        **{"map_weight": 2.0, "feature_weight": 0.5, **options},
    )


def fit(task, data, steps=-1, folder=None, ckpt_path=None, epochs=2):
    pl.seed_everything(0, verbose=False)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, max_steps=steps, logger=False,
        callbacks=[Checkpoints(folder)] if folder else [],
        enable_checkpointing=bool(folder), enable_progress_bar=False, enable_model_summary=False,
        limit_val_batches=0, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return task


@pytest.mark.parametrize("balanced", [False, True])
def test_a_third_of_every_batch_is_replayed(tiny_root, balanced):
    data = make_data(tiny_root, balanced=balanced)
    data.setup("fit")
    people = data.train_set.annotations
    for batch in data.train_dataloader():
        replayed = batch.is_replayed
        assert replayed.sum() == 2
        folders = [people[i].image_path.parent.name for i in batch.index]
        assert [name == "train_adult" for name in folders] == replayed.tolist()
        if balanced:
            assert batch.is_synthetic[~replayed].sum() == 2
    assert len(data.training_images) == len(people) + len(data.val_set)


def test_batches_that_cannot_be_shared_are_refused(tiny_root):
    data = make_data(tiny_root, batch_size=8)
    data.setup("fit")
    with pytest.raises(ConfigError, match=r"batch_size=8: .* multiple of 3"):
        data.train_dataloader()


def test_an_update_follows_the_gradient_of_the_sum_of_losses(tiny_root):
    data, task = make_data(tiny_root, balanced=True), make_task()
    data.setup("fit")
    steps = list(data.train_dataloader())[:2]
    a, b = (p.detach().clone().requires_grad_() for p in (task.net.a, task.net.b))
    for batch in steps:
        images = torch.nn.functional.avg_pool2d(batch.crops / 255, 4)
        old = batch.index >= 12 - len(data.val_set)
        maps = (a * b * images.mean(1, keepdim=True)).expand(-1, 17, -1, -1)
        first = 0.5 * images[old]
        first_maps = (0.1 * first.mean(1, keepdim=True)).expand(-1, 17, -1, -1)
        target, weight = task.codec.encode(batch.joints_crop, batch.labelled)
        loss = (
            heatmap_mse(maps, target, weight)
            + 2.0 * heatmap_mse(maps[old], first_maps, weight[old])
            + 0.5 * ((a * images[old] - first) ** 2).mean() / (first**2).mean()
        )
        gradients = torch.autograd.grad(loss, [a, b])
        a, b = (
            (value - RATE * gradient).detach().requires_grad_()
            for value, gradient in zip((a, b), gradients, strict=True)
        )
    fit(task, make_data(tiny_root, balanced=True), steps=2)
    assert task.net.a.item() == pytest.approx(a.item(), rel=1e-5)
    assert task.net.b.item() == pytest.approx(b.item(), rel=1e-5)


def test_a_group_of_batches_makes_the_update_of_one(tiny_root):
    data = make_data(tiny_root, batch_size=12)
    data.setup("fit")
    whole = next(iter(data.train_dataloader()))
    place = torch.arange(len(whole))
    place[whole.is_replayed] = torch.arange(whole.is_replayed.sum())
    place[~whole.is_replayed] = torch.arange((~whole.is_replayed).sum())
    parts = [whole.only(place % 2 == number) for number in (0, 1)]
    assert [int(part.is_replayed.sum()) for part in parts] == [2, 2]
    found = []
    for batches, accumulate in (([whole], 1), (parts, 2)):
        task = make_task(Shifted, accumulate=accumulate, feature_weight=50.0).double()
        task.net.a.data.fill_(0.7)
        trainer = pl.Trainer(
            accelerator="cpu", max_epochs=1, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(task, DataLoader(batches * 8, batch_size=None))
        found.append([task.net.a.item(), task.net.b.item()])
    assert found[1] == pytest.approx(found[0], rel=2e-9)
    assert abs(found[0][0] - 0.7) > 1e-4


def test_the_teacher_outlives_an_interruption(tiny_root, tmp_path):
    whole = fit(make_task(), make_data(tiny_root))
    fit(make_task(), make_data(tiny_root), folder=tmp_path, epochs=1)
    last = tmp_path / "last.ckpt"
    resumed = fit(make_task(), make_data(tiny_root), folder=tmp_path, ckpt_path=last)
    assert resumed.teacher.a.item() == 0.5
    assert resumed.net.a.item() == whole.net.a.item() != 0.5


def test_the_teacher_can_be_another_file(tiny_root, tmp_path):
    teacher = Net()
    teacher.a.data.fill_(0.75)
    save_weights(teacher, tmp_path / "teacher.safetensors", {})
    task = make_task(teacher=str(tmp_path / "teacher.safetensors"))
    fit(task, make_data(tiny_root), 1)
    assert task.teacher.a.item() == 0.75
    assert task.net.a.item() == pytest.approx(0.5, abs=0.1)


def test_nothing_to_replay_is_an_error(tiny_root):
    with pytest.raises(ConfigError, match=r"data\.replay_split=null"):
        fit(make_task(), make_data(tiny_root, replay_split=None), 1)


def test_feature_loss_is_relative():
    wanted = torch.randn(2, 3, 4, 4)
    assert feature_loss(wanted, wanted) == 0
    assert feature_loss(1.5 * wanted, wanted) == pytest.approx(0.25)
    assert feature_loss(30 * wanted, 20 * wanted) == pytest.approx(0.25)
