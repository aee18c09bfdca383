"""Runs as cells of a grid: experiment by what was swept, and seeds in every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

NOISE = [
    "name",
    "group",
    "seed",
    "data.seed",
    "run_dir",
    "resume",
    "overwrite",
    "data.root",
    "data.num_workers",
    "allow_leakage",
    "allow_partial",
    "allow_targets",
    "callbacks.checkpoints.folder",
    "callbacks.checkpoints.every_minutes",
    "callbacks.checkpoints.max_requeues",
    "trainer.default_root_dir",
    "trainer.enable_model_summary",
    "trainer.enable_progress_bar",
    "trainer.log_every_n_steps",
]
"""Settings that cannot change a result, and the seeds: runs that differ only in them are alike."""
NOISY_GROUPS = ("logger.", "callbacks.progress.", "callbacks.pruning.", "sweep.", "hydra.")
FULL = 0.5
"""A grid with fewer cells was searched, not swept: its other cells are not missing."""

Cell = tuple[Any, ...]


class RunPosition(NamedTuple):
    """Where a run belongs.

    Attributes:
        name: of its experiment.
        seed: of it.
        settings: by dotted key.
        state: ``finished``, or why it is not.
    """

    name: str
    seed: int
    settings: dict[str, Any]
    state: str = "finished"


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings by dotted key that can make a difference."""
    return {
        key: value
        for key, value in config.items()
        if key not in NOISE and not f"{key}.".startswith(NOISY_GROUPS)
    }


def swept(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values differ, one for all that differ together, by their shortest name.

    ``optimizer.lr=`` changes ``scheduler.max_lr`` and ``task.optimizer.lr``, too; ``net=`` changes many.
    """
    keys = sorted({key for one in settings for key in one}, key=lambda k: (k.count("."), len(k), k))
    axes: dict[tuple[int, ...], str] = {}
    for key in keys:
        values = [repr(one.get(key)) for one in settings]
        pattern = tuple(values.index(value) for value in values)
        if len(set(values)) > 1:
            axes.setdefault(pattern, key)
    return list(axes.values())


def axes_of(places: Sequence[RunPosition]) -> dict[str, list[str]]:
    """By experiment, the settings that were swept."""
    names = dict.fromkeys(place.name for place in places)
    return {name: swept([p.settings for p in places if p.name == name]) for name in names}


def label(name: str, axes: Mapping[str, Any]) -> str:
    """An experiment and its place on the axes: ``fidip_demo, adversarial_weight=0.001``."""
    parts = [f"{axis.rpartition('.')[2]}={show(value)}" for axis, value in axes.items()]
    return ", ".join([name, *parts])


def show(value: Any) -> str:
    """A setting as on the command line, in one line."""
    text = "null" if value is None else str(value)
    return text if text.isprintable() else repr(text)


def gaps(places: Sequence[RunPosition]) -> list[str]:
    """A line for every run of the grid that failed, is not finished, or is not there."""
    lines = []
    for name, axes in axes_of(places).items():
        mine = [place for place in places if place.name == name]
        known: dict[tuple[Cell, int], str] = {}
        for place in mine:
            key = (tuple(place.settings.get(axis) for axis in axes), place.seed)
            if known.get(key) != "finished":  # run again with success counts
                known[key] = place.state
        seeds = sorted({place.seed for place in mine})
        for key in product(_cells([cell for cell, _ in known]), seeds):
            state = known.get(key, "no run")
            if state != "finished":
                cell, seed = key
                named = dict(zip(axes, cell, strict=True))
                lines.append(f"{label(name, named)}, seed {seed}: {state}")
    return lines


def _cells(found: list[Cell]) -> list[Cell]:
    found = list(dict.fromkeys(found))
    columns = [list(dict.fromkeys(column)) for column in zip(*found, strict=True)]
    grid = list(product(*columns))
    return grid if len(found) >= FULL * len(grid) else found
