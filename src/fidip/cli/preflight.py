"""Checks the configuration of a training run before anything is loaded. Does not import PyTorch."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fidip.core.errors import ConfigError
from fidip.io.paths import config_dir

FREE_DATA = "fidip synthesize preset=demo"
MISSING = {
    "ckpt": "weights of a network pretrained on adults; ckpt=FILE takes a checkpoint of "
    "experiment=pretrain_coco, of the HRNet zoo, DarkPose, SimpleBaseline or mmpose; "
    "ckpt=null starts from random weights, enough to try an experiment on free data "
    f"({FREE_DATA} out=data/demo); ckpt=bundled:movenet-lightning is in the package",
    "sweep.trial": "the number of a trial, which a search gives: fidip train -m sweep=optuna",
    "data.root": f"the folder of the dataset, in SyRIP's layout; {FREE_DATA} out=data/demo "
    "renders a free one, then data.root=data/demo",
}
OWNED_BY_TASK = (
    ("accumulate_grad_batches", 1, "accumulate"),
    ("gradient_clip_val", None, "clip_norm"),
)
"""Trainer settings that ``AdaptationTask`` replaces: key, value when off, key of the task."""
MODEL_NAME = re.compile(r"(zoo|bundled):|bundled$")
"""Values of ``ckpt`` that do not name a file; see ``model_zoo.is_named``, which imports PyTorch."""


def check_run_settings(config: DictConfig) -> None:
    """Check that a run can start, and report all problems at once.

    Raises:
        ConfigError: settings have no value.
    """
    if config.name == "unnamed":
        names = sorted(path.stem for path in (config_dir() / "experiment").glob("*.yaml"))
        raise ConfigError(f"experiment is not set; choose one: experiment={'|'.join(names)}")
    for key, off, instead in OWNED_BY_TASK:
        value = config.trainer.get(key, off)
        if "accumulate" in config.task and value != off:
            raise ConfigError(
                f"trainer.{key}={value}: an adaptation method has optimizers of its own, so its "
                f"task does this; set task.{instead} instead"
            )
    if config.get("method") is not None and "method" not in config.task:
        raise ConfigError(
            f"method: has no effect on task {config.task.get('_target_')}; expected none. Leave "
            "it out, or choose another experiment"
        )
    missing = sorted(OmegaConf.missing_keys(config) - {"resume"})
    if missing:
        needs = [f"{key} is not set: {MISSING.get(key, f'give {key}=VALUE')}" for key in missing]
        raise ConfigError("; ".join([*needs, *absent_data(config)]))


def absent_data(config: DictConfig) -> list[str]:
    """Return a sentence about a dataset that does not exist, in a list."""
    root = OmegaConf.select(config, "data.root", throw_on_missing=False)
    if root is None or (Path(root) / "annotations").is_dir():
        return []
    return [
        f"data.root={root}: there is no dataset (no folder annotations); give the folder of one, "
        f"or render a free one with {FREE_DATA} out={root}"
    ]


def absent_weights(config: DictConfig) -> list[str]:
    """Return a sentence about weights that do not exist, in a list."""
    ckpt = OmegaConf.select(config, "ckpt", throw_on_missing=False)
    if ckpt is None or MODEL_NAME.match(str(ckpt)) or Path(str(ckpt)).exists():
        return []
    return [f"ckpt={ckpt}: there is no such file; give a file of weights, a run, or zoo:NAME"]


def check_job(config: DictConfig, are_files_here: bool) -> None:
    """Check a job of a sweep before any of them starts.

    Args:
        config: of the job.
        are_files_here: whether the job runs on this machine, so that the dataset and the weights
            must exist now.

    Raises:
        ConfigError: the job would fail.
    """
    resume = OmegaConf.select(config, "resume", throw_on_missing=False)
    if resume is not None:
        raise ConfigError(f"resume={resume} is for one run; sweep.resume=true continues a sweep")
    check_run_settings(config)
    if are_files_here:
        check_files(config)


def check_files(config: DictConfig) -> None:
    """Check that the dataset and the weights exist, without opening them.

    Raises:
        ConfigError: one of them does not exist.
    """
    absent = [*absent_data(config), *absent_weights(config)]
    if absent:
        raise ConfigError("; ".join(absent))


def check_one_run(config: DictConfig) -> None:
    """Refuse settings of sweeps in a command without ``-m``.

    Raises:
        ConfigError: there are such settings.
    """
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        return
    name = hydra.runtime.choices.get("sweep", "grid")
    if name not in ("grid", None):
        raise ConfigError(
            f"sweep={name}: several runs need -m; use fidip train -m sweep={name} ..."
        )
    if OmegaConf.select(config, "sweep.resume"):
        raise ConfigError(
            "sweep.resume=true: for sweeps only; add -m, or continue one run with resume=RUN_DIR"
        )


def require_some(problems: Sequence[str | None], labels: Sequence[str]) -> None:
    """Print the problems of a sweep's jobs, and end a sweep in which no job can start.

    Args:
        problems: of each job; None if it can start.
        labels: settings of each job, for the messages.

    Raises:
        ConfigError: all jobs have a problem.
    """
    distinct = list(dict.fromkeys(problem for problem in problems if problem))
    if problems and None not in problems:
        raise ConfigError(f"all {len(problems)} jobs of the sweep: {'; '.join(distinct)}")
    for problem, label in zip(problems, labels, strict=True):
        if problem:
            print(f"error: job {label}: {problem}", file=sys.stderr)
