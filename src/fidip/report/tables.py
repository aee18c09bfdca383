"""Comparison as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from fidip.metrics import NAMES, Difference, Interval
from fidip.metrics.body_scale import TABLE_NAMES
from fidip.report.comparison import Comparison
from fidip.report.formatting import markdown_table, show_interval, show_signed
from fidip.report.infant_tables import infant_cells, infant_header, infant_note, infant_rows
from fidip.report.runs import Run, by_experiment, kept, mean_and_spread

SCORE_COLUMNS = ("AP", "AP50", "AP75", "AR")
FEWEST_SEEDS = 3
"""Seeds that both experiments need for a verdict on their difference."""


def summary_rows(runs: list[Run], comparison: Comparison) -> list[list[str]]:
    """Return one row per experiment: name, seeds, main metrics, interval of AP and minutes.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    rows = []
    for name, group in by_experiment(runs).items():
        cells = [_spread(mean_and_spread(group, column)) for column in SCORE_COLUMNS]
        minutes = sum((run.results.minutes or 0.0) for run in group) / len(group)
        interval = show_interval(interval_of(group, comparison))
        source = _source_cells(group) if _are_source_tested(runs) else []
        rows.append([name, str(len(group)), *cells, interval, *source, f"{minutes:.1f}"])
    return rows


def summary_header(runs: list[Run]) -> list[str]:
    """Return the headings of ``summary_rows``.

    Args:
        runs: the finished runs.
    """
    source = ["AP, source", "kept"] if _are_source_tested(runs) else []
    return ["experiment", "seeds", *SCORE_COLUMNS, "AP, 95 % interval", *source, "minutes"]


def source_note(runs: list[Run]) -> str:
    """Return the meaning of the source columns; empty if there are none.

    Args:
        runs: the finished runs.
    """
    splits = {run.results.source["split"] for run in runs if run.results.source}
    if not splits:
        return ""
    return (
        f"AP, source: on {', '.join(sorted(splits))}, people of the kind that the weights were "
        "pretrained on. kept: its ratio to the AP of these weights before training."
    )


def _are_source_tested(runs: list[Run]) -> bool:
    return any(run.results.source for run in runs)


def _source_cells(group: list[Run]) -> list[str]:
    """Return mean AP on the source, and its ratio to the AP before training, if known."""
    known = [ap for run in group if (ap := (run.results.source or {}).get("AP")) is not None]
    if len(known) < len(group):
        return ["n/a", "n/a"]
    after = sum(known) / len(known)
    fraction = kept(group)
    return [f"{after:.3f}", "n/a" if fraction is None else f"{fraction:.0%}"]


def compared_numbers(comparison: Comparison) -> list[str]:
    """Return the metrics that have a table of differences: AP, and PCKsh and mKS if known.

    Args:
        comparison: the comparison.
    """
    known = {name for numbers in comparison.differences.values() for name in numbers}
    return [name for name in ("AP", *TABLE_NAMES.values()) if name in known]


def difference_header(comparison: Comparison, metric: str = "AP") -> list[str]:
    """Return the headings of ``difference_rows``.

    Args:
        comparison: the comparison.
        metric: one of ``compared_numbers``.
    """
    value = f"{metric} minus that of {comparison.against}"
    return ["experiment", value, "95 % interval", "interval over", "p over images", "verdict"]


def difference_rows(runs: list[Run], comparison: Comparison, metric: str = "AP") -> list[list[str]]:
    """Return one row per experiment except the reference: difference of a metric and verdict.

    Args:
        runs: the finished runs.
        comparison: their comparison.
        metric: one of ``compared_numbers``; experiments without it have no row.
    """
    groups = by_experiment(runs)
    against = groups.get(comparison.against, [])
    rows = []
    for name, numbers in comparison.differences.items():
        if metric not in numbers:
            continue
        difference = numbers[metric]
        over = interval_over(groups[name], against, comparison.pair_seeds)
        if difference is None:
            rows.append([name, "n/a", "n/a", over, "n/a", "no people to compare on"])
        else:
            low, high = difference.interval
            interval = f"{show_signed(low)} to {show_signed(high)}"
            cells = [show_signed(difference.value), interval, over, f"{difference.p:.3f}"]
            rows.append([name, *cells, verdict(difference, groups[name], against)])
    return rows


def verdict(difference: Difference, group: list[Run], against: list[Run]) -> str:
    """Return what a difference says about two experiments.

    The seed changes the results of training. With fewer than three runs of each experiment, the
    size of this effect is unknown, however small the intervals over images are, so there is no
    verdict.

    Args:
        difference: the difference.
        group: runs of one experiment.
        against: runs of the reference.
    """
    seeds = min(len(group), len(against))
    if seeds >= FEWEST_SEEDS:
        return difference.verdict
    count = "one seed" if seeds == 1 else f"{seeds} seeds"
    return f"{count}: the difference between runs is unknown"


def interval_over(group: list[Run], against: list[Run], pair_seeds: bool) -> str:
    """Return what the interval of a difference is over: seeds, images or both.

    Args:
        group: runs of one experiment.
        against: runs of the reference.
        pair_seeds: whether the same seeds are drawn for both.
    """
    several = [one[0].experiment for one in (group, against) if len(one) > 1]
    if len(several) == 1:
        return f"images, seeds of {several[0]}"
    if not several:
        return "images"
    return "pairs of seeds and images" if pair_seeds else "seeds and images"


def rule(runs: list[Run], comparison: Comparison) -> str:
    """Return the meaning of the difference columns, and which rows get a verdict.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    groups = by_experiment(runs)
    names = list(comparison.differences)
    fewest = {n: min(len(groups[n]), len(groups[comparison.against])) for n in names}
    text = (
        "Interval: bootstrap over what its column names, with the same images for both "
        "experiments. p: permutation test over images only, with predictions swapped image by "
        "image for all seeds at once; it does not know that another seed gives another network."
    )
    if comparison.pair_seeds:
        text += " The same seeds are drawn for both experiments."
    if any(seeds >= FEWEST_SEEDS for seeds in fewest.values()):
        text += (
            " The verdict is better or worse where the interval excludes 0 and p < .05, else not "
            "distinguishable."
        )
    if any(seeds < FEWEST_SEEDS for seeds in fewest.values()):
        text += f" A verdict needs {FEWEST_SEEDS} seeds of both experiments."
    if len(names) > 1:
        text += " Each p is for its row only; nothing corrects for several rows."
    return text


def markdown(runs: list[Run], comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Return tables of experiments, differences and infant metrics, their conditions, and notes.

    Args:
        runs: the finished runs.
        comparison: their comparison.
        notes: further lines.
    """
    parts = [markdown_table(summary_header(runs), summary_rows(runs, comparison)), footnote(runs)]
    if comparison.differences:
        parts += [
            markdown_table(
                difference_header(comparison, metric), difference_rows(runs, comparison, metric)
            )
            for metric in compared_numbers(comparison)
        ]
        parts += [rule(runs, comparison)]
    if header := infant_header(runs):
        parts += [markdown_table(header, infant_rows(runs)), infant_note(runs)]
    return "\n\n".join([*parts, *notes]) + "\n"


def differences_csv(runs: list[Run], comparison: Comparison) -> str:
    """Return a CSV with one row per experiment and metric; cells are empty if not available.

    The columns include the difference, its interval, p value and verdict.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    groups = by_experiment(runs)
    against = groups.get(comparison.against, [])
    header = ["experiment", "against", "number", "difference", "low", "high", "p", "verdict"]
    rows: list[list[Any]] = [[*header, "seeds", "seeds_against", "interval_over", "p_over"]]
    for name, numbers in comparison.differences.items():
        group = groups[name]
        facts = [
            len(group),
            len(against),
            interval_over(group, against, comparison.pair_seeds),
            "images",
        ]
        for number, d in numbers.items():
            cells: list[Any] = [""] * 5
            if d is not None:
                cells = [d.value, *d.interval, d.p, verdict(d, group, against)]
            rows.append([name, comparison.against, number, *cells, *facts])
    return _csv(rows)


def results_csv(runs: list[Run]) -> str:
    """Return a CSV with one row per run: experiment, seed, metrics and minutes.

    Args:
        runs: the finished runs.
    """
    rows: list[list[Any]] = [["experiment", "seed", *NAMES, "minutes", *infant_cells(runs[0])]]
    for run in runs:
        metrics = [run.results.metrics[name] for name in NAMES]
        cells = [*metrics, run.results.minutes, *infant_cells(run).values()]
        numbers = ["" if value is None else value for value in cells]
        rows.append([run.experiment, run.results.seed, *numbers])
    return _csv(rows)


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def footnote(runs: list[Run]) -> str:
    """Return the boxes, areas, data and intervals of the runs in words.

    Args:
        runs: the finished runs.
    """
    parts = {
        f"{r.results.instances} people, {r.results.box_source} boxes, "
        f"OKS by {r.results.area_source}"
        for r in runs
    }
    return " ".join(
        filter(None, [f"{'; '.join(sorted(parts))}.", intervals_over(runs), source_note(runs)])
    )


def intervals_over(runs: list[Run]) -> str:
    """Return what ± and the intervals of experiments are over, in words.

    Args:
        runs: the finished runs.
    """
    groups = by_experiment(runs).values()
    if all(len(group) == 1 for group in groups):
        return "One seed of every experiment: intervals are over test images only."
    text = "± is one standard deviation over seeds; intervals are over seeds and test images"
    if any(len(group) == 1 for group in groups):
        text += ", those of one seed over test images only"
    return f"{text}."


def _spread(value: tuple[float, float] | None) -> str:
    if value is None:
        return "n/a"
    mean, deviation = value
    return f"{mean:.3f}" + (f" ± {deviation:.3f}" if deviation else "")


def interval_of(group: list[Run], comparison: Comparison) -> Interval | None:
    """Return the interval of AP over seeds and images; for a single run, its own over images.

    Args:
        group: runs of one experiment.
        comparison: the comparison.
    """
    if group[0].experiment in comparison.intervals:
        return comparison.intervals[group[0].experiment]["AP"]
    own = group[0].results.intervals.get("AP") if len(group) == 1 else None
    return None if own is None else (own[0], own[1])
