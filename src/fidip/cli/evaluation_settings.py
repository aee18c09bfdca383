"""Settings of ``fidip evaluate``: of the run, of the model zoo, or of the command line."""

from __future__ import annotations

from pathlib import Path

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from fidip.cli.loading import run_of, saved_config, zoo_entry
from fidip.core.errors import ConfigError
from fidip.io.run_directory import RunDirectory
from fidip.nn.weights.model_zoo import ONNX

EVALUATED = ("name", "group", "seed", "data", "net", "codec", "task")
"""Parts of a run's configuration that an evaluation builds again."""
SCORED = ("name", "group", "seed", "data")
"""The parts that the scoring of a results file needs."""


def check_evaluation(config: DictConfig) -> None:
    """Raise ConfigError if the keys do not define what is scored."""
    if (config.ckpt is None) == (config.predictions is None):
        raise ConfigError("give either ckpt=RUN_OR_CKPT or predictions=FILE_OR_FOLDER")
    if config.predictions and config.boxes != "gt":
        raise ConfigError(
            f"boxes={config.boxes}: predictions={config.predictions} has poses already; expected "
            "one of the two. Leave out boxes="
        )
    if config.calibrate:
        check_calibrate(config)


def check_calibrate(config: DictConfig) -> None:
    """Raise ConfigError if there is no run to calibrate, or if the data are the wrong ones."""
    if config.split != "val" or config.boxes != "gt" or config.predictions:
        raise ConfigError(
            "calibrate=true fits to validation images in labelled boxes; give ckpt=RUN split=val"
        )
    if run_of(config.ckpt) is None:
        raise ConfigError(
            f"calibrate=true: {config.ckpt} lies in no run folder, where calibration.json belongs"
        )


def settings(config: DictConfig) -> DictConfig:
    """Return the settings that a checkpoint was trained with, overridden by the command line.

    They come from the checkpoint's run directory. For models of the zoo, the zoo defines network
    and codec; for other weights, ``experiment=`` names the settings. The device is always taken
    from the command line. A results file only needs the data.

    Raises:
        ConfigError: there are no such settings, or no dataset is given.
    """
    trained = settings_of_results(config) if config.predictions else settings_of_weights(config)
    if OmegaConf.is_missing(trained.data, "root"):
        raise ConfigError("data.root is not set: give the folder of the data set, data.root=DIR")
    return trained


def settings_of_results(config: DictConfig) -> DictConfig:
    """Return the settings of the command line; for a run's own results with its name and data."""
    run = RunDirectory.of_checkpoint(config.predictions)
    if run is None or config.name != "unnamed":
        return config
    if not run.is_training:
        return config
    trained = saved_config(run, SCORED, HydraConfig.get().overrides.task)
    for key in SCORED:
        if key in trained:
            config[key] = trained[key]
    return config


def settings_of_weights(config: DictConfig) -> DictConfig:
    """Return the settings of the weights' run, of the zoo, or of ``experiment=``."""
    if config.ckpt.endswith(ONNX):
        raise ConfigError(
            f"ckpt={config.ckpt}: an ONNX file, which can only predict; expected a run folder, a "
            "checkpoint or zoo:NAME. Use fidip predict"
        )
    run = run_of(config.ckpt)
    if run is not None:
        trained = saved_config(run, EVALUATED, HydraConfig.get().overrides.task)
        trained.trainer = config.trainer
        return trained
    known = zoo_entry(config.ckpt)
    if known is not None and config.name == "unnamed":
        given = HydraConfig.get().overrides.task
        unsaid = [
            t for t in known.choices if not any(g.startswith(t[: t.index("=") + 1]) for g in given)
        ]
        return compose("evaluate", [*given, *unsaid])
    if config.name == "unnamed":
        raise ConfigError(
            f"ckpt={config.ckpt}: lies in no run folder; say with experiment=NAME which net and "
            "data it belongs to"
        )
    return config


def weights_file(config: DictConfig) -> str | Path:
    """Return the checkpoint that ``ckpt=`` refers to: of a run directory, the best or the last."""
    run = RunDirectory(Path(config.ckpt))
    return run.weights() if run.config.is_file() else config.ckpt
