"""How well label-free criteria choose between runs: part of the page that report.py writes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fidip.metrics.rank_correlation import ComparedRuns, mean_rank_correlation, rank_correlation
from fidip.report import Run
from fidip.report.formatting import show_number, show_signed

FEWEST = 4
"""Runs of a start and target that a correlation needs."""

ABOUT = (
    "Spearman's rank correlation of a criterion with the AP of the test, over the runs of a start "
    "and target. Its mean over these groups has a 95 % interval by a bootstrap over the runs of "
    f"each. Groups with fewer than {FEWEST} runs are left out. chosen: AP of the run with the "
    "highest criterion, minus the mean AP of its group; best: the same of the run with the highest "
    "AP. Criteria are computed without labels, on up to 128 unlabelled training images of the "
    "target, by criteria.py; teacher_agreement exists for methods with a mean teacher only."
)

Criteria = Mapping[str, Mapping[str, float]]
"""Criteria by name, by run."""


def read_criteria(file: Path) -> dict[str, dict[str, float]]:
    """Return what criteria.py wrote; nothing if there is no file."""
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            row.pop("run"): {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(lines)
        }


def names_of(criteria: Criteria) -> list[str]:
    """Return the names of the criteria that some run has."""
    return list(dict.fromkeys(name for row in criteria.values() for name in row))


def groups_of(
    name: str, runs: Mapping[str, Sequence[Run]], criteria: Criteria, outputs: Path
) -> dict[str, ComparedRuns]:
    """Return the values of a criterion and the AP of the runs, by start and target.

    Args:
        name: the criterion.
        runs: the runs by start and target.
        criteria: criteria by run.
        outputs: the folder that runs are named relative to.
    """
    found = {}
    for group, own in runs.items():
        pairs = [
            (criteria[key][name], run.results.metrics["AP"])
            for run in own
            if name in criteria.get(key := str(run.root.relative_to(outputs)), {})
        ]
        if len(pairs) >= FEWEST:
            values, scores = np.array(pairs, dtype=np.float64).T
            found[group] = (values, scores)
    return found


def selection_rows(
    runs: Mapping[str, Sequence[Run]], criteria: Criteria, outputs: Path, rounds: int
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the table, a row for each criterion."""
    found = {name: groups_of(name, runs, criteria, outputs) for name in names_of(criteria)}
    columns = [group for group in runs if any(group in groups for groups in found.values())]
    header = ["criterion", "runs", "rank correlation", "95 % interval", *columns, "chosen", "best"]
    lines = [[name, *_cells(own, columns, rounds)] for name, own in found.items() if own]
    return header, lines


def _cells(groups: Mapping[str, ComparedRuns], columns: Sequence[str], rounds: int) -> list[str]:
    value, (low, high) = mean_rank_correlation(list(groups.values()), rounds)
    each = {name: show_signed(rank_correlation(*group)) for name, group in groups.items()}
    chosen = [ap[values.argmax()] - ap.mean() for values, ap in groups.values()]
    best = [ap.max() - ap.mean() for _, ap in groups.values()]
    return [
        str(sum(len(ap) for _, ap in groups.values())),
        show_signed(value),
        f"{show_signed(low)} to {show_signed(high)}",
        *(each.get(column, "") for column in columns),
        show_signed(float(np.mean(chosen))),
        show_number(float(np.mean(best))),
    ]
