"""Comparison of experiments across their seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fidip.core.errors import ArgumentError, FidipError, RunDataError
from fidip.core.people import Annotation
from fidip.core.progress import Progress, silent
from fidip.metrics import (
    BodySums,
    Difference,
    Experiment,
    Interval,
    Matches,
    compare_experiments,
)
from fidip.metrics.body_scale import TABLE_NAMES
from fidip.report.runs import Run, by_experiment


class Tested(NamedTuple):
    """Predictions of a run, matched to its test labels.

    Attributes:
        people: the labelled people that the run was tested on.
        labels: the labels as COCO dictionaries; runs with equal labels can be compared.
        matches: the matched predictions.
        body: sums of PCKsh and mKS; None if the run has no such results.
    """

    people: Sequence[Annotation]
    labels: Mapping[str, Any]
    matches: Matches
    body: BodySums | None = None


class _Measured(NamedTuple):
    """An experiment with its COCO numbers, and with PCKsh and mKS if all its runs have them.

    Its numbers are in the order of ``seeds``.
    """

    seeds: Sequence[int]
    labels: Mapping[str, Any]
    people: Sequence[Annotation]
    coco: Experiment
    body: Experiment | None

    def intervals(self) -> dict[str, Interval | None]:
        return self.coco.intervals() | (self.body.intervals() if self.body else {})

    def differences(
        self, other: _Measured, rounds: int, pair_seeds: bool
    ) -> dict[str, Difference | None]:
        """Return the differences of all numbers that both experiments have."""
        found = compare_experiments(self.coco, other.coco, rounds, pair_seeds=pair_seeds)
        if self.body and other.body:
            found |= compare_experiments(self.body, other.body, rounds, pair_seeds=pair_seeds)
        return found


@dataclass(frozen=True)
class Comparison:
    """Intervals of experiments and differences between them.

    Attributes:
        against: the reference experiment.
        intervals: by experiment, intervals over seeds and images of the means of the ten COCO
            metrics, and of PCKsh and mKS if all its runs have them.
        differences: by experiment, differences of the same metrics to those of ``against``.
        problems: a line for each reason why something is missing.
        people: the labelled people that ``against`` was tested on.
        damaged: those of ``problems`` that are due to damaged files.
        pair_seeds: whether the intervals of differences draw the same seeds for both.
    """

    against: str
    intervals: dict[str, dict[str, Interval | None]]
    differences: dict[str, dict[str, Difference | None]]
    problems: list[str]
    people: Sequence[Annotation] = ()
    damaged: Sequence[str] = ()
    pair_seeds: bool = False


def compare_tested(
    runs: list[Run],
    match: Callable[[Run], Tested],
    against: str | None,
    rounds: int,
    progress: Progress = silent,
    pair_seeds: bool = False,
) -> Comparison:
    """Compare experiments with a reference experiment.

    Intervals are bootstrap intervals and p values are from a permutation test, see
    ``fidip.metrics.significance``.

    Args:
        runs: one or more seeds of each experiment.
        match: matches the predictions of a run to its labels; raises FidipError if that fails.
        against: the reference experiment; None for the first one.
        rounds: number of bootstrap samples and of permutations.
        progress: called with the stage, the experiments done and their number.
        pair_seeds: for differences, draw the same seeds of both experiments. Experiments with other
            seeds than ``against`` are listed as problems.

    Returns:
        The intervals and differences, as far as the runs allow.

    Raises:
        ArgumentError: ``against`` is not among the experiments.
    """
    groups = by_experiment(runs)
    against = against or next(iter(groups))
    if against not in groups:
        there = ", ".join(groups)
        raise ArgumentError("against", against, f"no run of that name; there are {there}")
    tested, problems, damaged = _read_all(groups, match, rounds, progress)
    differences, incomparable = _differences(groups, tested, against, rounds, progress, pair_seeds)
    problems |= incomparable
    lines = {
        why: f"{', '.join(names)} cannot be compared: {why}" for why, names in problems.items()
    }
    return Comparison(
        against,
        {name: measured.intervals() for name, measured in tested.items()},
        differences,
        list(lines.values()),
        tested[against].people if against in tested else (),
        [line for why, line in lines.items() if why in damaged],
        pair_seeds,
    )


def _differences(
    groups: dict[str, list[Run]],
    tested: dict[str, _Measured],
    against: str,
    rounds: int,
    progress: Progress,
    pair_seeds: bool,
) -> tuple[dict[str, dict[str, Difference | None]], dict[str, list[str]]]:
    """Return the differences by experiment, and the experiments by reason why they have none."""
    others = [name for name in tested if name != against]
    if against not in tested:
        why = f"{against} cannot; choose another: against=NAME"
        return {}, {why: others} if others else {}
    reference = tested[against]
    differences: dict[str, dict[str, Difference | None]] = {}
    problems: dict[str, list[str]] = {}
    for done, name in enumerate(others):
        progress("differences", done, len(others))
        if tested[name].labels != reference.labels:
            why = _other_labels(groups[name][0], groups[against][0])
            problems.setdefault(why, []).append(name)
        elif pair_seeds and tested[name].seeds != reference.seeds:
            why = (
                f"pair_seeds needs the seeds of {against}, {list(reference.seeds)}; run these, or "
                "leave pair_seeds out"
            )
            problems.setdefault(why, []).append(name)
        else:
            differences[name] = tested[name].differences(reference, rounds, pair_seeds)
    return differences, problems


def _read_all(
    groups: dict[str, list[Run]],
    match: Callable[[Run], Tested],
    rounds: int,
    progress: Progress,
) -> tuple[dict[str, _Measured], dict[str, list[str]], set[str]]:
    """Return tested experiments by name, experiments by problem, and problems due to damage."""
    tested: dict[str, _Measured] = {}
    problems: dict[str, list[str]] = {}
    damaged: set[str] = set()
    for done, name in enumerate(groups):
        progress("intervals", done, len(groups))
        try:
            tested[name] = _read(groups[name], match, rounds)
        except FidipError as error:
            problems.setdefault(str(error), []).append(name)
            if not isinstance(error, RunDataError):
                damaged.add(str(error))
    return tested, problems, damaged


def _read(group: list[Run], match: Callable[[Run], Tested], rounds: int) -> _Measured:
    tested = [match(run) for run in group]
    for run, one in zip(group, tested, strict=True):
        if one.labels != tested[0].labels:
            raise RunDataError(_other_labels(run, group[0]))
    bodies = [one.body for one in tested if one.body is not None]
    are_all = len(bodies) == len(tested)
    return _Measured(
        [run.results.seed for run in group],
        tested[0].labels,
        tested[0].people,
        Experiment.of([one.matches for one in tested], rounds),
        Experiment.of(bodies, rounds, names=tuple(TABLE_NAMES.values())) if are_all else None,
    )


def _other_labels(run: Run, other: Run) -> str:
    return (
        f"{run.root} was tested on other people ({run.test_json}) than {other.root} "
        f"({other.test_json}); test both on the same"
    )
