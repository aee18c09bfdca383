"""Run folders, read back: results and learning curves by experiment."""

from __future__ import annotations

import csv
import glob
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import OmegaConf

from fidip.errors import RunError
from fidip.report.grid import Place, axes_of, gaps, label, read_settings


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        root: its folder.
        results: content of ``results.json``.
        environment: content of ``environment.json``.
        curves: rows of ``metrics.csv`` by column: (epoch, value) where the column has one.
        axes: the settings that differ between the runs of its experiment, by dotted key.
    """

    root: Path
    results: dict[str, Any]
    environment: dict[str, Any]
    curves: dict[str, list[tuple[float, float]]]
    axes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its experiment."""
        return str(self.results["experiment"])

    @property
    def experiment(self) -> str:
        """Of its experiment, with what was swept: what runs that differ in the seed alone share."""
        return label(self.name, self.axes)

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


class Found(NamedTuple):
    """What a glob matches.

    Attributes:
        runs: the finished ones, by experiment and seed.
        gaps: a line for every run that failed, is not finished, or is missing from the grid.
    """

    runs: list[Run]
    gaps: list[str]


def read_runs(pattern: str, data_root: str | None = None) -> Found:
    """The runs whose folders match a glob, by experiment and seed, and what is missing.

    Args:
        pattern: of the run folders.
        data_root: where the test data lies now; None for where the runs saw it.

    Raises:
        RunError: nothing matches, no run is finished, or a file of a run cannot be read.
    """
    folders = sorted({Path(f) for f in glob.glob(pattern, recursive=True) if Path(f).is_dir()})
    never = [_waiting(f) for f in folders if not _has(f, "config") and _has(f, "job", "json")]
    folders = [f for f in folders if _has(f, "config")]
    if not folders:
        raise RunError(f"runs={pattern}: no run folder matches; a run folder holds config.yaml")
    places = [_place(folder) for folder in folders]
    missing = [*gaps(places), *never]
    axes = axes_of(places)
    runs = [
        replace(
            _read(folder, data_root),
            axes={key: place.settings.get(key) for key in axes[place.name]},
        )
        for folder, place in zip(folders, places, strict=True)
        if place.state == "finished"
    ]
    if not runs:
        raise RunError(f"runs={pattern}: no run is finished; {'; '.join(missing)}")
    return Found(sorted(runs, key=lambda run: (run.experiment, run.results["seed"])), missing)


def _has(folder: Path, name: str, suffix: str = "yaml") -> bool:
    return (folder / f"{name}.{suffix}").is_file()


def _place(folder: Path) -> Place:
    config = read_settings(folder / "config.yaml")
    if _has(folder, "results", "json") and _has(folder, "environment", "json"):
        results = _json(folder / "results.json")
        return Place(str(results["experiment"]), int(results["seed"]), config)
    about: Any = OmegaConf.load(folder / "config.yaml")
    lacking = "environment" if _has(folder, "results", "json") else "results"
    state = f"not finished, {folder} has no {lacking}.json"
    if _has(folder, "pruned", "json"):
        state = f"pruned, {_json(folder / 'pruned.json').get('error')} ({folder})"
    if _has(folder, "failed", "json"):
        state = f"failed, {_json(folder / 'failed.json').get('error')} ({folder})"
    return Place(str(about.get("name")), int(about.get("seed") or 0), config, state)


def _waiting(folder: Path) -> str:
    overrides = " ".join(map(str, _json(folder / "job.json").get("overrides", [])))
    failed = folder / "failed.json"
    why = f"failed, {_json(failed).get('error')}" if failed.is_file() else "never started"
    return f"{overrides}: {why} ({folder})"


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
