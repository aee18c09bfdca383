"""``fidip train``: train and test an experiment in a run directory."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("train")

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import LambdaCallback
from pytorch_lightning.utilities import rank_zero_only

from fidip.cli.loading import saved_config
from fidip.cli.preflight import absent_weights, check
from fidip.cli.score_table import print_table
from fidip.cli.sweep_jobs import run_job
from fidip.cli.trainer import check_new, make_trainer, name_wandb_run
from fidip.core.poses import Poses
from fidip.io.atomic import write_text_atomic
from fidip.io.hashing import fingerprint
from fidip.io.images import write_image
from fidip.io.run_directory import AUTO, RunDirectory, run_directory_for
from fidip.nn.weights.checkpoint_files import load_weights, training_images
from fidip.report import model_card, prediction_sheet
from fidip.report.scoring import results_of, score_poses, write_results
from fidip.tasks import announce, publish

OmegaConf.register_new_resolver("fidip.run_directory_for", run_directory_for, replace=True)


def train(config: DictConfig) -> None:
    """Train, test with the best or last weights, and write the results."""
    run = RunDirectory(Path(config.run_dir))
    resume = OmegaConf.select(config, "resume")
    begun = run.config.is_file() if resume == AUTO else resume is not None
    if begun and resume == AUTO:
        check(config)
        resolved: Any = OmegaConf.to_container(config, resolve=True)
        run.require_settings(resolved)
        if run.results.is_file():
            rank_zero_only(print)(f"finished before; run folder: {run.root}")
            return
    resume_from = run.to_resume() if begun else None
    if begun:
        config = saved_config(
            run, overrides=[] if resume == AUTO else HydraConfig.get().overrides.task
        )
        check(config)
    else:
        check_new(config, run)
    name_wandb_run(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)

    data = instantiate(config.data)
    task = instantiate(config.task)
    settings: Any = OmegaConf.to_container(config, resolve=True)

    def begin(*_: Any) -> None:
        """Replace an earlier run once the data have been read."""
        if trainer.is_global_zero:
            if not begun:
                run.remove()
            run.write_config(settings)
            announce(trainer.loggers, settings)

    trainer = make_trainer(config, LambdaCallback(on_fit_start=begin))
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
        write_test(run, config, data, trainer, poses, source, minutes)
        print(f"run folder: {run.root}")


def test_source(
    config: DictConfig, data: Any, task: Any, trainer: pl.Trainer
) -> dict[str, str | float | None]:
    """Test on the pretraining data, with the trained weights and with those of ``ckpt``.

    Args:
        config: settings of the run.
        data: the data module.
        task: the task.
        trainer: the trainer.

    Returns:
        The split, its AP after training, and its AP before, which is None without initial weights.
    """

    def ap() -> float:
        trainer.test(task, data.source_dataloader(), verbose=False)
        return float(score_poses(task.predictions, data.source_people)["metrics"]["AP"])

    after, before = ap(), None
    if config.ckpt and not absent_weights(config):
        load_weights(task.net, config.ckpt, config.allow_partial)
        before = ap()
    return {"split": data.source_split, "AP": after, "AP_before": before}


def write_test(
    run: RunDirectory,
    config: DictConfig,
    data: Any,
    trainer: pl.Trainer,
    poses: Poses,
    source: dict[str, Any] | None,
    minutes: float,
) -> None:
    """Score the poses of the test, write the files of a finished run, and send them to loggers.

    Args:
        run: the run directory.
        config: settings of the run.
        data: the data module.
        trainer: the trainer.
        poses: predictions for the test split, in image px.
        source: results on the pretraining data, if tested.
        minutes: training time in minutes.
    """
    environment = run.write_environment(facts(config, data, trainer, minutes))
    scores = score_poses(poses, data.test_set.annotations)
    scores["leaked_images"] = len(data.leaked)
    if source is not None:
        scores["source"] = source
    facts_of_run = {"split": "test", "minutes": minutes, "updates": trainer.global_step}
    results = results_of(scores, config, **facts_of_run)
    settings: Any = OmegaConf.to_container(config, resolve=True)
    write_text_atomic(run.card, model_card(settings, environment, results))
    write_image(run.overlays, prediction_sheet(poses, data.test_set.annotations))
    write_results(run, results, poses)
    print_table(results.to_json())
    publish(trainer.loggers, results.to_json(), run.card, run.overlays)


def facts(
    config: DictConfig, data: pl.LightningDataModule, trainer: pl.Trainer, minutes: float
) -> dict[str, Any]:
    """Return facts about this run for ``environment.json``.

    Args:
        config: settings of the run.
        data: the data module.
        trainer: the trainer.
        minutes: training time in minutes.
    """
    return {
        "seed": config.seed,
        "device": str(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "minutes": round(minutes, 2),
        "data_root": str(Path(config.data.root).resolve()),
        "data_sha256": fingerprint([data.train_json, data.test_json]),
        "test_json": str(data.test_json.resolve()),
        "test_images": str(data.test_images.resolve()),
    }


@command("train")
def main(config: DictConfig) -> Any:
    """Run the command."""
    return run_job(train, config)


if __name__ == "__main__":
    main()
