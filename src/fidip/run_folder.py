"""What a run leaves on disk, and how it is found again."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, ListConfig, OmegaConf

from fidip.errors import CheckpointError, RunError
from fidip.files import is_whole, write_text_whole, write_whole
from fidip.images import encode_image

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "timm", "albumentations", "numpy")


AUTO = "auto"
"""``resume=auto``: go on with the run of the same settings, if it has begun."""


def place_of_run(resume: str | None, runs: str, new: str, overrides: Sequence[str]) -> str:
    """Where a run lies: in the folder to resume, or below ``runs``.

    Args:
        resume: a run folder, AUTO or None.
        runs: the folder of the experiment's runs.
        new: the name of a run that is told from all others.
        overrides: what the command line sets; with AUTO the name follows from it.
    """
    if resume is None:
        return f"{runs}/{new}"
    if resume != AUTO:
        return resume
    settings = sorted(text for text in overrides if not text.startswith("resume="))
    return f"{runs}/auto-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:10]}"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run below ``root``."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def results(self) -> Path:
        return self.root / "results.json"

    @property
    def job(self) -> Path:
        """There when the run is one of a sweep."""
        return self.root / "job.json"

    @property
    def failed(self) -> Path:
        """There when a run of a sweep ended with an error."""
        return self.root / "failed.json"

    @property
    def pruned(self) -> Path:
        """There when a search ended the run because others were better."""
        return self.root / "pruned.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.csv"

    @property
    def predictions(self) -> Path:
        return self.root / "predictions.json"

    @property
    def card(self) -> Path:
        return self.root / "model_card.md"

    @property
    def calibration(self) -> Path:
        return self.root / "calibration.json"

    @property
    def last(self) -> Path:
        return self.root / "checkpoints" / "last.ckpt"

    @property
    def previous(self) -> Path:
        return self.root / "checkpoints" / "previous.ckpt"

    @property
    def best(self) -> Path:
        return self.root / "checkpoints" / "best.ckpt"

    @property
    def overlays(self) -> Path:
        return self.root / "figures" / "overlays.png"

    @classmethod
    def of_checkpoint(cls, ckpt: str) -> RunFolder | None:
        """The run that a run folder or a checkpoint inside one belongs to, if any."""
        path = Path(ckpt)
        for root in (path, path.parent, path.parent.parent):
            if os.path.isfile(root / "config.yaml"):  # False also for names that no file can have
                return cls(root)
        return None

    def weights(self) -> Path:
        """The checkpoint to test: the best on validation data, or the last."""
        for path in (self.best, self.last):
            if path.is_file():
                return path
        raise CheckpointError(f"{self.root}/checkpoints has neither best.ckpt nor last.ckpt")

    def best_score(self) -> float | None:
        """The highest validation AP so far; None without validation."""
        if not self.metrics.is_file():
            return None
        with self.metrics.open(newline="", encoding="utf-8") as file:
            scores = [float(row["val/AP"]) for row in csv.DictReader(file) if row.get("val/AP")]
        return max(scores, default=None)

    def to_resume(self) -> Path | None:
        """The last whole checkpoint to continue from; None where the run has not come to one.

        Raises:
            RunError: there is no run, it is finished, or both of its checkpoints are torn.
        """
        if self.results.is_file():
            raise RunError(
                f"resume={self.root}: that run is finished; to train its weights further, start "
                f"another with ckpt={self.weights()}"
            )
        if not self.config.is_file():
            raise RunError(f"resume={self.root}: no config.yaml there; name a run folder")
        found = [path for path in (self.last, self.previous) if path.is_file()]
        for path in found:
            if is_whole(path):
                return path
            print(f"{path} is torn, as after a crash of the machine: not used", file=sys.stderr)
        if found:
            raise RunError(
                f"resume={self.root}: no whole checkpoint there; remove it and start the run again"
            )
        return None

    def write_config(self, config: DictConfig) -> None:
        """Save the configuration with every interpolation resolved."""
        write_text_whole(self.config, OmegaConf.to_yaml(config, resolve=True))

    def read_config(self, overrides: Sequence[str]) -> DictConfig:
        """The run's configuration with the dotted ``a.b=value`` of ``overrides`` on top.

        What lay in the run folder lies in it still, wherever the folder has been moved to.
        """
        try:
            saved = OmegaConf.load(self.config)
        except Exception as error:
            raise RunError(f"{self.config} cannot be read ({error}); name a run folder") from error
        dotted = [override for override in overrides if "." in override.partition("=")[0]]
        if "run_dir" in saved:
            here = str(self.root.resolve())
            saved = OmegaConf.create(_moved(OmegaConf.to_container(saved), saved.run_dir, here))
        merged = OmegaConf.merge(saved, OmegaConf.from_dotlist(dotted))
        assert isinstance(merged, DictConfig)
        return merged

    def require_settings(self, config: DictConfig) -> None:
        """Raises RunError where this run was begun with other settings than ``config``."""
        saved = _settings(self.read_config([]))
        given = _settings(OmegaConf.create(OmegaConf.to_yaml(config, resolve=True)))
        other = sorted(
            key for key in saved.keys() | given.keys() if saved.get(key) != given.get(key)
        )
        if other:
            raise RunError(
                f"resume={AUTO}: {self.config} has another {', '.join(other)}; resume={self.root} "
                "goes on with its settings, hydra.run.dir=DIR begins elsewhere"
            )

    def write_environment(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Save ``facts`` with what is known about software and machine."""
        known = {**_environment(), **facts}
        write_json(self.environment, known)
        return known


def _settings(config: DictConfig | ListConfig) -> dict[str, Any]:
    """By group, what makes a run what it is and stays when it is started again."""
    settings: Any = OmegaConf.to_container(config)
    settings.get("logger", {}).get("wandb", {}).pop("id", None)
    return {key: value for key, value in settings.items() if key not in ("resume", "sweep")}


def _moved(settings: Any, old: str, new: str) -> Any:
    """Settings with every path below the folder ``old`` told below ``new``."""
    if isinstance(settings, dict):
        return {key: _moved(value, old, new) for key, value in settings.items()}
    if isinstance(settings, list):
        return [_moved(value, old, new) for value in settings]
    if settings == old or str(settings).startswith(f"{old}{os.sep}"):
        return new + settings[len(old) :]
    return settings


def _environment() -> dict[str, Any]:
    return {
        "command": shlex.join(["python", "-m", "fidip.train", *sys.argv[1:]]),
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def _commit() -> str | None:
    """The commit of the checkout that this package lies in; None when installed."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the bytes of files in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write readable JSON, folders included.

    Raises:
        RunError: a number is NaN or infinite, for which JSON has no value. Nothing is written.
    """
    try:
        text = json.dumps(content, indent=2, allow_nan=False)
    except ValueError as error:
        field = next(_not_finite(content, ""), "a number")
        raise RunError(
            f"{path}: {field} is NaN or infinite; expected finite numbers. Look for a training that "
            "diverged or weights that are no numbers"
        ) from error
    write_text_whole(path, text + "\n")


def _not_finite(content: object, name: str) -> Iterator[str]:
    """The dotted names of all numbers that JSON has no value for."""
    if isinstance(content, float) and not math.isfinite(content):
        yield name
    if isinstance(content, Mapping):
        content = list(content.items())
    elif isinstance(content, list | tuple):
        content = list(enumerate(content))
    else:
        return
    for key, value in content:
        yield from _not_finite(value, f"{name}.{key}".lstrip("."))


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a (H, W, 3) uint8 RGB image in the format of the file's suffix, folders included."""
    data = encode_image(image, path.suffix.lower())
    write_whole(path, lambda file: file.write(data))
