"""The trainer of a new run, and what must hold before it starts."""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import SLURMEnvironment

from fidip.cli.preflight import check_files, check_run_settings
from fidip.cli.targets import instantiate
from fidip.io.processes import is_first_process
from fidip.io.run_directory import RunDirectory
from fidip.tasks import AtomicCheckpoints, Float64, SyncedBatchNorms


def check_new_run(config: DictConfig, run: RunDirectory) -> None:
    """Check that a new run can start.

    Args:
        config: settings of the run.
        run: its run directory.

    Raises:
        FidipError: a setting or file is wrong, or there is a run already.
    """
    if is_first_process():
        run.require_free(config.overwrite)
    check_run_settings(config)
    check_files(config)


def name_wandb_run(config: DictConfig) -> None:
    """Give a new run a W&B id; a resumed run has it in its ``config.yaml``."""
    if "wandb" in config.logger and config.logger.wandb.id is None:
        config.logger.wandb.id = secrets.token_hex(4)


def make_trainer(config: DictConfig, *more: pl.Callback) -> pl.Trainer:
    """Return Lightning's trainer with the configured callbacks and loggers."""
    # Frozen parts stay in eval mode, see fidip.nn.pose_net.
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")
    callbacks = [*more, *instantiate(config.callbacks).values()]
    loggers = [one for one in instantiate(config.logger).values() if isinstance(one, Logger)]
    plugins: list[Any] = [AtomicCheckpoints()]
    if SLURMEnvironment.detect():  # the callback Checkpoints requeues the job
        plugins.append(SLURMEnvironment(auto_requeue=False))
    if config.trainer.get("sync_batchnorm"):
        plugins.append(SyncedBatchNorms())
    precision = config.trainer.precision
    if precision == "64-true":
        plugins.append(Float64())
        precision = None  # Lightning accepts only one of precision and plugin
    trainer: pl.Trainer = instantiate(
        config.trainer, callbacks=callbacks, logger=loggers, plugins=plugins, precision=precision
    )
    return trainer
