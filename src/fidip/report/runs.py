"""Run directories, read back: results and learning curves by experiment."""

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
from fidip.report.grid import RunPosition, axes_of, gaps, label, settings_of, show
from fidip.report.results import Results
from fidip.report.run_files import (
    REPAIR,
    flatten,
    read_config,
    read_curves,
    read_environment,
    read_scores,
)

STARTED = "%Y-%m-%d_%H-%M-%S-%f"
"""How ``config.yaml`` writes when the run, or the sweep that it is a job of, was started."""


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
    results: Results
    environment: dict[str, Any]
    curves: dict[str, list[tuple[float, float]]]
    axes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its experiment."""
        return self.results.experiment

    @property
    def experiment(self) -> str:
        """Of its experiment, with what was swept: what runs that differ in the seed alone share."""
        return label(self.name, self.axes)

    @property
    def data(self) -> str:
        """The beginning of the hash of the annotation files that it was trained and tested on."""
        return str(self.environment.get("data_sha256") or "unknown")[:8]

    @property
    def data_root(self) -> Path:
        """The folder of its data set."""
        return Path(self.environment.get("data_root") or "unknown")

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
        runs: the finished ones, by experiment and seed; of several with the same settings and seed
            the newest.
        repeats: a line for every seed that has several runs, which are named, and for every
            experiment that is split because its runs have different annotations.
        gaps: a line for every run that failed, is damaged, unfinished, or missing from the grid.
        damaged: a line for every damaged file that keeps a run from being used.
    """

    runs: list[Run]
    repeats: list[str]
    gaps: list[str]
    damaged: list[str]


@dataclass(frozen=True)
class _Entry:
    """A run directory.

    Attributes:
        folder: the directory.
        config: its settings by dotted key.
        place: its place in the grid.
        run: its contents, if it is finished and whole.
        damage: the message on its damaged file, or empty.
    """

    folder: Path
    config: dict[str, Any]
    place: RunPosition
    run: Run | None = None
    damage: str = ""


def read_runs(pattern: str, data_root: str | None = None) -> Found:
    """The runs whose directories match a glob, by experiment and seed, and what is missing.

    Args:
        pattern: of the run directories.
        data_root: where the test data lies now; None for where the runs saw it.

    Raises:
        RunError: nothing matches, or no run is finished and whole.
    """
    folders, never = _folders(pattern)
    entries, damaged = [], []
    for folder in folders:
        try:
            entries.append(_entry(folder, data_root))
        except DamagedRunError as error:
            damaged.append(str(error))
    damaged += [entry.damage for entry in entries if entry.damage]
    missing = [*gaps([entry.place for entry in entries]), *never]
    runs, repeats = _newest(entries)
    if not runs:
        raise RunError(f"runs={pattern}: no run is finished; {'; '.join([*damaged, *missing])}")
    runs.sort(key=lambda run: (run.experiment, run.results.seed))
    return Found(runs, repeats, missing, damaged)


def _folders(pattern: str) -> tuple[list[Path], list[str]]:
    """The run directories that a glob matches, each once, and a line for every job without one."""
    found = glob.glob(pattern, recursive=True) or [pattern]  # a name may have brackets
    paths = {os.path.realpath(path): Path(path) for path in sorted(found, reverse=True)}
    folders = sorted(path for path in paths.values() if path.is_dir())
    never = [_waiting(f) for f in folders if not _has(f, "config") and _has(f, "job", "json")]
    folders = [folder for folder in folders if _has(folder, "config")]
    if not folders:
        files = "; it matches files" if any(path.is_file() for path in paths.values()) else ""
        raise RunError(
            f"runs={pattern}: no run directory matches{files}; expected a glob of directories that "
            "hold config.yaml"
        )
    return folders, never


def _has(folder: Path, name: str, suffix: str = "yaml") -> bool:
    return (folder / f"{name}.{suffix}").is_file()


def _entry(folder: Path, data_root: str | None) -> _Entry:
    """A run directory, its files read and checked.

    Raises:
        DamagedRunError: its ``config.yaml`` is damaged, so that its place is unknown.
    """
    config = flatten(read_config(folder / "config.yaml"))
    settings = settings_of(config)
    name, seed = show(config.get("name", folder.name)), config.get("seed")
    place = RunPosition(name, seed if type(seed) is int else 0, settings, _state(folder))
    if place.state != "finished":
        return _Entry(folder, config, place)
    try:
        run = _read(folder, data_root)
    except DamagedRunError as error:
        return _Entry(folder, config, place._replace(state=f"damaged ({folder})"), None, str(error))
    place = place._replace(name=run.name, seed=run.results.seed)
    return _Entry(folder, config, place, run)


def _state(folder: Path) -> str:
    """``finished``, or why a run is not."""
    has_results = _has(folder, "results", "json")
    if has_results and _has(folder, "environment", "json"):
        return "finished"
    for state in ("failed", "pruned"):
        if _has(folder, state, "json"):
            return f"{state}, {_reason(folder / f'{state}.json')} ({folder})"
    lacking = "environment" if has_results else "results"
    return f"not finished, {folder} has no {lacking}.json"


def _waiting(folder: Path) -> str:
    failed = folder / "failed.json"
    why = f"failed, {_reason(failed)}" if failed.is_file() else "never started"
    try:
        overrides = read_object(folder / "job.json", REPAIR).get("overrides")
    except DataError as error:
        return f"{why}: {error}"
    listed = overrides if isinstance(overrides, list) else []
    return f"{' '.join(map(show, listed))}: {why} ({folder})"


def _reason(path: Path) -> str:
    """The error that a failed or pruned job left, in one line."""
    try:
        return " ".join(show(read_object(path, REPAIR).get("error")).split())
    except DataError as error:
        return f"unknown why: {error}"


def _read(folder: Path, data_root: str | None) -> Run:
    """A finished run.

    Raises:
        DamagedRunError: one of its files is damaged.
    """
    results = read_scores(folder / "results.json")
    environment = read_environment(folder / "environment.json")
    before = environment.get("data_root")
    if data_root is not None and before:
        for key in ("test_json", "test_images", "data_root"):
            inside = os.path.relpath(environment.get(key) or before, before)
            environment[key] = str(Path(data_root) / inside)
    return Run(folder, results, environment, read_curves(folder / "metrics.csv"))


def _newest(entries: list[_Entry]) -> tuple[list[Run], list[str]]:
    """The newest run of every seed of every experiment, and a line for seeds with several."""
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
    """Every finished run with the settings that were swept."""
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
    """Keep runs of equal settings apart that have different annotations; a line for each experiment.

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
        f"different annotations, compared as {len(hashes)} experiments: {name}: its runs have equal "
        f"settings, but data_sha256 in environment.json is {', '.join(sorted(hashes))}"
        for name, hashes in data.items()
        if len(hashes) > 1
    ]
    return apart, lines


def _age(entry: _Entry) -> tuple[float, float, str]:
    """What sorts runs from old to new: when they started, ended, and their directories' names.

    ``config.yaml`` has the start; where it does not, the end counts, which is when ``results.json``
    was written.
    """
    end = (entry.folder / "results.json").stat().st_mtime
    try:
        start = datetime.strptime(str(entry.config.get("sweep.started")), STARTED).timestamp()
    except (ValueError, OverflowError):
        start = end
    return start, end, str(entry.folder)


def by_experiment(runs: list[Run]) -> dict[str, list[Run]]:
    """Runs grouped by experiment, in order of first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.experiment, []).append(run)
    return groups


def mean_and_spread(runs: list[Run], name: str) -> tuple[float, float] | None:
    """Mean and standard deviation over seeds of one of the ten numbers; None where n/a."""
    values = [value for run in runs if (value := run.results.metrics[name]) is not None]
    if len(values) < len(runs):
        return None
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
