"""All uses of undocumented parts of Lightning.

Checked with pytorch-lightning ``CHECKED_WITH``; ``tests/tasks/test_lightning.py`` fails with any
other version, so that this module is reviewed first at each update.
"""

from __future__ import annotations

import signal
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from torch import nn

CHECKED_WITH = "2.6.6"


def is_accumulating(trainer: pl.Trainer) -> bool:
    """Return whether there are batches since the last update.

    Args:
        trainer: the trainer.
    """
    return bool(trainer.fit_loop.epoch_loop._should_accumulate())


def is_validated(trainer: pl.Trainer) -> bool:
    """Return whether the present fit has validation batches.

    Args:
        trainer: the trainer, after its data were set up.
    """
    return any(trainer.num_val_batches)


def batches_taken(trainer: pl.Trainer) -> int:
    """Return how many batches of this epoch have been trained on.

    Args:
        trainer: the trainer.
    """
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.processed)


def batches_before(trainer: pl.Trainer) -> int:
    """Return how many batches of this epoch were done before a resume.

    Args:
        trainer: the trainer.
    """
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.completed)


def set_position(loops: dict[str, Any], epoch: int, batch: int) -> None:
    """Set the counters of a checkpoint to those of a run before a batch.

    Inside a hook, Lightning's counters mark the present batch and epoch as begun but not as done.

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
    """Restart the loader of a resumed run at the position of its sampler.

    Args:
        trainer: the trainer.
        batch: batches of the epoch that are done.
    """
    iter(trainer.fit_loop._data_fetcher)  # the loader began before the counters were restored
    if not batch:
        # At the start of an epoch, no batch of the previous one must be repeated.
        trainer.fit_loop.restarting = False


def disable_signal_handlers(trainer: pl.Trainer) -> None:
    """Keep Lightning from handling SIGTERM: it would end the process silently and with status 0.

    Args:
        trainer: a trainer that does not run yet.
    """
    trainer._signal_connector.register_signal_handlers = lambda: None


def kill_other_processes(trainer: pl.Trainer) -> None:
    """Kill the processes that this one started, which would wait for a failed process.

    Args:
        trainer: the trainer.
    """
    launcher = trainer.strategy.launcher
    if hasattr(launcher, "procs"):
        launcher.kill(signal.SIGKILL)


def averaged_module(callback: pl.callbacks.WeightAveraging) -> nn.Module:
    """Return the module that holds the averaged weights.

    Args:
        callback: the callback that averages.
    """
    assert callback._average_model is not None
    module: nn.Module = callback._average_model.module
    return module


def drop_anonymous(logger: WandbLogger) -> None:
    """Remove an argument that Lightning passes to W&B, which warns that it has no effect.

    Args:
        logger: the W&B logger.
    """
    logger._wandb_init.pop("anonymous", None)
