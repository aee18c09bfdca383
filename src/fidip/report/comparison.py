"""What can be said across the seeds of experiments, and between experiments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tqdm import tqdm

from fidip.errors import ConfigError, FidipError, RunError
from fidip.metrics import Difference, Experiment, Interval, Matches, compare_experiments
from fidip.report.runs import Run, by_experiment

PATIENCE = 2
"""Seconds after which a progress bar shows."""


class Tested(NamedTuple):
    """A run's predictions, matched to its test labels; runs with equal labels can be compared."""

    labels: str
    matches: Matches


@dataclass(frozen=True)
class Comparison:
    """Intervals and differences, as far as the runs allow.

    Attributes:
        against: the experiment that the others are compared with.
        intervals: by experiment, of the ten numbers' means over seeds, over seeds and images.
        differences: by experiment, of the ten numbers to those of ``against``.
        problems: a line for each reason why something is missing.
    """

    against: str
    intervals: dict[str, dict[str, Interval | None]]
    differences: dict[str, dict[str, Difference | None]]
    problems: list[str]


def compare_runs(
    runs: list[Run],
    match: Callable[[Run], Tested],
    against: str | None,
    rounds: int,
) -> Comparison:
    """Compare experiments with one of them.

    Args:
        runs: one or more seeds of every experiment.
        match: a run's predictions against its labels; raises FidipError where it cannot.
        against: the experiment to compare with; None for the first.
        rounds: of the bootstrap and of the permutation test.

    Raises:
        ConfigError: ``against`` is not among the experiments.
    """
    groups = by_experiment(runs)
    against = against or next(iter(groups))
    if against not in groups:
        raise ConfigError(f"against={against}: no run of that name; there are {', '.join(groups)}")
    bar = tqdm(total=2 * len(groups) - 1, delay=PATIENCE, disable=None, leave=False)
    labels: dict[str, str] = {}
    experiments: dict[str, Experiment] = {}
    problems: dict[str, list[str]] = {}
    for name, group in groups.items():
        bar.set_description(name, refresh=False)
        try:
            labels[name], experiments[name] = _read(group, match, rounds)
        except FidipError as error:
            problems.setdefault(str(error), []).append(name)
        bar.update()
    differences = {}
    others = [name for name in experiments if name != against and against in experiments]
    for name in others:
        bar.set_description(f"{name}, {against}", refresh=False)
        if labels[name] == labels[against]:
            differences[name] = compare_experiments(experiments[name], experiments[against], rounds)
        else:
            problems.setdefault(_other_labels(groups[name][0], groups[against][0]), []).append(name)
        bar.update()
    bar.close()
    return Comparison(
        against,
        {name: experiment.intervals() for name, experiment in experiments.items()},
        differences,
        [f"{', '.join(names)} cannot be compared: {why}" for why, names in problems.items()],
    )


def _read(group: list[Run], match: Callable[[Run], Tested], rounds: int) -> tuple[str, Experiment]:
    tested = [match(run) for run in group]
    for run, one in zip(group, tested, strict=True):
        if one.labels != tested[0].labels:
            raise RunError(_other_labels(run, group[0]))
    return tested[0].labels, Experiment.of([one.matches for one in tested], rounds)


def _other_labels(run: Run, other: Run) -> str:
    return (
        f"{run.root} was tested on other people ({run.test_json}) than {other.root} "
        f"({other.test_json}); test both on the same"
    )
