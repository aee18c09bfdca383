"""Write the page of the adaptation benchmark: python report.py OUTPUTS OUT [ROUNDS].

OUTPUTS is the folder of the sweeps, with OUTPUTS/NAME/DATE_TIME/NUMBER for each run, where NAME is
START-METHOD-TARGET-LABELS. OUT gets results.md with two figures, runs.csv and differences.csv; if
it has criteria.csv, which criteria.py writes, the page evaluates label-free criteria, too. Cells
without runs are left out and listed. ROUNDS is the number of bootstrap samples, 1000 by default.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from selection import ABOUT, Criteria, read_criteria, selection_rows

from fidip.cli.run_comparison import match
from fidip.core.errors import RunError
from fidip.io.atomic import write_texts_atomic
from fidip.metrics import Difference, Interval
from fidip.report import (
    Comparison,
    Run,
    Tested,
    compare_tested,
    differences_csv,
    footnote,
    read_runs,
    results_csv,
    summary_header,
    summary_rows,
)
from fidip.report.formatting import NOT_AVAILABLE, show_number, show_signed
from fidip.report.runs import by_experiment, mean_and_spread
from fidip.report.tables import FEWEST_SEEDS, interval_of

NAME = re.compile(r"(?P<start>adaptation\w*)-(?P<method>.+)-(?P<target>\w+)-(?P<labels>\d+|None)")
REFERENCES = {"finetune": "fine-tuning", "adabn": "AdaBN"}
"""Methods that the others are compared with."""
STARTS = {
    "adaptation": "MoveNet Lightning, from weights of real adults",
    "adaptation_norm": "MoveNet Lightning with BatchNorm, trained on the source",
}
SHORT = {"adaptation": "MoveNet", "adaptation_norm": "with BatchNorm"}
"""Names of the starts in figures."""
MARKERS = "osD^vP*X<>"
HEADER = ("labels", "method", "seeds", "AP", "AP, 95 % interval", "gap closed", "kept", "minutes")

HOW_TO_READ = (
    "less X: AP less that of X in the same cell, and its 95 % interval, a bootstrap over seeds and "
    "over the same test images for both. The verdict is better or worse where the interval "
    "excludes 0 and p < .05 in a permutation test over images; without three seeds of both there "
    "is none. Nothing corrects for several rows. better than X: targets with this verdict, of "
    "those with a verdict. gap closed: the gain in AP over fine-tuning without labels of the "
    "target, as a fraction of the gain of fine-tuning with all of them."
)

PASSES = Path(__file__).with_name("passes.csv")
ABOUT_PASSES = (
    "Images that pass through a network in one update, the student's and a teacher's, and those "
    "with gradients, as multiples of the batch; written by passes.py."
)

ABOUT_PLANE = "Only methods that were run on all targets of a panel are drawn."
ABOUT_RUNS = (
    "Labels of the target and finished seeds by method and target. Methods and targets of the "
    "benchmark that are absent have not been run."
)


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
        cells: the columns of ``HEADER`` beside the first two, by name.
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
    method = _parsed(run)["method"]
    return f"{method}{run.experiment.removeprefix(run.name)}"


def _parsed(run: Run) -> dict[str, str]:
    found = NAME.fullmatch(run.name)
    if found is None:
        raise RunError(f"{run.root}: is named {run.name}; expected START-METHOD-TARGET-LABELS")
    return found.groupdict()


def by_cell(runs: Iterable[Run]) -> dict[Cell, list[Run]]:
    """Group runs by cell, in the order of the page."""
    cells: dict[Cell, list[Run]] = {}
    for run in runs:
        parts = _parsed(run)
        labels = None if parts["labels"] == "None" else int(parts["labels"])
        cells.setdefault(Cell(parts["start"], parts["target"], labels), []).append(run)
    return dict(sorted(cells.items(), key=lambda item: item[0].order))


def compare_cell(runs: list[Run], rounds: int) -> dict[str, Comparison]:
    """Return comparisons of the runs of a cell, by the reference methods that it has."""
    names = {method_of(run): run.experiment for run in reversed(runs)}
    by_root = {run.root: run for run in runs}
    # Predictions are read once for all references.
    read_root = cache(lambda root: match(by_root[root]))

    def read(run: Run) -> Tested:
        return read_root(run.root)

    return {
        method: compare_tested(runs, read, names[method], rounds)
        for method in REFERENCES
        if method in names
    } or {"": compare_tested(runs, read, None, rounds)}


def rows_of(cell: Cell, runs: list[Run], comparisons: dict[str, Comparison]) -> list[Row]:
    """Return one row per method."""
    first = next(iter(comparisons.values()))
    groups = by_experiment(runs)
    rows = []
    for texts, (name, group) in zip(summary_rows(runs, first), groups.items(), strict=True):
        mean = mean_and_spread(group, "AP")
        differences = {}
        for reference, comparison in comparisons.items():
            difference = comparison.differences.get(name, {}).get("AP")
            if difference is not None and reference:
                against = groups[comparison.against]
                has_verdict = min(len(group), len(against)) >= FEWEST_SEEDS
                differences[reference] = (difference, difference.verdict if has_verdict else "")
        rows.append(
            Row(
                cell,
                method_of(group[0]),
                dict(zip(summary_header(runs), texts, strict=True)),
                mean[0] if mean else 0.0,
                interval_of(group, first),
                kept(group),
                differences,
            )
        )
    return rows


def kept(group: Sequence[Run]) -> float | None:
    """Return the mean AP on the pretraining data, as a fraction of that before training."""
    tests = [run.results.source or {} for run in group]
    if not all(test.get("AP_before") for test in tests):
        return None
    return float(sum(test["AP"] for test in tests) / sum(test["AP_before"] for test in tests))


def gaps_closed(rows: Sequence[Row]) -> dict[Row, float]:
    """Return the fraction of the gap to supervised training that each row closes, where known."""
    of = {(row.cell.start, row.cell.target, row.cell.labels, row.method): row.ap for row in rows}
    found = {}
    for row in rows:
        without = of.get((row.cell.start, row.cell.target, 0, "finetune"))
        supervised = of.get((row.cell.start, row.cell.target, None, "finetune"))
        if without is not None and supervised is not None and supervised > without:
            found[row] = (row.ap - without) / (supervised - without)
    return found


def share(value: float | None) -> str:
    """Return a fraction in percent.

    Example:
        >>> share(0.5), share(None)
        ('50%', 'n/a')
    """
    return NOT_AVAILABLE if value is None else f"{value:.0%}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_of_target(rows: Sequence[Row]) -> str:
    """Return the table of one start and target."""
    lines, closed = [], gaps_closed(rows)
    for row in rows:
        cells = {**row.cells, "labels": row.cell.shown_labels, "method": row.method}
        cells["gap closed"] = share(closed.get(row))
        own = [cells.get(column, NOT_AVAILABLE) for column in HEADER]
        lines.append([*own, *(_difference(row, reference) for reference in REFERENCES)])
    return table([*HEADER, *(f"less {name}" for name in REFERENCES.values())], lines)


def _difference(row: Row, reference: str) -> str:
    if reference not in row.differences:
        return ""
    difference, says = row.differences[reference]
    low, high = map(show_signed, difference.interval)
    text = f"{show_signed(difference.value)} ({low} to {high})"
    return f"{text}, {says}" if says else text


def table_of_targets(rows: Sequence[Row]) -> str:
    """Return means over the targets, by method and labels, of one start."""
    header = ["labels", "method", "targets", "AP", "gap closed", "kept"]
    lines, closed = [], gaps_closed(rows)
    for (labels, method), group in over_targets(rows).items():
        counts = [_better(group, name) for name in REFERENCES]
        ap = show_number(mean([row.ap for row in group]))
        fractions = [mean([closed.get(row) for row in group]), mean([row.kept for row in group])]
        lines.append([labels, method, _targets(group), ap, *map(share, fractions), *counts])
    return table([*header, *(f"better than {name}" for name in REFERENCES.values())], lines)


def _better(group: Sequence[Row], reference: str) -> str:
    """Return on how many targets a method is better than a reference, of those compared."""
    says = [row.differences[reference][1] for row in group if reference in row.differences]
    verdicts = [verdict for verdict in says if verdict]
    return f"{verdicts.count('better')} of {len(verdicts)}" if verdicts else ""


def _targets(group: Sequence[Row]) -> str:
    return ", ".join(row.cell.target for row in group)


def table_of_runs(rows: Sequence[Row]) -> str:
    """Return how many seeds of each method and cell of one start there are, of all methods."""
    with PASSES.open(encoding="utf-8") as file:
        known = [
            row["method"] for row in csv.DictReader(file) if row["start"] == rows[0].cell.start
        ]
    targets = list(dict.fromkeys(row.cell.target for row in rows))
    lines = []
    for method in dict.fromkeys([*known, *(row.method for row in rows)]):
        own = [row for row in rows if row.method == method]
        cells = [
            ", ".join(
                f"{r.cell.shown_labels}: {r.cells['seeds']}" for r in own if r.cell.target == t
            )
            for t in targets
        ]
        lines.append([method, *(cell or "none" for cell in cells)])
    return table(["method", *targets], lines)


def over_targets(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Group rows of all targets by labels and method."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.cell.order[2], row.method)):
        groups.setdefault((row.cell.shown_labels, row.method), []).append(row)
    return groups


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None if a value is missing.

    Example:
        >>> mean([1.0, 2.0]), mean([1.0, None])
        (1.5, None)
    """
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def grid(
    rows: Sequence[Row],
    column: Callable[[Row], str],
    draw: Callable[[Axes, list[Row], dict[str, Any]], None],
    shared: bool = False,
) -> Figure:
    """Draw a panel for each start and value of a column, and one legend of the methods.

    With ``shared``, panels share their axes: that of AP within a start.
    """
    starts = list(dict.fromkeys(row.cell.start for row in rows))
    columns = list(dict.fromkeys(map(column, sorted(rows, key=lambda row: row.cell.order[2]))))
    figure = Figure(figsize=(3.6 * len(columns) + 2.2, 3.4 * len(starts)), layout="constrained")
    methods = list(dict.fromkeys(row.method for row in rows))
    styles = {
        name: {"color": f"C{i % 10}", "marker": MARKERS[i % len(MARKERS)], "label": name}
        for i, name in enumerate(methods)
    }
    panels = figure.subplots(
        len(starts), len(columns), squeeze=False, sharex=shared, sharey="row" if shared else False
    )
    for panel_row, start in zip(panels, starts, strict=True):
        for axes, value in zip(panel_row, columns, strict=True):
            own = [row for row in rows if (row.cell.start, column(row)) == (start, value)]
            axes.set_visible(bool(own))
            draw(axes, own, styles)
            axes.set_title(f"{SHORT.get(start, start)}: {value}", fontsize=10)
            axes.grid(alpha=0.25, linewidth=0.6)
    handles = [Line2D([], [], linestyle="", **style) for style in styles.values()]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8)
    return figure


def draw_plane(axes: Axes, rows: list[Row], styles: dict[str, Any]) -> None:
    """Draw AP over the AP kept on adults, means over targets, for one number of labels.

    Methods that were not run on all of these targets are left out: their means would be of others.
    """
    targets = len({row.cell.target for row in rows})
    for (_, method), group in over_targets(rows).items():
        forgotten, ap = mean([row.kept for row in group]), mean([row.ap for row in group])
        if forgotten is not None and ap is not None and len(group) == targets:
            axes.plot(100 * forgotten, ap, linestyle="", **styles[method])
    axes.axvline(80, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("AP kept on rendered adults, %")
    axes.set_ylabel("AP, mean over targets")


def draw_labels(axes: Axes, rows: list[Row], styles: dict[str, Any]) -> None:
    """Draw AP over the number of labels, with its interval, for one target."""
    ordered = sorted(rows, key=lambda row: row.cell.order[2])
    ticks = list(dict.fromkeys(row.cell.shown_labels for row in ordered))
    offsets = dict(zip(styles, np.linspace(-0.3, 0.3, len(styles)), strict=True))
    for method in dict.fromkeys(row.method for row in ordered):
        line = [row for row in ordered if row.method == method]
        at = [ticks.index(row.cell.shown_labels) + offsets[method] for row in line]
        ap = np.array([row.ap for row in line])
        low, high = np.array([row.interval or (row.ap, row.ap) for row in line]).T
        ends = [(ap - low).clip(0), (high - ap).clip(0)]  # a mean may lie outside
        axes.errorbar(at, ap, ends, markersize=4, linewidth=0.8, elinewidth=0.7, **styles[method])
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.5, max(len(ticks), 1) - 0.5)
    axes.set_xlabel("target images with labels")
    axes.set_ylabel("AP")


def page(
    rows: Sequence[Row],
    cells: dict[Cell, tuple[list[Run], dict[str, Comparison]]],
    selection: Sequence[str],
    gaps: Sequence[str],
) -> str:
    """Return the page in Markdown."""
    runs = [run for own, _ in cells.values() for run in own]
    parts, counts = ["# Results of the adaptation benchmark"], ["## Runs", ABOUT_RUNS]
    for start in dict.fromkeys(row.cell.start for row in rows):
        own = [row for row in rows if row.cell.start == start]
        parts += [f"## {STARTS.get(start, start)}", table_of_targets(own)]
        for target in dict.fromkeys(row.cell.target for row in own):
            parts += [f"### {target}"]
            parts += [table_of_target([row for row in own if row.cell.target == target])]
        counts += [f"### {STARTS.get(start, start)}", table_of_runs(own)]
    parts += ["![AP on the targets over the AP kept on adults](plane.png)", ABOUT_PLANE]
    parts += ["![AP over the number of labels, by target](labels.png)"]
    parts += ["## How to read it", HOW_TO_READ, footnote(runs), *selection]
    header, *passes = csv.reader(PASSES.read_text(encoding="utf-8").splitlines())
    parts += ["## Forward passes", ABOUT_PASSES, table(header, passes), *counts]
    if gaps:
        parts += ["## Missing", "\n".join(f"- {line}" for line in gaps)]
    return "\n\n".join(parts) + "\n"


def selection_part(
    runs: Iterable[Run], criteria: Criteria, outputs: Path, rounds: int
) -> list[str]:
    """Return the part about label-free criteria; nothing if too few runs have some."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        parts = _parsed(run)
        name = f"{SHORT.get(parts['start'], parts['start'])}, {parts['target']}"
        groups.setdefault(name, []).append(run)
    header, lines = selection_rows(groups, criteria, outputs, rounds)
    return ["## Choice without labels", ABOUT, table(header, lines)] if lines else []


def main(outputs: Path, out: Path, rounds: int = 1000) -> None:
    """Read the runs, compare them, and write the page."""
    found = read_runs(str(outputs / "adaptation*-*" / "*" / "*"))
    cells = {cell: (runs, compare_cell(runs, rounds)) for cell, runs in by_cell(found.runs).items()}
    rows = [row for cell, (runs, all_) in cells.items() for row in rows_of(cell, runs, all_)]
    pairs = [(runs, one) for runs, all_ in cells.values() for one in all_.values()]
    problems = [line for _, one in pairs for line in one.problems]
    tables = [differences_csv(runs, one).splitlines() for runs, one in pairs]
    selection = selection_part(found.runs, read_criteria(out / "criteria.csv"), outputs, rounds)
    gaps = [*problems, *found.repeats, *found.gaps, *found.damaged]
    texts = {
        "results.md": page(rows, cells, selection, gaps),
        "runs.csv": results_csv(found.runs),
        "differences.csv": "\n".join([tables[0][0], *(x for t in tables for x in t[1:])]) + "\n",
    }
    out.mkdir(parents=True, exist_ok=True)
    write_texts_atomic(out, texts)
    plane = grid(rows, lambda row: f"{row.cell.shown_labels} labels", draw_plane, shared=True)
    plane.savefig(out / "plane.png", dpi=110)
    grid(rows, lambda row: row.cell.target, draw_labels).savefig(out / "labels.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
