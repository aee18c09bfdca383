"""LaTeX tables of a comparison."""

from __future__ import annotations

import re

from fidip.report.comparison import Comparison
from fidip.report.formatting import show_interval
from fidip.report.infant_tables import infant_header, infant_note, infant_rows
from fidip.report.runs import Run, by_experiment, mean_and_spread
from fidip.report.tables import (
    SCORE_COLUMNS,
    compared_numbers,
    difference_header,
    difference_rows,
    footnote,
    interval_of,
    rule,
)

ESCAPES = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"$<$",
    ">": r"$>$",
}


def escape(text: str) -> str:
    r"""Escape plain text for LaTeX.

    Args:
        text: the text.

    Example:
        >>> escape("50 %")
        '50 \\%'
    """
    return re.sub(r"[\\&%$#_{}~^±<>]", lambda found: ESCAPES[found.group()], text)


def latex_tables(runs: list[Run], comparison: Comparison) -> str:
    r"""Return the tables of experiments and, if there are any, of differences and infant metrics.

    They need ``\usepackage{booktabs}``.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    tables = [latex_table(runs, comparison)]
    if comparison.differences:
        tables += [
            difference_table(runs, comparison, metric) for metric in compared_numbers(comparison)
        ]
    if infant_header(runs):
        tables.append(infant_table(runs))
    return "\n".join(tables)


def latex_table(runs: list[Run], comparison: Comparison) -> str:
    """Return a booktabs table with one row per experiment; the highest means are bold.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    groups = by_experiment(runs)
    best = {column: _best(groups, column) for column in SCORE_COLUMNS}
    lines = []
    for name, group in groups.items():
        cells = [_number(mean_and_spread(group, column), best[column]) for column in SCORE_COLUMNS]
        interval = interval_of(group, comparison)
        ends = show_interval(interval, "--")
        lines.append([escape(name), str(len(group)), *cells, ends])
    header = ["Experiment", "Seeds", *SCORE_COLUMNS, r"AP, 95\,\% interval"]
    caption = f"Keypoint detection: {escape(footnote(runs))} Bold is the highest mean, no verdict."
    return _table(header, lines, caption, "tab:fidip")


def difference_table(runs: list[Run], comparison: Comparison, metric: str = "AP") -> str:
    """Return a booktabs table with one row per experiment except the reference.

    Args:
        runs: the finished runs.
        comparison: their comparison.
        metric: one of ``compared_numbers``.
    """
    header = [escape(name) for name in difference_header(comparison, metric)]
    lines = [[escape(cell) for cell in row] for row in difference_rows(runs, comparison, metric)]
    label = "" if metric == "AP" else f"-{metric.lower().replace('@', '-')}"
    return _table(header, lines, escape(rule(runs, comparison)), f"tab:fidip-differences{label}")


def infant_table(runs: list[Run]) -> str:
    """Return a booktabs table of the metrics of papers on infants, one row per experiment.

    Args:
        runs: the finished runs.
    """
    header = [escape(name) for name in infant_header(runs)]
    lines = [[escape(cell) for cell in row] for row in infant_rows(runs)]
    return _table(header, lines, escape(infant_note(runs)), "tab:fidip-infant")


def _table(header: list[str], lines: list[list[str]], caption: str, name: str) -> str:
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption}}}",
            rf"  \label{{{name}}}",
            rf"  \begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"    \toprule",
            "    " + " & ".join(header) + r" \\",
            r"    \midrule",
            *(f"    {' & '.join(line)} \\\\" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _best(groups: dict[str, list[Run]], column: str) -> str | None:
    means = [value[0] for group in groups.values() if (value := mean_and_spread(group, column))]
    return f"{max(means):.3f}" if len(means) > 1 else None


def _number(value: tuple[float, float] | None, best: str | None) -> str:
    if value is None:
        return "--"
    mean, deviation = f"{value[0]:.3f}", value[1]
    shown = rf"\mathbf{{{mean}}}" if mean == best else mean
    return f"${shown}" + (rf" \pm {deviation:.3f}$" if deviation else "$")
