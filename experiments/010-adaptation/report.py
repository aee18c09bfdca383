"""Write the page of the adaptation benchmark: python report.py OUTPUTS OUT [ROUNDS].

OUTPUTS is the folder of the sweeps, with OUTPUTS/NAME/DATE_TIME/NUMBER for each run, where NAME is
START-METHOD-TARGET-LABELS. OUT gets results.md with two figures, runs.csv and differences.csv; if
it has criteria.csv, which criteria.py writes, the page evaluates label-free criteria, too. Cells
without runs are left out and listed. ROUNDS is the number of bootstrap samples, 1000 by default.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cells import (
    REFERENCES,
    Cell,
    Row,
    by_cell,
    compare_cell,
    gaps_closed,
    mean,
    mean_difference,
    name_parts,
    over_targets,
    rows_of,
)
from figures import SHORT, draw_labels, draw_plane, grid
from paragraphs import paragraphs
from selection import ABOUT, Criteria, read_criteria, selection_rows

from fidip.io.atomic import write_texts_atomic
from fidip.report import Run, differences_csv, footnote, read_runs, results_csv
from fidip.report.formatting import (
    NOT_AVAILABLE,
    markdown_table,
    show_difference,
    show_number,
)

STARTS = {
    "adaptation": "MoveNet Lightning, from weights of real adults",
    "adaptation_norm": "MoveNet Lightning with BatchNorm, from weights of real adults",
    "adaptation_thunder": "MoveNet Thunder at 256 px, from weights of real adults",
    "adaptation_hrnet": "HRNet-W48 at 256 px, from weights of real adults",
}
HEADER = ("labels", "method", "seeds", "AP", "AP, 95 % interval", "gap closed", "kept", "minutes")

HOW_TO_READ = (
    "minus X: AP minus that of X with the same seeds in the same cell, and its 95 % interval, a "
    "bootstrap over seeds and over the same test images for both. The verdict is better or worse "
    "where the interval excludes 0 and p < .05 in a permutation test over images; without three "
    "seeds of both there is none. Nothing corrects for several rows. In the first table, minus X "
    "is the mean over the targets, where each has three seeds, with an approximate interval. "
    "better than X: targets with this verdict, of those with a verdict. gap closed: the gain in AP "
    "over fine-tuning without labels of the target, as a fraction of the gain of fine-tuning with "
    "all of them. kept: AP on rendered adults, as a fraction of that of the start weights."
)

PASSES = Path(__file__).with_name("passes.csv")
ABOUT_PASSES = (
    "Crops that pass through a network in one update, the student's and a teacher's, and those "
    "with gradients, as multiples of the batch; enlarged crops count by their pixels. Written by "
    "passes.py."
)

ABOUT_PLANE = "Only methods that were run on all targets of a panel are drawn."
ABOUT_RUNS = (
    "Labels of the target and finished seeds by method and target. Methods and targets of the "
    "benchmark that are absent have not been run."
)


def share(value: float | None) -> str:
    """Return a fraction in percent.

    Example:
        >>> share(0.5), share(None)
        ('50%', 'n/a')
    """
    return NOT_AVAILABLE if value is None else f"{value:.0%}"


def table_of_target(rows: Sequence[Row]) -> str:
    """Return the table of one start and target."""
    lines, closed = [], gaps_closed(rows)
    for row in rows:
        cells = {**row.cells, "labels": row.cell.shown_labels, "method": row.method}
        cells["gap closed"] = share(closed.get(row))
        cells["kept"] = share(row.kept)
        own = [cells.get(column, NOT_AVAILABLE) for column in HEADER]
        lines.append([*own, *(_difference(row, reference) for reference in REFERENCES)])
    return markdown_table([*HEADER, *(f"minus {name}" for name in REFERENCES.values())], lines)


def _difference(row: Row, reference: str) -> str:
    if reference not in row.differences:
        return ""
    difference, says = row.differences[reference]
    text = show_difference(difference.value, difference.interval)
    return f"{text}, {says}" if says else text


def table_of_targets(rows: Sequence[Row]) -> str:
    """Return means over the targets, by method and labels, of one start."""
    header = ["labels", "method", "targets", "AP", "gap closed", "kept"]
    ways = ("minus", "better than")
    header += [f"{way} {name}" for name in REFERENCES.values() for way in ways]
    lines, closed = [], gaps_closed(rows)
    for (labels, method), group in over_targets(rows).items():
        compared = [f(group, name) for name in REFERENCES for f in (_minus, _better)]
        ap = show_number(mean([row.ap for row in group]))
        fractions = [mean([closed.get(row) for row in group]), mean([row.kept for row in group])]
        lines.append([labels, method, _targets(group), ap, *map(share, fractions), *compared])
    return markdown_table(header, lines)


def _minus(group: Sequence[Row], reference: str) -> str:
    """Return the mean difference over targets where each of them has a verdict."""
    found = [row.differences[reference] for row in group if reference in row.differences]
    if len(found) < len(group) or not all(verdict for _, verdict in found):
        return ""
    return show_difference(*mean_difference([difference for difference, _ in found]))


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
    return markdown_table(["method", *targets], lines)


def page(
    rows: Sequence[Row],
    cells: dict[Cell, list[Run]],
    selection: Sequence[str],
    gaps: Sequence[str],
) -> str:
    """Return the page in Markdown."""
    runs = [run for own in cells.values() for run in own]
    parts, counts = ["# Results of the adaptation benchmark"], ["## Runs", ABOUT_RUNS]
    for start in dict.fromkeys(row.cell.start for row in rows):
        own = [row for row in rows if row.cell.start == start]
        parts += [f"## {STARTS.get(start, start)}", table_of_targets(own)]
        for target in dict.fromkeys(row.cell.target for row in own):
            parts += [f"### {target}"]
            parts += [table_of_target([row for row in own if row.cell.target == target])]
        parts += ["### Method by method", *paragraphs(own)]
        counts += [f"### {STARTS.get(start, start)}", table_of_runs(own)]
    parts += ["![AP on the targets over the AP kept on adults](plane.png)", ABOUT_PLANE]
    parts += ["![AP over the number of labels, by target](labels.png)"]
    parts += ["## How to read it", HOW_TO_READ, footnote(runs), *selection]
    header, *passes = csv.reader(PASSES.read_text(encoding="utf-8").splitlines())
    parts += ["## Forward passes", ABOUT_PASSES, markdown_table(header, passes), *counts]
    if gaps:
        parts += ["## Missing", "\n".join(f"- {line}" for line in gaps)]
    return "\n\n".join(parts) + "\n"


def selection_part(
    runs: Iterable[Run], criteria: Criteria, outputs: Path, rounds: int
) -> list[str]:
    """Return the part about label-free criteria; nothing if too few runs have some."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        parts = name_parts(run)
        name = f"{SHORT.get(parts['start'], parts['start'])}, {parts['target']}"
        groups.setdefault(name, []).append(run)
    header, lines = selection_rows(groups, criteria, outputs, rounds)
    return ["## Choice without labels", ABOUT, markdown_table(header, lines)] if lines else []


def main(outputs: Path, out: Path, rounds: int = 1000) -> None:
    """Read the runs, compare them, and write the page."""
    found = read_runs(str(outputs / "adaptation*-*" / "*" / "*"))
    cells = by_cell(found.runs)
    compared = {cell: compare_cell(runs, rounds) for cell, runs in cells.items()}
    rows = [row for cell, runs in cells.items() for row in rows_of(cell, runs, compared[cell])]
    parts = [part for all_ in compared.values() for of_one in all_.values() for part in of_one]
    problems = list(dict.fromkeys(line for part in parts for line in part.comparison.problems))
    tables = [differences_csv(*part).splitlines() for part in parts]
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
    if gaps:
        print(f"missing runs or comparisons: {len(gaps)}; {out}/results.md lists them at its end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
