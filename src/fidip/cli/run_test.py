"""The test at the end of a training run, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fidip.cli.preflight import absent_weights
from fidip.cli.score_table import print_table
from fidip.core.poses import Poses
from fidip.io.atomic import write_text_atomic
from fidip.io.hashing import hash_files
from fidip.io.images import write_image
from fidip.io.run_directory import RunDirectory
from fidip.nn.weights.net_weights import load_weights
from fidip.report import model_card, prediction_sheet
from fidip.report.scoring import results_of, score_poses, write_results
from fidip.tasks import publish


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

    def ap() -> float | None:
        trainer.test(task, data.source_dataloader(), verbose=False)
        return score_poses(task.predictions, data.source_people).metrics["AP"]

    after, before = ap(), None
    if config.ckpt and not absent_weights(config):
        load_weights(task.net, config.ckpt, config.allow_partial)
        before = ap()
    return {"split": data.source_split, "AP": after, "AP_before": before}


def write_test(
    run: RunDirectory,
    config: DictConfig,
    trainer: pl.Trainer,
    poses: Poses,
    source: dict[str, Any] | None,
    minutes: float,
) -> None:
    """Score the poses of the test, write the files of a finished run, and send them to loggers.

    Args:
        run: the run directory.
        config: settings of the run.
        trainer: the trainer, with the data module.
        poses: predictions for the test split, in image px.
        source: results on the pretraining data, if tested.
        minutes: training time in minutes.
    """
    data: Any = trainer.datamodule
    command = HydraConfig.get().job.config_name if HydraConfig.initialized() else None
    environment = run.write_environment(command, facts(config, trainer, minutes))
    results = results_of(
        score_poses(poses, data.test_set.annotations),
        config,
        split="test",
        minutes=minutes,
        updates=trainer.global_step,
        leaked_images=len(data.leaked),
        source=source,
    )
    settings: Any = OmegaConf.to_container(config, resolve=True)
    write_text_atomic(run.card, model_card(settings, environment, results, run.best.is_file()))
    write_image(run.overlays, prediction_sheet(poses, data.test_set.annotations))
    write_results(run, results, poses)
    print_table(results)
    publish(trainer.loggers, results, run.card, run.overlays)


def facts(config: DictConfig, trainer: pl.Trainer, minutes: float) -> dict[str, Any]:
    """Return facts about this run for ``environment.json``.

    Args:
        config: settings of the run.
        trainer: the trainer, with the data module.
        minutes: training time in minutes.
    """
    data: Any = trainer.datamodule
    return {
        "seed": config.seed,
        "device": str(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "minutes": round(minutes, 2),
        "data_root": str(Path(config.data.root).resolve()),
        "data_sha256": hash_files([data.train_json, data.test_json]),
        "test_json": str(data.test_json.resolve()),
        "test_images": str(data.test_images.resolve()),
    }
