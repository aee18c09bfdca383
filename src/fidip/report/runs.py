"""Run folders, read back: results and learning curves by experiment."""

from __future__ import annotations

import csv
import glob
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidip.errors import RunError


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        root: its folder.
        results: content of ``results.json``.
        environment: content of ``environment.json``.
        curves: rows of ``metrics.csv`` by column: (epoch, value) where the column has one.
    """

    root: Path
    results: dict[str, Any]
    environment: dict[str, Any]
    curves: dict[str, list[tuple[float, float]]]

    @property
    def experiment(self) -> str:
        return str(self.results["experiment"])

    @property
    def data_root(self) -> Path:
        """The folder of its data set."""
        return Path(self.environment.get("data_root", "unknown"))

    @property
    def test_json(self) -> Path:
        """The labels that it was tested on."""
        return Path(self.environment.get("test_json", ""))

    @property
    def test_images(self) -> Path:
        """The folder of the images that it was tested on."""
        return Path(self.environment.get("test_images", ""))


def read_runs(pattern: str, data_root: str | None = None) -> list[Run]:
    """The runs whose folders match a glob, by experiment and seed.

    Args:
        pattern: of the run folders.
        data_root: where the test data lies now; None for where the runs saw it.

    Raises:
        RunError: nothing matches, or a folder that matches holds no finished run.
    """
    folders = sorted(Path(f) for f in glob.glob(pattern, recursive=True) if Path(f).is_dir())
    folders = [f for f in folders if (f / "config.yaml").is_file()]
    if not folders:
        raise RunError(f"runs={pattern}: no run folder matches; a run folder holds config.yaml")
    runs = [_read(folder, data_root) for folder in folders]
    return sorted(runs, key=lambda run: (run.experiment, run.results["seed"]))


def _read(folder: Path, data_root: str | None) -> Run:
    results, environment = (_json(folder / f"{name}.json") for name in ("results", "environment"))
    if data_root is not None and "data_root" in environment:
        for key in ("test_json", "test_images", "data_root"):
            inside = os.path.relpath(environment[key], environment["data_root"])
            environment[key] = str(Path(data_root) / inside)
    return Run(folder, results, environment, _curves(folder))


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path.parent}: the run is not finished, it has no {path.name}") from None
    except ValueError as error:
        raise RunError(f"{path}: not JSON ({error}); evaluate the run again") from error
    if not isinstance(content, dict):
        raise RunError(f"{path}: expected an object; evaluate the run again")
    return content


def _curves(folder: Path) -> dict[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    path = folder / "metrics.csv"
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and name not in ("epoch", "step"):
                        curves.setdefault(name, []).append((float(row["epoch"] or 0), float(value)))
    return curves


def by_experiment(runs: list[Run]) -> dict[str, list[Run]]:
    """Runs grouped by experiment, in order of first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.experiment, []).append(run)
    return groups


def mean_and_spread(runs: list[Run], name: str) -> tuple[float, float] | None:
    """Mean and standard deviation over seeds of one of the ten numbers; None where n/a."""
    values = [run.results["metrics"][name] for run in runs]
    if any(value is None for value in values):
        return None
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
