"""Compare training with and without unlabelled frames: python report.py OUTPUTS OUT [ROUNDS].

OUTPUTS has a run directory RUN/SEED for each run and seed. OUT gets results.md and results.csv.
ROUNDS is the number of bootstrap samples, 1000 if it is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from fidip.cli.run_comparison import match, read_people
from fidip.core.errors import RunError
from fidip.io.atomic import write_texts_atomic
from fidip.metrics import Experiment, compare_experiments
from fidip.metrics.coco_bootstrap import draw_groups
from fidip.report import Comparison, Run, compare_tested, footnote, read_runs, results_csv
from fidip.report.formatting import (
    NOT_AVAILABLE,
    markdown_table,
    show_difference,
    show_interval,
    show_number,
)
from fidip.report.runs import by_experiment, kept, mean_and_spread
from fidip.report.tables import interval_of, verdict

REFERENCE = "unlabelled-frames-finetune"
MINUS = "minus finetune"
HEADER = ("run", "AP by seed", "AP", MINUS, f"{MINUS}, over infants", "kept on adults")


def over_infants(group: list[Run], reference: list[Run], rounds: int) -> str:
    """Return the difference of AP with an interval over seeds and over the clips of the test.

    Each clip shows another infant.
    """
    images = sorted(read_people(group[0]).images, key=lambda image: image.id)
    draws = draw_groups([str(image.video) for image in images], rounds)
    experiments = []
    for runs in (group, reference):
        matches = [match(run).matches for run in runs]
        experiments.append(Experiment(matches, np.stack([m.numbers(draws) for m in matches])))
    found = compare_experiments(*experiments, rounds, pair_seeds=True)["AP"]
    return NOT_AVAILABLE if found is None else show_difference(found.value, found.interval)


def rows_of(runs: list[Run], comparison: Comparison, rounds: int) -> list[list[str]]:
    """Return a row for each experiment."""
    groups, rows = by_experiment(runs), []
    for name, group in groups.items():
        mean, fraction = mean_and_spread(group, "AP"), kept(group)
        ap = show_number(mean[0]) if mean else NOT_AVAILABLE
        difference = comparison.differences.get(name, {}).get("AP")
        texts = ["", ""]
        if difference is not None:
            reference = groups[comparison.against]
            says = verdict(difference, group, reference)
            texts = [
                f"{show_difference(difference.value, difference.interval)}, {says}",
                over_infants(group, reference, rounds),
            ]
        rows.append(
            [
                name.removeprefix("unlabelled-frames-"),
                ", ".join(show_number(run.results.metrics["AP"]) for run in group),
                f"{ap} ({show_interval(interval_of(group, comparison))})",
                *texts,
                NOT_AVAILABLE if fraction is None else f"{fraction:.0%}",
            ]
        )
    return rows


def main(outputs: Path, out: Path, rounds: int = 1000) -> None:
    """Read the runs, compare them, and write the table."""
    # One at a time: seeds differ in their training images, so they would be other experiments.
    folders = sorted(file.parent for file in outputs.glob("*/*/results.json"))
    runs = [run for folder in folders for run in read_runs(str(folder)).runs]
    if not runs:
        raise RunError(f"{outputs}: no finished run; expected RUN/SEED. Run run.sh first")
    comparison = compare_tested(runs, match, REFERENCE, rounds, pair_seeds=True)
    title = "# What unlabelled frames add to 25 labelled ones: results"
    parts = [
        title,
        markdown_table(HEADER, rows_of(runs, comparison, rounds)),
        footnote(runs),
        *comparison.problems,
    ]
    texts = {"results.md": "\n\n".join(parts) + "\n", "results.csv": results_csv(runs)}
    write_texts_atomic(out, texts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
