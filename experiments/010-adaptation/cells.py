"""Cells of the adaptation benchmark and the results of the methods in them, for report.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from fidip.cli.run_comparison import match
from fidip.core.errors import RunError
from fidip.metrics import Difference, Interval
from fidip.report import Comparison, Run, Tested, compare_tested, summary_header, summary_rows
from fidip.report.runs import by_experiment, kept, mean_and_spread
from fidip.report.tables import FEWEST_SEEDS, interval_of

NAME = re.compile(
    r"(?P<start>adaptation\w*)-(?P<method>.+)-(?P<target>\w+)-(?P<labels>\d+|None|all)"
)
REFERENCES = {"finetune": "fine-tuning", "adabn": "AdaBN"}
"""Methods that the others are compared with."""


class Cell(NamedTuple):
    """Cell of the benchmark: runs that differ in method and seed only.

    Attributes:
        start: experiment that gives network and weights.
        target: appearance that is adapted to.
        labels: number of target images with labels; None for all.
    """

    start: str
    target: str
    labels: int | None

    @property
    def shown_labels(self) -> str:
        """The number of labels as text."""
        return "all" if self.labels is None else str(self.labels)

    @property
    def order(self) -> tuple[str, str, float]:
        """Sort key."""
        return self.start, self.target, float("inf") if self.labels is None else self.labels


@dataclass(frozen=True, eq=False)
class Row:
    """Results of a method in a cell.

    Attributes:
        cell: the cell.
        method: the method, with settings that were swept within the cell.
        cells: the cells of ``summary_rows``, by heading.
        ap: mean AP over seeds.
        interval: its interval over seeds and images.
        kept: AP on rendered adults, as a fraction of that of the start; None if not measured.
        differences: difference of AP and its verdict, by reference. The verdict is empty with
            fewer than three seeds.
    """

    cell: Cell
    method: str
    cells: dict[str, str]
    ap: float
    interval: Interval | None
    kept: float | None
    differences: dict[str, tuple[Difference, str]]


def method_of(run: Run) -> str:
    """Return the method of a run, with swept settings."""
    method = name_parts(run)["method"]
    return f"{method}{run.experiment.removeprefix(run.name)}"


def name_parts(run: Run) -> dict[str, str]:
    """Return start, method, target and labels from the name of a run."""
    found = NAME.fullmatch(run.name)
    if found is None:
        raise RunError(f"{run.root}: is named {run.name}; expected START-METHOD-TARGET-LABELS")
    return found.groupdict()


def by_cell(runs: Iterable[Run]) -> dict[Cell, list[Run]]:
    """Group runs by cell, in the order of the page."""
    cells: dict[Cell, list[Run]] = {}
    for run in runs:
        parts = name_parts(run)
        labels = int(parts["labels"]) if parts["labels"].isdigit() else None
        cells.setdefault(Cell(parts["start"], parts["target"], labels), []).append(run)
    return dict(sorted(cells.items(), key=lambda item: item[0].order))


class Compared(NamedTuple):
    """Runs of a cell, and their comparison with a reference."""

    runs: list[Run]
    comparison: Comparison


def compare_cell(runs: list[Run], rounds: int) -> dict[str, list[Compared]]:
    """Return comparisons of the runs of a cell, by the reference methods that it has.

    A method is compared with the seeds of the reference that it was run with: a seed decides the
    images that have labels, and what all methods draw alike.
    """
    names = {method_of(run): run.experiment for run in reversed(runs)}
    by_root = {run.root: run for run in runs}
    # Predictions are read once for all references.
    read_root = cache(lambda root: match(by_root[root]))

    def read(run: Run) -> Tested:
        return read_root(run.root)

    return {
        method: [
            Compared(part, compare_tested(part, read, names[method], rounds))
            for part in same_seeds(runs, names[method])
        ]
        for method in REFERENCES
        if method in names
    } or {"": [Compared(runs, compare_tested(runs, read, None, rounds))]}


def same_seeds(runs: list[Run], against: str) -> list[list[Run]]:
    """Divide runs into sets in which a reference has no seed that all others lack.

    Args:
        runs: the runs of a cell.
        against: experiment of the reference.

    Returns:
        Sets of runs, each with those of the reference; the first set has all of these.
    """
    groups = by_experiment(runs)
    reference = groups.pop(against)
    parts: dict[frozenset[int], list[Run]] = {frozenset(seeds_of(reference)): list(reference)}
    for group in groups.values():
        seeds = frozenset(seeds_of(group)) & frozenset(seeds_of(reference))
        same = [run for run in reference if run.results.seed in seeds]
        parts.setdefault(seeds or frozenset(seeds_of(reference)), same).extend(group)
    return list(parts.values())


def seeds_of(runs: Iterable[Run]) -> list[int]:
    """Return the seeds of runs."""
    return [run.results.seed for run in runs]


def rows_of(cell: Cell, runs: list[Run], compared: dict[str, list[Compared]]) -> list[Row]:
    """Return one row per method."""
    first, *others = next(iter(compared.values()))
    whole = first.comparison
    for part in others:
        whole = replace(whole, intervals=part.comparison.intervals | whole.intervals)
    groups = by_experiment(runs)
    rows = []
    for texts, (name, group) in zip(summary_rows(runs, whole), groups.items(), strict=True):
        mean = mean_and_spread(group, "AP")
        rows.append(
            Row(
                cell,
                method_of(group[0]),
                dict(zip(summary_header(runs), texts, strict=True)),
                mean[0] if mean else 0.0,
                interval_of(group, whole),
                kept_of_start(group, runs),
                differences_of(name, compared),
            )
        )
    return rows


def differences_of(
    name: str, compared: dict[str, list[Compared]]
) -> dict[str, tuple[Difference, str]]:
    """Return the differences in AP of an experiment, and their verdicts, by reference."""
    found = {}
    for reference, parts in compared.items():
        for runs, comparison in parts:
            difference = comparison.differences.get(name, {}).get("AP")
            if difference is not None and reference:
                groups = by_experiment(runs)
                seeds = min(len(groups[name]), len(groups[comparison.against]))
                verdict = difference.verdict if seeds >= FEWEST_SEEDS else ""
                found[reference] = (difference, verdict)
    return found


def kept_of_start(group: list[Run], runs: list[Run]) -> float | None:
    """Return the AP on rendered adults as a fraction of that of the weights of the cell's start.

    Args:
        group: the seeds of a method, which may begin with weights that were trained before, as
            source-free adaptation does.
        runs: all runs of the cell, of which fine-tuning begins with the weights of the start.
    """
    starts = [run for run in runs if method_of(run) == "finetune"]
    before = [(run.results.source or {}).get("AP_before") for run in starts]
    after = [(run.results.source or {}).get("AP") for run in group]
    if not all(before) or None in after or not before:
        return kept(group)
    return float(np.mean(after) / np.mean(before))  # type: ignore[arg-type]  # None is checked


def gaps_closed(rows: Sequence[Row]) -> dict[Row, float]:
    """Return the fraction of the gap to supervised training that each row closes, where known."""
    of = {(row.cell.start, row.cell.target, row.cell.labels, row.method): row.ap for row in rows}
    found = {}
    for row in rows:
        without = of.get((row.cell.start, row.cell.target, 0, "finetune"))
        supervised = of.get((row.cell.start, row.cell.target, None, "finetune"))
        if without is not None and supervised is not None and supervised > without:
            gain = row.ap - without
            if row.cell.labels == 0 and "finetune" in row.differences:
                gain = row.differences["finetune"][0].value  # of the same seeds
            found[row] = gain / (supervised - without)
    return found


def over_targets(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Group rows of all targets by labels and method."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.cell.order[2], row.method)):
        groups.setdefault((row.cell.shown_labels, row.method), []).append(row)
    return groups


def mean_difference(differences: Sequence[Difference]) -> tuple[float, Interval]:
    """Return the mean of differences on different images, and its approximate 95 % interval.

    The errors are independent, so the distances to the lower ends of the intervals add in squares,
    and so do those to the upper ends.

    Example:
        >>> half = [Difference(value=v, interval=(v - 0.3, v + 0.4), p=0.5) for v in (0.1, 0.3)]
        >>> value, (low, high) = mean_difference(half)
        >>> round(value, 3), round(low, 3), round(high, 3)
        (0.2, -0.012, 0.483)
    """
    values = np.array([difference.value for difference in differences])
    ends = np.array([difference.interval for difference in differences])
    below, above = np.sqrt(((ends - values[:, None]) ** 2).sum(axis=0)) / len(values)
    value = float(values.mean())
    return value, (value - float(below), value + float(above))


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None if a value is missing.

    Example:
        >>> mean([1.0, 2.0]), mean([1.0, None])
        (1.5, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
