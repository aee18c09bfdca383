"""A training run: training, the test, and the files of the run directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LambdaCallback
from pytorch_lightning.utilities import rank_zero_only

from fidip.cli.loading import saved_config
from fidip.cli.preflight import check_run_settings
from fidip.cli.run_test import test_source, write_test
from fidip.cli.target_search import find_target_people
from fidip.cli.targets import instantiate
from fidip.cli.trainer import check_new_run, make_trainer, name_wandb_run
from fidip.io.run_directory import RunDirectory
from fidip.io.run_settings import AUTO, run_directory_for
from fidip.nn.weights.checkpoint_files import training_images
from fidip.nn.weights.net_weights import load_weights
from fidip.tasks import announce

OmegaConf.register_new_resolver("fidip.run_directory_for", run_directory_for, replace=True)


def train(config: DictConfig) -> None:
    """Train, test with the best or last weights, and write the results.

    Args:
        config: settings of ``fidip train``.
    """
    run = RunDirectory(Path(config.run_dir))
    resume = OmegaConf.select(config, "resume")
    is_begun = run.config.is_file() if resume == AUTO else resume is not None
    if is_begun and resume == AUTO and _is_finished(config, run):
        return
    resume_from = run.to_resume() if is_begun else None
    if is_begun:
        config = saved_config(
            run, overrides=[] if resume == AUTO else HydraConfig.get().overrides.task
        )
        check_run_settings(config)
    else:
        check_new_run(config, run)
    name_wandb_run(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)

    data = instantiate(config.data)
    data.find_people = find_target_people
    task = instantiate(config.task)
    trainer = make_trainer(config, _first_writes(config, run, is_begun))
    if config.ckpt and not resume_from:
        rank_zero_only(print)(load_weights(task.net, config.ckpt, config.allow_partial))
        data.training_images.update(training_images(config.ckpt) or ())
    started = time.monotonic()
    trainer.fit(task, datamodule=data, ckpt_path=resume_from, weights_only=True)
    minutes = (time.monotonic() - started) / 60
    # Not through Lightning, which would load the last weights before averaging.
    load_weights(task.net, run.weights())
    trainer.test(task, datamodule=data, verbose=False)
    poses = task.predictions
    source = test_source(config, data, task, trainer) if data.source_split else None
    if trainer.is_global_zero:
        write_test(run, config, trainer, poses, source, minutes)
        print(f"run folder: {run.root}")


def _is_finished(config: DictConfig, run: RunDirectory) -> bool:
    """Return whether a begun run has its results; its settings must be those of ``config``."""
    check_run_settings(config)
    resolved: Any = OmegaConf.to_container(config, resolve=True)
    run.require_settings(resolved)
    is_finished = run.results.is_file()
    if is_finished:
        rank_zero_only(print)(f"finished before; run folder: {run.root}")
    return is_finished


def _first_writes(config: DictConfig, run: RunDirectory, is_begun: bool) -> pl.Callback:
    """Return a callback that replaces an earlier run once the data have been read."""
    settings: Any = OmegaConf.to_container(config, resolve=True)

    def begin(trainer: pl.Trainer, *_: Any) -> None:
        if trainer.is_global_zero:
            if not is_begun:
                run.remove()
            run.write_config(settings)
            announce(trainer.loggers, settings)

    return LambdaCallback(on_fit_start=begin)
