"""The comparison as text: Markdown and CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from fidip.metrics import NAMES, Interval
from fidip.report.comparison import Comparison
from fidip.report.runs import Run, by_experiment, mean_and_spread

COLUMNS = ("AP", "AP50", "AP75", "AR")


def summary_rows(runs: list[Run], comparison: Comparison) -> list[list[str]]:
    """A row an experiment: name, seeds, the main numbers, the interval of AP, minutes."""
    rows = []
    for name, group in by_experiment(runs).items():
        cells = [_spread(mean_and_spread(group, column)) for column in COLUMNS]
        minutes = sum(float(run.results.get("minutes", 0)) for run in group) / len(group)
        interval = show_interval(interval_of(group, comparison))
        rows.append([name, str(len(group)), *cells, interval, f"{minutes:.1f}"])
    return rows


HEADER = ["experiment", "seeds", *COLUMNS, "AP, 95 % interval", "minutes"]


def difference_rows(comparison: Comparison) -> list[list[str]]:
    """A row an experiment but the one compared with: AP's difference to it, and what that says."""
    rows = []
    for name, numbers in comparison.differences.items():
        ap = numbers["AP"]
        if ap is None:
            rows.append([name, "n/a", "n/a", "n/a", "nobody to compare on"])
        else:
            low, high = ap.interval
            interval = f"{show_signed(low)} to {show_signed(high)}"
            rows.append([name, show_signed(ap.value), interval, f"{ap.p:.3f}", ap.verdict])
    return rows


def difference_header(comparison: Comparison) -> list[str]:
    return ["experiment", f"AP less that of {comparison.against}", "95 % interval", "p", ""]


def rule(runs: list[Run], comparison: Comparison) -> str:
    """What the differences mean, and when they count."""
    text = (
        "Better or worse is said where the interval leaves out 0 and p < .05. Interval: bootstrap "
        "over seeds and images, the same images for both. p: permutation test, predictions "
        "swapped image by image, all seeds at once."
    )
    groups = by_experiment(runs)
    single = [n for n in (comparison.against, *comparison.differences) if len(groups[n]) == 1]
    if single:
        text += f" One seed of {', '.join(single)}: what another seed would give is not known."
    if len(comparison.differences) > 1:
        text += " Each p is for its row alone."
    return text


def write_markdown(path: Path, runs: list[Run], comparison: Comparison) -> None:
    """A table an experiment a row, what the numbers depend on, and the differences."""
    parts = [_markdown(HEADER, summary_rows(runs, comparison)), footnote(runs)]
    if comparison.differences:
        parts += [_markdown(difference_header(comparison), difference_rows(comparison))]
        parts += [rule(runs, comparison)]
    path.write_text("\n\n".join([*parts, *comparison.problems]) + "\n", encoding="utf-8")


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_differences(path: Path, comparison: Comparison) -> None:
    """A row an experiment and number: its difference, interval, p and verdict; empty where n/a."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["experiment", "against", "number", "difference", "low", "high", "p", "verdict"]
        )
        for name, numbers in comparison.differences.items():
            for number, d in numbers.items():
                cells = (
                    ["", "", "", "", ""] if d is None else [d.value, *d.interval, d.p, d.verdict]
                )
                writer.writerow([name, comparison.against, number, *cells])


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
    return "; ".join(sorted(parts)) + (
        ". ± is one standard deviation over seeds; intervals are over seeds and images."
    )


def _spread(value: tuple[float, float] | None) -> str:
    if value is None:
        return "n/a"
    mean, deviation = value
    return f"{mean:.3f}" + (f" ± {deviation:.3f}" if deviation else "")


def interval_of(group: list[Run], comparison: Comparison) -> Interval | None:
    """Of AP, over seeds and images; where that is not known, a single run's own over images."""
    if group[0].experiment in comparison.intervals:
        return comparison.intervals[group[0].experiment]["AP"]
    own = group[0].results["intervals"].get("AP") if len(group) == 1 else None
    return None if own is None else (own[0], own[1])


def show_signed(value: float) -> str:
    """With its sign, which what rounds to zero has not."""
    shown = f"{value:+.3f}"
    return shown if float(shown) else shown[1:]


def show_interval(interval: Interval | None) -> str:
    return "n/a" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
