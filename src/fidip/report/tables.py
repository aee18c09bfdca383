"""The comparison as text: Markdown and CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from fidip.report.runs import Run, by_experiment, mean_and_spread

NAMES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")
COLUMNS = ("AP", "AP50", "AP75", "AR")


def summary_rows(runs: list[Run]) -> list[list[str]]:
    """A row an experiment: name, seeds, the main numbers, the interval of AP, minutes."""
    rows = []
    for name, group in by_experiment(runs).items():
        cells = [_spread(mean_and_spread(group, column)) for column in COLUMNS]
        minutes = sum(float(run.results.get("minutes", 0)) for run in group) / len(group)
        rows.append([name, str(len(group)), *cells, _interval(group), f"{minutes:.1f}"])
    return rows


HEADER = ["experiment", "seeds", *COLUMNS, "AP, 95 % interval", "minutes"]


def write_markdown(path: Path, runs: list[Run]) -> None:
    """A table an experiment a row, and what the numbers depend on."""
    lines = [HEADER, ["---"] * len(HEADER), *summary_rows(runs)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    path.write_text(f"{text}\n\n{footnote(runs)}\n", encoding="utf-8")


def write_csv(path: Path, runs: list[Run]) -> None:
    """A row a run: experiment, seed, the ten numbers, minutes; empty where n/a."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["experiment", "seed", *NAMES, "minutes"])
        for run in runs:
            numbers = [
                "" if run.results["metrics"][n] is None else run.results["metrics"][n]
                for n in NAMES
            ]
            writer.writerow(
                [run.experiment, run.results["seed"], *numbers, run.results.get("minutes", "")]
            )


def footnote(runs: list[Run]) -> str:
    """Boxes, areas, data and intervals in words."""
    parts = {
        f"{r.results['instances']} people, {r.results['box_source']} boxes, OKS by {r.results['area_source']}"
        for r in runs
    }
    return "; ".join(sorted(parts)) + ". Spread over seeds is one standard deviation."


def _spread(value: tuple[float, float] | None) -> str:
    if value is None:
        return "n/a"
    mean, deviation = value
    return f"{mean:.3f}" + (f" ± {deviation:.3f}" if deviation else "")


def _interval(runs: list[Run]) -> str:
    """Of one run its own interval; of several the mean of their ends."""
    intervals = [run.results["intervals"].get("AP") for run in runs]
    if any(interval is None for interval in intervals):
        return "n/a"
    low = sum(interval[0] for interval in intervals) / len(intervals)
    high = sum(interval[1] for interval in intervals) / len(intervals)
    return f"{low:.3f} to {high:.3f}"
