"""Grid of runs: experiments by swept settings, with seeds in each cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

UNCOUNTED = [
    "name",
    "group",
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
"""Settings that cannot change a result; runs that differ only in them and in seeds share a cell."""
NOISY_GROUPS = ("logger.", "callbacks.progress.", "callbacks.pruning.", "sweep.", "hydra.")
LEAST_FILLED = 0.5
"""Fraction of cells below which a grid was searched, so that its other cells are not missing."""

Cell = tuple[Any, ...]


class RunPosition(NamedTuple):
    """Position of a run in the grid.

    Attributes:
        name: name of the experiment.
        seed: seed of the run.
        settings: settings by dotted key.
        state: ``finished``, or why the run is not.
    """

    name: str
    seed: int
    settings: dict[str, Any]
    state: str = "finished"


def result_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that can change a result.

    Args:
        config: settings by dotted key.

    Example:
        >>> result_settings({"seed": 1, "method.seed": 1, "optimizer.lr": 0.1})
        {'optimizer.lr': 0.1}
    """
    return {
        key: value
        for key, value in config.items()
        if key not in UNCOUNTED
        and not f"{key}.".startswith(NOISY_GROUPS)
        and key.rpartition(".")[2] != "seed"  # of the run, of its data, and of its method
    }


def swept(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of settings that differ; of keys that differ together, the shortest.

    For example, ``optimizer.lr=`` also changes ``scheduler.max_lr``, and ``net=`` changes many
    keys.

    Args:
        settings: settings of the runs by dotted key.

    Example:
        >>> swept([{"lr": 0.1, "scheduler.max_lr": 0.1}, {"lr": 0.2, "scheduler.max_lr": 0.2}])
        ['lr']
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
    """Return the swept settings by experiment.

    Settings that follow the seed are not among them, see ``follows_seed``.

    Args:
        places: positions of all runs.

    Example:
        >>> axes_of([RunPosition("a", lr, {"lr": lr, "ckpt": f"runs/{lr}"}) for lr in (0, 1)])
        {'a': ['lr']}
    """
    experiments: dict[str, list[RunPosition]] = {}
    for place in places:
        experiments.setdefault(place.name, []).append(place)
    return {name: swept(_own_settings(group)) for name, group in experiments.items()}


def _own_settings(places: Sequence[RunPosition]) -> list[dict[str, Any]]:
    """Return the settings of each run of an experiment without those that follow the seed."""
    seeds = [place.seed for place in places]
    keys = {key for place in places for key in place.settings}
    following = {k for k in keys if follows_seed([p.settings.get(k) for p in places], seeds)}
    return [{k: v for k, v in place.settings.items() if k not in following} for place in places]


def follows_seed(values: Sequence[Any], seeds: Sequence[int]) -> bool:
    """Return whether a setting differs between runs by their seeds only.

    Such a setting has the seed in it, as ``ckpt=runs/${seed}`` has, which starts every seed from
    other weights.

    Args:
        values: the setting of each run.
        seeds: the seed of each run.

    Example:
        >>> follows_seed(["runs/1", "runs/2"], [1, 2]), follows_seed(["runs/1", "runs/2"], [1, 1])
        (True, False)
    """
    templates = set()
    for value, seed in zip(values, seeds, strict=True):
        if not isinstance(value, str):
            return False
        template, count = re.subn(rf"(?<!\d){seed}(?!\d)", "${seed}", value)
        if not count:
            return False
        templates.add(template)
    return len(templates) == 1


def label(name: str, axes: Mapping[str, Any]) -> str:
    """Return the name of an experiment with its swept settings.

    Args:
        name: name of the experiment.
        axes: swept settings by dotted key.

    Example:
        >>> label("fidip_demo", {"method.adversarial_weight": 0.001})
        'fidip_demo, adversarial_weight=0.001'
    """
    parts = [f"{axis.rpartition('.')[2]}={shown_setting(value)}" for axis, value in axes.items()]
    return ", ".join([name, *parts])


def shown_setting(value: Any) -> str:
    """Return a setting in one line, as on the command line.

    Args:
        value: the setting.

    Example:
        >>> shown_setting(None), shown_setting([1, 2])
        ('null', '[1, 2]')
    """
    text = "null" if value is None else str(value)
    return text if text.isprintable() else repr(text)


def missing_runs(places: Sequence[RunPosition]) -> list[str]:
    """Return a line for each run of the grid that failed, is not finished or does not exist.

    Args:
        places: positions of all runs.
    """
    lines = []
    for name, axes in axes_of(places).items():
        mine = [place for place in places if place.name == name]
        known: dict[tuple[Cell, int], str] = {}
        for place in mine:
            key = (tuple(place.settings.get(axis) for axis in axes), place.seed)
            if known.get(key) != "finished":  # a successful repeat replaces a failure
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
    return grid if len(found) >= LEAST_FILLED * len(grid) else found
