"""Which epoch ``best.ckpt`` holds, by validation scores that are given."""

import logging
import math
import os
import signal
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from fidip.tasks import Checkpoints, PoseTask
from fidip.tasks.callbacks.checkpointing import AtomicCheckpoints
from tests.tasks.toy_fidip import ToyCodec, ToyData, ToyNet, fit, half_square


class ScriptedTask(PoseTask):
    """Logs the given score after each epoch."""

    def __init__(self, scores):
        super().__init__(
            net=ToyNet(),
            codec=ToyCodec(),
            optimizer=partial(torch.optim.SGD, lr=0.1),
            loss=half_square,
        )
        self.scores = scores

    def validation_step(self, batch, batch_idx):
        pass

    def test_step(self, batch, batch_idx):
        pass

    def on_validation_epoch_end(self):
        self.log("val/OKS", torch.tensor(self.scores[self.current_epoch]))


NO_CHECK = {"num_sanity_val_steps": 0}


class ValidatedData(ToyData):
    def val_dataloader(self):
        return DataLoader([0.0], batch_size=None)


def best_epoch(folder, scores):
    """Return the epoch of ``best.ckpt`` and the score of its callback after a complete run."""
    callback = Checkpoints(folder)
    fit(
        ScriptedTask(scores),
        epochs=len(scores),
        callbacks=[callback],
        data=ValidatedData(),
        num_sanity_val_steps=0,
    )
    best = torch.load(folder / "best.ckpt", weights_only=False)
    last = torch.load(folder / "last.ckpt", weights_only=False)
    assert last["callbacks"]["Checkpoints"]["best"] == max(
        score for score in scores if not math.isnan(score)
    )
    return best["epoch"]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.5, 0.25, 0.375], 0),
        ([0.25, 0.5, 0.375], 1),
        ([0.25, 0.375, 0.5], 2),
        ([0.5, 0.5], 0),  # of equal scores the first
        ([-0.5, -0.25], 1),
        ([0.0, 0.0], 0),
        ([math.nan, 0.25], 1),
        ([0.25, math.nan], 0),
    ],
)
def test_best_ckpt_is_of_the_epoch_with_the_highest_score(tmp_path, scores, expected):
    assert best_epoch(tmp_path, scores) == expected


def test_a_resumed_run_keeps_a_best_epoch_before_the_interruption(tmp_path):
    data = {"data": ValidatedData(), "num_sanity_val_steps": 0}
    fit(ScriptedTask([0.5]), callbacks=[Checkpoints(tmp_path)], **data)
    resumed = ScriptedTask([0.5, 0.25, 0.375])
    fit(
        resumed,
        epochs=3,
        callbacks=[Checkpoints(tmp_path)],
        ckpt_path=tmp_path / "last.ckpt",
        **data,
    )
    assert torch.load(tmp_path / "best.ckpt", weights_only=False)["epoch"] == 0


class AtBatch(pl.Callback):
    """Calls a function after a batch, before the callback that writes checkpoints."""

    def __init__(self, act, batch=0):
        self.act = act
        self.batch = batch

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if batch_idx == self.batch:
            self.act()


@pytest.mark.parametrize(("minutes", "is_saved"), [(0, True), (10, False)])
def test_a_checkpoint_is_written_between_batches_when_it_is_due(tmp_path, minutes, is_saved):
    seen = []
    keep = Checkpoints(tmp_path, every_minutes=minutes)
    look = AtBatch(lambda: seen.append((tmp_path / "last.ckpt").exists()), batch=1)
    fit(ScriptedTask([0.5]), batches=3, callbacks=[keep, look], num_sanity_val_steps=0)
    assert seen == [is_saved]


def test_a_signal_stops_the_run_after_the_batch_with_a_checkpoint(tmp_path, caplog):
    caplog.set_level(logging.INFO, "fidip")
    ask = AtBatch(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as stopped:
        fit(ScriptedTask([0.5]), batches=3, callbacks=[Checkpoints(tmp_path), ask])
    assert stopped.value.code == 128 + signal.SIGTERM
    kept = tmp_path / "last.ckpt"
    saved = torch.load(kept, weights_only=False)
    assert (saved["epoch"], saved["global_step"]) == (0, 1)
    stop, found, resume = caplog.messages[-1].split("; ")
    assert (stop, found) == ("stopped by SIGTERM in epoch 1", f"kept: {kept}")
    assert resume.endswith(f"fidip train resume={tmp_path.parent}")


def test_only_the_last_checkpoint_has_a_previous_one(tmp_path):
    for step in (1, 2):
        for name in ("best.ckpt", "last.ckpt"):
            AtomicCheckpoints().save_checkpoint({"step": step}, tmp_path / name)
    saved = {file.name: torch.load(file)["step"] for file in tmp_path.iterdir()}
    assert saved == {"best.ckpt": 2, "last.ckpt": 2, "previous.ckpt": 1}


class ThreeBatches(ValidatedData):
    def __init__(self):
        super().__init__(3)


def send_once(hooks, name):
    """Send SIGTERM to this process when a hook of a callback or task is called first."""

    def send(*args):
        setattr(hooks, name, lambda *_: None)
        os.kill(os.getpid(), signal.SIGTERM)

    setattr(hooks, name, send)
    return hooks


@pytest.mark.parametrize(
    ("hook", "saved_updates"),
    [
        ("on_train_batch_start", 1),
        ("on_train_batch_end", 2),  # after the callbacks' hook: at the end of the next batch
        ("on_validation_start", 3),  # within the last batch of an epoch
        ("on_validation_end", 3),
        ("on_train_epoch_end", 3),
    ],
)
def test_sigterm_never_ends_a_run_without_checkpoint_and_status(tmp_path, hook, saved_updates):
    """Lightning would end it with status 0 by itself, which SLURM takes for success."""
    task = send_once(ScriptedTask([0.5, 0.5]), hook)
    with pytest.raises(SystemExit) as stopped:
        fit(task, epochs=2, callbacks=[Checkpoints(tmp_path)], data=ThreeBatches(), **NO_CHECK)
    assert stopped.value.code == 128 + signal.SIGTERM
    saved = torch.load(tmp_path / "last.ckpt", weights_only=False)
    assert saved["global_step"] == saved_updates


@pytest.mark.parametrize("hook", ["on_test_batch_start", "on_test_epoch_end"])
def test_sigterm_in_a_test_is_logged(tmp_path, hook, caplog, capsys):
    caplog.set_level(logging.INFO, "fidip")
    task = send_once(ScriptedTask([0.5]), hook)
    trainer = fit(task, callbacks=[Checkpoints(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        trainer.test(task, DataLoader([0.0, 0.0], batch_size=None), verbose=False)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped by SIGTERM in the test; kept: " in caplog.text
    assert capsys.readouterr().out == ""
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
