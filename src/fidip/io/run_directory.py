"""What a run leaves on disk, and how it is found again."""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import json
import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fidip.core.errors import CheckpointError, RunError
from fidip.io.atomic import disk_errors, is_intact, require_folder, write_text_atomic
from fidip.io.json import write_json
from fidip.io.yaml import load_settings, parse_settings, to_yaml

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "timm", "albumentations", "numpy")

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""Environment variables that number the processes of one run; the first process has 0 in all."""

AUTO = "auto"
"""``resume=auto``: go on with the run of the same settings, if it has begun."""

WHERE_AND_HOW = ("resume", "overwrite", "sweep")
"""Settings that may differ when a run is started again."""


def run_directory_for(resume: str | None, runs: str, new: str, overrides: Sequence[str]) -> str:
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


def is_first_process() -> bool:
    """Whether this is the process of a run that writes its files; known before PyTorch is."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


@dataclass(frozen=True)
class RunDirectory:
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

    @property
    def own_files(self) -> list[Path]:
        """What training writes here, as far as it is there; a sweep's files are not among them."""
        checkpoints = (self.last, self.previous, self.best)
        tables = (self.environment, self.metrics, self.predictions, self.card, self.calibration)
        every = (self.results, self.config, *checkpoints, *tables, self.overlays)
        return [path for path in every if path.is_file()]

    @classmethod
    def of_checkpoint(cls, ckpt: str) -> RunDirectory | None:
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

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from this run; the others of the same run are let in.

        A POSIX record lock: it ends with the process, however that ends, and is not inherited by
        the workers of a data loader, which outlive a killed run by some seconds.

        Raises:
            RunError: another process has it.
            DiskError: the folder cannot be written to.
        """
        if not is_first_process():
            yield
            return
        path = self.root / ".lock"
        require_folder(self.root, str(self.root))
        with disk_errors(path):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = _lock(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # first, so that no other locks a file that then vanishes
            os.close(handle)

    def require_free(self, overwrite: bool) -> None:
        """Check that no other run is overwritten.

        Raises:
            RunError: there is one, and ``overwrite`` is false.
        """
        if overwrite or not self.own_files:
            return
        if self.results.is_file():
            raise RunError(
                f"{self.root}: a finished run is there; give another hydra.run.dir=DIR, or "
                "overwrite=true to replace it"
            )
        raise RunError(
            f"{self.root}: an unfinished run is there; continue it with resume={self.root}, or give "
            "another hydra.run.dir=DIR, or overwrite=true to replace it"
        )

    def require_not_begun(self, setting: str) -> None:
        """Check that no unfinished run lies here, which ``results.json`` would mark as finished.

        Args:
            setting: what names the folder, with the value, for the message.

        Raises:
            RunError: there is one.
        """
        has_begun = (self.config.is_file() and self.is_training) or self.job.is_file()
        if has_begun and not self.results.is_file():
            raise RunError(
                f"{setting}: an unfinished run is there, and results.json would mark it as finished; "
                "expected a folder without one. Choose another out=DIR"
            )

    def remove(self) -> None:
        """Remove the run's own files, ``results.json`` first."""
        for path in self.own_files:
            with disk_errors(path):
                path.unlink()

    def require_begun(self) -> None:
        """Raises RunError where there is no run to resume."""
        if not self.config.is_file():
            raise RunError(
                f"resume={self.root}: there is no run (no config.yaml); give the run directory of "
                "an interrupted run"
            )

    def what_is_kept(self) -> str:
        """One line for a run that has been interrupted: its checkpoint, and how to continue."""
        if self.results.is_file():
            return f"interrupted; the run is finished: {self.root}"
        if not self.config.is_file():
            return "interrupted before training started; nothing was written"
        kept = f"kept: {self.last}" if self.last.is_file() else "no checkpoint was written yet"
        return f"interrupted; {kept}; continue with: fidip train resume={self.root}"

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
        self.require_begun()
        found = [path for path in (self.last, self.previous) if path.is_file()]
        for path in found:
            if is_intact(path):
                return path
            print(f"{path} is torn, as after a crash of the machine: not used", file=sys.stderr)
        if found:
            raise RunError(
                f"resume={self.root}: no whole checkpoint there; remove it and start the run again"
            )
        return None

    def write_config(self, settings: Mapping[str, Any]) -> None:
        """Save the settings of the run.

        Args:
            settings: nested dictionaries and lists of plain values, without interpolations.

        Raises:
            DiskError: they cannot be written.
        """
        write_text_atomic(self.config, to_yaml(settings))

    def read_config(self) -> dict[str, Any]:
        """Return the settings of the run.

        Paths below the run directory are those below where it is now, even if it has been moved.

        Raises:
            DamagedRunError: the file holds anything but settings.
        """
        saved = load_settings(self.config)
        if "run_dir" in saved:
            saved = _moved(saved, saved["run_dir"], str(self.root.resolve()))
        return saved

    @property
    def is_training(self) -> bool:
        """Whether ``config.yaml`` is one of fidip train, not of another program."""
        data = self.read_config().get("data")
        return isinstance(data, dict) and "_target_" in data

    def require_settings(self, settings: Mapping[str, Any]) -> None:
        """Check that this run was begun with the same settings.

        Args:
            settings: as for ``write_config``.

        Raises:
            RunError: it was begun with others.
        """
        saved = _identity(self.read_config())
        given = _identity(parse_settings(to_yaml(settings)))
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


def _lock(path: Path) -> int:
    """Lock a file, made if need be; returns its open handle, which holds the lock."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                return handle  # a file system without locks
            holder = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise RunError(
                f"{path.parent}: another process works on this run ({holder}); wait until it ends, or "
                "give another hydra.run.dir=DIR"
            ) from error
        if _is_open_file(path, handle):
            break
        os.close(handle)  # its holder has just removed it
    with suppress(OSError):  # on a full disk
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return handle


def _is_open_file(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _identity(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the groups of settings that must not change when a run is started again."""
    wandb = settings.get("logger", {}).get("wandb")
    if isinstance(wandb, dict):
        wandb.pop("id", None)
    return {key: value for key, value in settings.items() if key not in WHERE_AND_HOW}


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
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
