"""Finished run directories: results and learning curves by experiment."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fidip.core.errors import DamagedRunError, DataError, RunError
from fidip.io.json import read_object
from fidip.io.run_directory import RunDirectory
from fidip.metrics.results import Results
from fidip.report.grid import (
    RunPosition,
    axes_of,
    label,
    missing_runs,
    result_settings,
    shown_setting,
)
from fidip.report.run_files import (
    REPAIR,
    flatten,
    read_curves,
    read_environment,
    read_plain_config,
    read_scores,
)

STARTED = "%Y-%m-%d_%H-%M-%S-%f"
"""Format of the start time, of a run or its sweep, in ``config.yaml``."""


@dataclass(frozen=True)
class Run:
    """Finished run.

    Attributes:
        root: its run directory.
        results: content of ``results.json``.
        environment: content of ``environment.json``.
        curves: (epoch, value) pairs by column of ``metrics.csv``.
        axes: settings that differ between the runs of its experiment, by dotted key.
    """

    root: Path
    results: Results
    environment: dict[str, Any]
    curves: dict[str, list[tuple[float, float]]]
    axes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.results.experiment

    @property
    def experiment(self) -> str:
        """Name of the experiment and swept settings; the same for all seeds."""
        return label(self.name, self.axes)

    @property
    def data(self) -> str:
        """First digits of the hash of the annotation files for training and test."""
        return str(self.environment.get("data_sha256") or "unknown")[:8]

    @property
    def data_root(self) -> Path:
        """Folder of the dataset."""
        return Path(self.environment.get("data_root") or "unknown")

    @property
    def test_json(self) -> Path:
        """Annotation file of the test."""
        return Path(self.environment.get("test_json", ""))

    @property
    def test_images(self) -> Path:
        """Folder of the test images."""
        return Path(self.environment.get("test_images", ""))


class FoundRuns(NamedTuple):
    """Runs that match a glob.

    Attributes:
        runs: finished runs by experiment and seed; the newest of several with the same settings and
            seed.
        repeats: a line for each seed with several runs, and for each experiment that is split
            because its runs have different annotations.
        gaps: a line for each run that failed, is damaged, unfinished, or missing from the grid.
        damaged: a line for each damaged file that prevents the use of a run.
    """

    runs: list[Run]
    repeats: list[str]
    gaps: list[str]
    damaged: list[str]


@dataclass(frozen=True)
class _Entry:
    """Position of a run directory in the grid, and its content.

    Attributes:
        files: the directory.
        config: its settings by dotted key.
        place: its position in the grid.
        run: its content, if it is finished and intact.
        damage: message about its damaged file, or empty.
    """

    files: RunDirectory
    config: dict[str, Any]
    place: RunPosition
    run: Run | None = None
    damage: str = ""


def read_runs(pattern: str, data_root: str | None = None) -> FoundRuns:
    """Read the runs whose directories match a glob, and list those that are missing.

    Args:
        pattern: glob of run directories.
        data_root: present folder of the test data; None for the folder that the runs used.

    Returns:
        The runs by experiment and seed, and lines about missing ones.

    Raises:
        RunError: nothing matches, or no run is finished and intact.
    """
    found, never = _directories(pattern)
    entries, damaged = [], []
    for files in found:
        try:
            entries.append(_entry(files, data_root))
        except DamagedRunError as error:
            damaged.append(str(error))
    damaged += [entry.damage for entry in entries if entry.damage]
    missing = [*missing_runs([entry.place for entry in entries]), *never]
    runs, repeats = _newest(entries)
    if not runs:
        raise RunError(f"runs={pattern}: no run is finished; {'; '.join([*damaged, *missing])}")
    runs.sort(key=lambda run: (run.experiment, run.results.seed))
    return FoundRuns(runs, repeats, missing, damaged)


def _directories(pattern: str) -> tuple[list[RunDirectory], list[str]]:
    """Return the run directories that match a glob, and a line for each job without one."""
    found = glob.glob(pattern, recursive=True) or [pattern]  # a name may have brackets
    paths = {os.path.realpath(path): Path(path) for path in sorted(found, reverse=True)}
    folders = [RunDirectory(path) for path in sorted(paths.values()) if path.is_dir()]
    begun = [files for files in folders if files.config.is_file()]
    never = [_waiting(f) for f in folders if f.job.is_file() and not f.config.is_file()]
    if not begun:
        files = "; it matches files" if any(path.is_file() for path in paths.values()) else ""
        raise RunError(
            f"runs={pattern}: no run directory matches{files}; expected a glob of directories that "
            "hold config.yaml"
        )
    return begun, never


def _entry(files: RunDirectory, data_root: str | None) -> _Entry:
    """Read and check a run directory.

    Raises:
        DamagedRunError: ``config.yaml`` is damaged, so that the position in the grid is unknown.
    """
    config = flatten(read_plain_config(files.config))
    settings = result_settings(config)
    name, seed = shown_setting(config.get("name", files.root.name)), config.get("seed")
    place = RunPosition(name, seed if type(seed) is int else 0, settings, _state(files))
    if place.state != "finished":
        return _Entry(files, config, place)
    try:
        run = _read(files, data_root)
    except DamagedRunError as error:
        place = place._replace(state=f"damaged ({files.root})")
        return _Entry(files, config, place, None, str(error))
    place = place._replace(name=run.name, seed=run.results.seed)
    return _Entry(files, config, place, run)


def _state(files: RunDirectory) -> str:
    """Return ``finished``, or why a run is not."""
    missing = [path for path in (files.results, files.environment) if not path.is_file()]
    if not missing:
        return "finished"
    for path in (files.failed, files.pruned):
        if path.is_file():
            return f"{path.stem}, {_reason(path)} ({files.root})"
    return f"not finished, {files.root} has no {missing[0].name}"


def _waiting(files: RunDirectory) -> str:
    """Return a line about a job of a sweep that has no run."""
    why = f"failed, {_reason(files.failed)}" if files.failed.is_file() else "never started"
    try:
        overrides = read_object(files.job, REPAIR).get("overrides")
    except DataError as error:
        return f"{why}: {error}"
    listed = overrides if isinstance(overrides, list) else []
    return f"{' '.join(map(shown_setting, listed))}: {why} ({files.root})"


def _reason(path: Path) -> str:
    """Return the error of a failed or pruned job in one line."""
    try:
        return " ".join(shown_setting(read_object(path, REPAIR).get("error")).split())
    except DataError as error:
        return f"unknown why: {error}"


def _read(files: RunDirectory, data_root: str | None) -> Run:
    """Read a finished run.

    Raises:
        DamagedRunError: one of its files is damaged.
    """
    results = read_scores(files.results)
    environment = read_environment(files.environment)
    before = environment.get("data_root")
    if data_root is not None and before:
        for key in ("test_json", "test_images", "data_root"):
            inside = os.path.relpath(environment.get(key) or before, before)
            environment[key] = str(Path(data_root) / inside)
    return Run(files.root, results, environment, read_curves(files.metrics))


def _newest(entries: list[_Entry]) -> tuple[list[Run], list[str]]:
    """Return the newest run of each seed and experiment, and a line for seeds with several runs."""
    pairs, lines = _split_by_data(_finished(entries))
    seeds: dict[tuple[Any, ...], list[tuple[_Entry, Run]]] = {}
    for entry, run in pairs:
        seed = entry.place.seed
        key = (run.experiment, seed, repr(entry.config.get("data.seed", seed)))
        seeds.setdefault(key, []).append((entry, run))
    runs = []
    for (experiment, seed, _), group in seeds.items():
        *older, (_, newest) = sorted(group, key=lambda pair: _age(pair[0]))
        runs.append(newest)
        if older:
            names = ", ".join(str(run.root) for _, run in older)
            lines.append(
                f"repeats of one seed, not counted: {experiment}, seed {seed}: {names}; "
                f"the newest counts: {newest.root}"
            )
    return runs, lines


def _finished(entries: list[_Entry]) -> list[tuple[_Entry, Run]]:
    """Return all finished runs with their swept settings."""
    axes = axes_of([entry.place for entry in entries])
    return [
        (
            entry,
            replace(
                entry.run, axes={k: entry.place.settings.get(k) for k in axes[entry.place.name]}
            ),
        )
        for entry in entries
        if entry.run is not None
    ]


def _split_by_data(pairs: list[tuple[_Entry, Run]]) -> tuple[list[tuple[_Entry, Run]], list[str]]:
    """Separate runs of equal settings with different annotations; also return a line for each case.

    ``environment.json`` has the hash of the annotation files; the settings have only their names.
    """
    data: dict[str, set[str]] = {}
    for _, run in pairs:
        data.setdefault(run.experiment, set()).add(run.data)
    apart = [
        (entry, replace(run, axes={**run.axes, "data_sha256": run.data}))
        if len(data[run.experiment]) > 1
        else (entry, run)
        for entry, run in pairs
    ]
    lines = [
        f"different annotations, compared as {len(hashes)} experiments: {name}: its runs have "
        f"equal settings, but data_sha256 in environment.json is {', '.join(sorted(hashes))}"
        for name, hashes in data.items()
        if len(hashes) > 1
    ]
    return apart, lines


def _age(entry: _Entry) -> tuple[float, float, str]:
    """Return a sort key from old to new: start time, end time and name of the directory.

    The start is in ``config.yaml``; if it is missing, the end is used, when ``results.json`` was
    written.
    """
    end = entry.files.results.stat().st_mtime
    try:
        start = datetime.strptime(str(entry.config.get("sweep.started")), STARTED).timestamp()
    except (ValueError, OverflowError):
        start = end
    return start, end, str(entry.files.root)


def by_experiment(runs: list[Run]) -> dict[str, list[Run]]:
    """Group runs by experiment, in order of first appearance.

    Args:
        runs: the runs.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.experiment, []).append(run)
    return groups


def mean_and_spread(runs: list[Run], name: str) -> tuple[float, float] | None:
    """Return mean and standard deviation of a metric over seeds; None if it is not available.

    Args:
        runs: the seeds of an experiment.
        name: one of the ten COCO metrics.
    """
    values = [value for run in runs if (value := run.results.metrics[name]) is not None]
    if len(values) < len(runs):
        return None
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def kept(group: list[Run]) -> float | None:
    """Return the mean AP on the pretraining data, as a fraction of that before training.

    Args:
        group: the seeds of an experiment.

    Returns:
        The fraction; None if it was not measured in all runs, or was 0 before.
    """
    tests = [run.results.source or {} for run in group]
    if not all(test.get("AP_before") for test in tests):
        return None
    return float(sum(test["AP"] for test in tests) / sum(test["AP_before"] for test in tests))
