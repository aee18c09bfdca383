"""Every use of what Lightning does not document, in one place.

Checked with pytorch-lightning ``CHECKED_WITH``; ``tests/tasks/test_lightning.py`` fails with any
other version, so that an update is looked at here first.
"""

from __future__ import annotations

import signal
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from torch import nn

CHECKED_WITH = "2.6.6"


def is_accumulating(trainer: pl.Trainer) -> bool:
    """Return whether Lightning has taken batches of which it has made no update."""
    return bool(trainer.fit_loop.epoch_loop._should_accumulate())


def batches_taken(trainer: pl.Trainer) -> int:
    """Return how many batches of this epoch have been trained on."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.processed)


def batches_before(trainer: pl.Trainer) -> int:
    """Return how many batches of this epoch a resumed run has behind it."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.completed)


def set_position(loops: dict[str, Any], epoch: int, batch: int) -> None:
    """Make the counters of a checkpoint those of a run that is about to take a batch of an epoch.

    Saved within a hook, they count what is going on as begun and not as done.

    Args:
        loops: ``checkpoint["loops"]["fit_loop"]``; changed in place.
        epoch: the epoch, from 0.
        batch: batches of it that are done.
    """
    begun = epoch + (batch > 0)
    epochs = {"ready": begun, "started": begun, "processed": epoch, "completed": epoch}
    loops["epoch_progress"] = {"total": epochs, "current": dict(epochs)}
    batches = loops["epoch_loop.batch_progress"]
    if batch:
        loops["epoch_loop.state_dict"]["_batches_that_stepped"] += 1
    total = batches["total"]["processed"]
    batches["total"] = dict.fromkeys(batches["total"], total)
    batches["current"] = dict.fromkeys(batches["current"], batch)
    batches["is_last_batch"] = False


def restart_loader(trainer: pl.Trainer, batch: int) -> None:
    """Let a resumed run take its batches from the sampler's position.

    Args:
        trainer: of the run.
        batch: batches of the epoch that are done.
    """
    iter(trainer.fit_loop._data_fetcher)  # the loader began before the counters were restored
    if not batch:
        # At the start of an epoch nothing of the previous one is left to go over again.
        trainer.fit_loop.restarting = False


def kill_other_processes(trainer: pl.Trainer) -> None:
    """End the processes that this one started, which would wait long for one that has failed."""
    launcher = trainer.strategy.launcher
    if hasattr(launcher, "procs"):
        launcher.kill(signal.SIGKILL)


def averaged_module(callback: pl.callbacks.WeightAveraging) -> nn.Module:
    """Return the module that holds the averaged weights."""
    assert callback._average_model is not None
    module: nn.Module = callback._average_model.module
    return module


def drop_anonymous(logger: WandbLogger) -> None:
    """Drop an argument that Lightning passes to W&B, which warns that it does nothing."""
    logger._wandb_init.pop("anonymous", None)
