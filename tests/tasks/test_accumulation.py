"""Several batches that make one update are one batch, and no run is saved in their midst."""

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from tests.tasks.toy_fidip import (
    Rounds,
    ToyData,
    expected_weights,
    fit,
    make_batch,
    make_task,
    pretrained_head,
    two_processes,
)

pytestmark = pytest.mark.forks


class Parts(ToyData):
    """The toy's batch in pieces of one or two samples, of two processes each; then whole."""

    def __init__(self, pieces, whole=0):
        super().__init__()
        self.pieces = pieces
        self.whole = whole

    def train_dataloader(self):
        rank, processes = self.trainer.global_rank, self.trainer.world_size
        parts = [slice(start * processes + rank, None, 2 * processes) for start in range(2)]
        batches = [make_batch(part) for part in parts] * self.pieces
        batches += [make_batch(slice(rank, None, processes))] * self.whole
        return DataLoader(batches, batch_size=None, sampler=Rounds(batches))


@pytest.mark.parametrize("processes", [dict, two_processes])
@pytest.mark.parametrize("whole", [0, 1])
def test_a_group_makes_the_steps_of_one_batch(whole, processes):
    task = make_task(weight=2.0, domain_epochs=2, accumulate=2)
    trainer = fit(task, data=Parts(pieces=3, whole=whole), **processes())
    w, d = expected_weights(2.0, updates=3 + whole, d=pretrained_head(2 * (3 + whole)))
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.domain_head.d.item() == pytest.approx(d, rel=1e-6)
    assert trainer.world_size == processes().get("devices", 1)


def test_schedules_and_the_adversary_count_updates():
    shares = []
    task = make_task(2.0, accumulate=2, adversarial_schedule=lambda p: shares.append(p) or 1.0)
    trainer = fit(task, epochs=2, data=Parts(pieces=1, whole=1))  # 3 batches, 2 updates an epoch
    assert shares == [0, 0.25, 0.5, 0.75]
    assert trainer.global_step == 4
    assert [one.scheduler.last_epoch for one in trainer.lr_scheduler_configs] == [4, 4]


class StopInGroup(pl.Callback):
    """Ctrl-C after the third batch of the second epoch, which is the first of a group of two."""

    armed = True

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.armed and (trainer.current_epoch, batch_idx) == (1, 3):
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "accumulate"),
    [
        ("fidip", ["task.accumulate=2", "method.domain_epochs=1"]),
        ("scratch", ["trainer.accumulate_grad_batches=2"]),
    ],
)
def test_a_run_that_stops_within_a_group_continues_from_its_start(
    experiment, accumulate, monkeypatch, tmp_path, tiny_root, cli
):
    monkeypatch.chdir(tmp_path)
    trust = f"allow_targets=[{__name__}]"
    arguments = [
        *(f"experiment={experiment}_demo", f"data.root={tiny_root}", "ckpt=null", *accumulate),
        *("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.4"),
        *("codec.input_wh=[32,32]", "codec.heatmap_wh=[8,8]", "trainer.max_epochs=2"),
        *("net.backbone.width=0.125", trust),
        f"+callbacks.stop={{_target_: {__name__}.StopInGroup}}",
    ]
    every_batch = "callbacks.checkpoints.every_minutes=0"
    cli("train", *arguments, every_batch, "hydra.run.dir=stopped", status=130)
    saved = torch.load("stopped/checkpoints/last.ckpt", weights_only=False)
    progress = saved["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
    assert progress["completed"] == 2
    monkeypatch.setattr(StopInGroup, "armed", False)
    cli("train", "resume=stopped", trust)
    cli("train", *arguments, "hydra.run.dir=whole")
    stopped, whole = (
        torch.load(f"{run}/checkpoints/last.ckpt", weights_only=False)["state_dict"]
        for run in ("stopped", "whole")
    )
    torch.testing.assert_close(stopped, whole, rtol=0, atol=0)


def test_fidip_names_the_key_that_accumulates(monkeypatch, tmp_path, tiny_root, cli):
    monkeypatch.chdir(tmp_path)
    arguments = [f"data.root={tiny_root}", "ckpt=null", "trainer.accumulate_grad_batches=2"]
    error = cli("train", "experiment=fidip_demo", *arguments, status=2).error
    assert "set task.accumulate instead" in error
