"""Comparison as a self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from fidip.report import figures
from fidip.report.comparison import Comparison
from fidip.report.diagnosis_figures import plot_diagnosis
from fidip.report.grid import shown_setting
from fidip.report.html_templates import code, render_html
from fidip.report.infant_tables import (
    infant_header,
    infant_note,
    infant_rows,
    video_header,
    video_rows,
)
from fidip.report.overlay_figures import side_by_side
from fidip.report.runs import Run, by_experiment
from fidip.report.sweeps import sweep_curves
from fidip.report.tables import (
    compared_numbers,
    difference_header,
    difference_rows,
    footnote,
    intervals_over,
    rule,
    summary_header,
    summary_rows,
)

Table = tuple[list[str], list[list[str]]]
"""Headings and rows."""


def html_page(
    runs: list[Run],
    comparison: Comparison,
    repeats: Sequence[str] = (),
    gaps: Sequence[str] = (),
) -> str:
    """Return the HTML of tables, intervals, sweeps, joints, learning curves and overlays.

    Args:
        runs: the finished runs.
        comparison: their comparison.
        repeats: a line for each seed with several runs, and for runs with different data.
        gaps: a line for each run that failed or is missing.
    """
    same_images = {comparison.against} & set(comparison.intervals) | set(comparison.differences)
    first = [group[0] for name, group in by_experiment(runs).items() if name in same_images]
    return render_html(
        "compare.html",
        header=summary_header(runs),
        rows=summary_rows(runs, comparison),
        footnote=footnote(runs),
        differences=_differences(runs, comparison),
        rule=rule(runs, comparison),
        infant_tables=_infant_tables(runs),
        problems=comparison.problems,
        repeats=repeats,
        gaps=gaps,
        sweeps=sweep_curves(runs, comparison),
        forest=figures.forest(runs, comparison),
        intervals_over=intervals_over(runs),
        joints=figures.per_joint(runs),
        curves=[
            figures.curve(runs, "val/AP", "AP on validation images"),
            figures.curve(runs, "train/pose_loss", "training loss"),
            figures.curve(runs, "train/domain_accuracy", "domain accuracy", line=0.5),
        ],
        overlays=side_by_side(first, comparison.people),
        diagnosis=plot_diagnosis(runs),
        runs=[_origin(run) for run in runs],
    )


def _differences(runs: list[Run], comparison: Comparison) -> list[Table]:
    """Return headings and rows of the differences of each metric."""
    return [
        (difference_header(comparison, metric), difference_rows(runs, comparison, metric))
        for metric in compared_numbers(comparison)
    ]


def _infant_tables(runs: list[Run]) -> list[tuple[str, list[str], list[list[str]], str]]:
    """Return titles, headings, rows and notes of the tables of metrics of papers on infants."""
    tables = [
        (
            "Metrics of papers on infants",
            infant_header(runs),
            infant_rows(runs),
            infant_note(runs),
        ),
        ("Detections by video", video_header(runs), video_rows(runs), "Means over seeds."),
    ]
    return [table for table in tables if table[1]]


def _origin(run: Run) -> list[str]:
    """Return the name, commit, device and command of a run."""
    about = run.environment
    return [
        shown_setting(run.root.name),
        about.get("commit") or "",
        about.get("device", ""),
        code(shown_setting(about.get("command", ""))),
    ]
