"""Run directories: the files of a training run."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fidip.core.errors import CheckpointError, RunError
from fidip.io.atomic import disk_errors, is_intact, require_folder, write_text_atomic
from fidip.io.environment import environment
from fidip.io.json import write_json
from fidip.io.locks import lock
from fidip.io.processes import is_first_process
from fidip.io.run_settings import AUTO, comparable_settings, relocated
from fidip.io.yaml import load_settings, parse_settings, to_yaml

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunDirectory:
    """Files of a training run below ``root``."""

    root: Path

    @property
    def config(self) -> Path:
        """Settings of the run."""
        return self.root / "config.yaml"

    @property
    def environment(self) -> Path:
        """Command, commit, and versions of software and machine."""
        return self.root / "environment.json"

    @property
    def results(self) -> Path:
        """Scores of a finished run."""
        return self.root / "results.json"

    @property
    def job(self) -> Path:
        """Settings of the job if the run belongs to a sweep."""
        return self.root / "job.json"

    @property
    def failed(self) -> Path:
        """Error of a sweep's job that failed."""
        return self.root / "failed.json"

    @property
    def pruned(self) -> Path:
        """Reason why a search stopped the run early."""
        return self.root / "pruned.json"

    @property
    def metrics(self) -> Path:
        """Losses and validation scores of each epoch."""
        return self.root / "metrics.csv"

    @property
    def predictions(self) -> Path:
        """Predicted people of the test split, in COCO's format for results."""
        return self.root / "predictions.json"

    @property
    def card(self) -> Path:
        """Description of the model for its users."""
        return self.root / "model_card.md"

    @property
    def calibration(self) -> Path:
        """Map from keypoint scores to probabilities, fitted on validation images."""
        return self.root / "calibration.json"

    @property
    def last(self) -> Path:
        """Checkpoint from which the run is resumed."""
        return self.root / "checkpoints" / "last.ckpt"

    @property
    def previous(self) -> Path:
        """Checkpoint before ``last.ckpt``, used if that one is damaged."""
        return self.root / "checkpoints" / "previous.ckpt"

    @property
    def best(self) -> Path:
        """Checkpoint with the highest validation score; missing without validation."""
        return self.root / "checkpoints" / "best.ckpt"

    @property
    def overlays(self) -> Path:
        """Test images with predicted and labelled skeletons."""
        return self.root / "figures" / "overlays.png"

    @property
    def own_files(self) -> list[Path]:
        """Existing files written by training, without those of a sweep."""
        checkpoints = (self.last, self.previous, self.best)
        tables = (self.environment, self.metrics, self.predictions, self.card, self.calibration)
        every = (self.results, self.config, *checkpoints, *tables, self.overlays)
        return [path for path in every if path.is_file()]

    @classmethod
    def of_checkpoint(cls, ckpt: str) -> RunDirectory | None:
        """Return the run that a run directory or a checkpoint in it belongs to, if any.

        Args:
            ckpt: path of a run directory or checkpoint.
        """
        path = Path(ckpt)
        for root in (path, path.parent, path.parent.parent):
            if os.path.isfile(root / "config.yaml"):  # False for invalid names, too
                return cls(root)
        return None

    def weights(self) -> Path:
        """Return the checkpoint to test: the best one on validation data, or else the last one.

        Raises:
            CheckpointError: there is no checkpoint.
        """
        for path in (self.best, self.last):
            if path.is_file():
                return path
        raise CheckpointError(f"{self.root}/checkpoints has neither best.ckpt nor last.ckpt")

    def best_score(self) -> float | None:
        """Return the highest validation AP so far; None without validation."""
        if not self.metrics.is_file():
            return None
        with self.metrics.open(newline="", encoding="utf-8") as file:
            scores = [float(row["val/AP"]) for row in csv.DictReader(file) if row.get("val/AP")]
        return max(scores, default=None)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock this run against other processes; all processes of the same run may enter.

        The lock is a POSIX record lock. It ends with the process in any case, and is not inherited
        by data loader workers, which may outlive a killed run by some seconds.

        Raises:
            RunError: another process has locked the run.
            DiskError: the directory cannot be written to.
        """
        if not is_first_process():
            yield
            return
        path = self.root / ".lock"
        require_folder(self.root, str(self.root))
        with disk_errors(path):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = lock(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # before closing, so that no process locks a deleted file
            os.close(handle)

    def require_free(self, overwrite: bool) -> None:
        """Check that no other run is overwritten.

        Args:
            overwrite: accept an existing run.

        Raises:
            RunError: there is a run, and ``overwrite`` is false.
        """
        if overwrite or not self.own_files:
            return
        if self.results.is_file():
            raise RunError(
                f"{self.root}: a finished run is there; give another hydra.run.dir=DIR, or "
                "overwrite=true to replace it"
            )
        raise RunError(
            f"{self.root}: an unfinished run is there; continue it with resume={self.root}, or "
            "give another hydra.run.dir=DIR, or overwrite=true to replace it"
        )

    def require_not_begun(self, setting: str) -> None:
        """Check that there is no unfinished run, which ``results.json`` would mark as finished.

        Args:
            setting: setting with its value that names the directory, for the message.

        Raises:
            RunError: there is an unfinished run.
        """
        has_begun = (self.config.is_file() and self.is_training) or self.job.is_file()
        if has_begun and not self.results.is_file():
            raise RunError(
                f"{setting}: an unfinished run is there, and results.json would mark it as "
                "finished; expected a folder without one. Choose another out=DIR"
            )

    def remove(self) -> None:
        """Remove the files written by training, ``results.json`` first."""
        for path in self.own_files:
            with disk_errors(path):
                path.unlink()

    def require_begun(self) -> None:
        """Check that there is a run to resume.

        Raises:
            RunError: there is no ``config.yaml``.
        """
        if not self.config.is_file():
            raise RunError(
                f"resume={self.root}: there is no run (no config.yaml); give the run directory of "
                "an interrupted run"
            )

    def what_is_kept(self) -> str:
        """Return a line about an interrupted run: its checkpoint, and how to continue."""
        if self.results.is_file():
            return f"interrupted; the run is finished: {self.root}"
        if not self.config.is_file():
            return "interrupted before training started; nothing was written"
        kept = f"kept: {self.last}" if self.last.is_file() else "no checkpoint was written yet"
        return f"interrupted; {kept}; continue with: fidip train resume={self.root}"

    def to_resume(self) -> Path | None:
        """Return the last intact checkpoint; None if the run has not written one yet.

        Raises:
            RunError: there is no run, it is finished, or all of its checkpoints are damaged.
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
            log.warning("%s is torn, as after a crash of the machine: not used", path)
        if found:
            raise RunError(
                f"resume={self.root}: no whole checkpoint there; remove it and start the run again"
            )
        return None

    def write_config(self, settings: Mapping[str, Any]) -> None:
        """Write the settings of the run.

        Args:
            settings: nested dictionaries and lists of plain values, without interpolations.

        Raises:
            DiskError: the file cannot be written.
        """
        write_text_atomic(self.config, to_yaml(settings))

    def read_config(self) -> dict[str, Any]:
        """Read the settings of the run.

        If the run directory has been moved, paths below it are adapted.

        Returns:
            Nested dictionaries and lists of plain values.

        Raises:
            DamagedRunError: the file contains anything but settings.
        """
        return self._in_place(load_settings(self.config))

    def _in_place(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings with the absolute path of this folder as the run directory."""
        if "run_dir" not in settings:
            return settings
        adapted: dict[str, Any] = relocated(settings, settings["run_dir"], str(self.root.resolve()))
        return adapted

    @property
    def is_training(self) -> bool:
        """Whether ``config.yaml`` was written by ``fidip train``."""
        data = self.read_config().get("data")
        return isinstance(data, dict) and "_target_" in data

    def require_settings(self, settings: Mapping[str, Any]) -> None:
        """Check that this run was started with the same settings.

        Args:
            settings: as for ``write_config``.

        Raises:
            RunError: the settings differ.
        """
        saved = comparable_settings(self.read_config())
        given = comparable_settings(self._in_place(parse_settings(to_yaml(settings))))
        other = sorted(
            key for key in saved.keys() | given.keys() if saved.get(key) != given.get(key)
        )
        if other:
            raise RunError(
                f"resume={AUTO}: {self.config} has another {', '.join(other)}; resume={self.root} "
                "goes on with its settings, hydra.run.dir=DIR begins elsewhere"
            )

    def write_environment(self, command: str | None, facts: dict[str, Any]) -> dict[str, Any]:
        """Write facts about the run, and the versions of software and machine.

        Args:
            command: name of the running command, such as ``train``; None for a script.
            facts: facts by name.

        Returns:
            All facts that were written.
        """
        known = {**environment(command), **facts}
        write_json(self.environment, known)
        return known
