"""Compare the choices of frames: python report.py OUTPUTS OUT [ROUNDS].

OUTPUTS has a run directory CHOICE-COUNT/SEED for each choice, number of frames and seed. OUT gets
results.md and results.csv. ROUNDS is the number of bootstrap samples, 1000 if it is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fidip.cli.run_comparison import match
from fidip.core.errors import RunError
from fidip.io.atomic import write_texts_atomic
from fidip.report import Comparison, Run, compare_tested, footnote, read_runs, results_csv
from fidip.report.formatting import (
    NOT_AVAILABLE,
    markdown_table,
    show_difference,
    show_interval,
    show_number,
)
from fidip.report.runs import by_experiment, mean_and_spread
from fidip.report.tables import interval_of, verdict

REFERENCE = "random"
HEADER = ("frames", "choice", "seeds", "AP", "AP, 95 % interval", f"minus {REFERENCE}")


def count_of(run: Run) -> int:
    """Return the number of frames that a run learned from."""
    return int(run.name.rpartition("-")[2])


def rows_of(count: int, runs: list[Run], comparison: Comparison) -> list[list[str]]:
    """Return a row for each choice of a number of frames."""
    groups, rows = by_experiment(runs), []
    for name, group in groups.items():
        mean = mean_and_spread(group, "AP")
        difference = comparison.differences.get(name, {}).get("AP")
        text = ""
        if difference is not None:
            says = verdict(difference, group, groups[comparison.against])
            text = f"{show_difference(difference.value, difference.interval)}, {says}"
        ap = show_number(mean[0]) if mean else NOT_AVAILABLE
        interval = show_interval(interval_of(group, comparison))
        choice = name.split("-")[1]
        rows.append([str(count), choice, str(len(group)), ap, interval, text])
    return rows


def main(outputs: Path, out: Path, rounds: int = 1000) -> None:
    """Read the runs, compare them, and write the table."""
    # One at a time: runs that differ in their training images would count as other experiments.
    folders = sorted(file.parent for file in outputs.glob("*-*/*/results.json"))
    runs = [run for folder in folders for run in read_runs(str(folder)).runs]
    if not runs:
        raise RunError(f"{outputs}: no finished run; expected CHOICE-COUNT/SEED. Run run.sh first")
    rows, problems = [], []
    for count in sorted(set(map(count_of, runs))):
        group = [run for run in runs if count_of(run) == count]
        comparison = compare_tested(group, match, f"frames-{REFERENCE}-{count}", rounds)
        rows += rows_of(count, group, comparison)
        problems += comparison.problems
    parts = [
        "# Which frames to label: results",
        markdown_table(HEADER, rows),
        footnote(runs),
        *problems,
    ]
    texts = {"results.md": "\n\n".join(parts) + "\n", "results.csv": results_csv(runs)}
    write_texts_atomic(out, texts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
