"""The table that a paper needs."""

from __future__ import annotations

import re
from pathlib import Path

from fidip.report.comparison import Comparison
from fidip.report.runs import Run, by_experiment, mean_and_spread
from fidip.report.tables import COLUMNS, footnote, interval_of

ESCAPES = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


def escape(text: str) -> str:
    """Plain text as LaTeX sets it."""
    return re.sub(r"[\\&%$#_{}~^±]", lambda found: ESCAPES[found.group()], text)


def latex_table(runs: list[Run], comparison: Comparison) -> str:
    """A booktabs table, an experiment a row; the best mean of every column is bold.

    Needs ``\\usepackage{booktabs}``.
    """
    groups = by_experiment(runs)
    best = {column: _best(groups, column) for column in COLUMNS}
    lines = []
    for name, group in groups.items():
        cells = [_number(mean_and_spread(group, column), best[column]) for column in COLUMNS]
        interval = interval_of(group, comparison)
        ends = "--" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
        lines.append(" & ".join([escape(name), str(len(group)), *cells, ends]) + r" \\")
    header = ["Experiment", "Seeds", *COLUMNS, r"AP, 95\,\% interval"]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{Key point detection: {escape(footnote(runs))} The best mean is bold.}}",
            r"  \label{tab:fidip}",
            rf"  \begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            r"    \toprule",
            "    " + " & ".join(header) + r" \\",
            r"    \midrule",
            *(f"    {line}" for line in lines),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def write_latex(path: Path, runs: list[Run], comparison: Comparison) -> None:
    path.write_text(latex_table(runs, comparison), encoding="utf-8")


def _best(groups: dict[str, list[Run]], column: str) -> str | None:
    means = [value[0] for group in groups.values() if (value := mean_and_spread(group, column))]
    return f"{max(means):.3f}" if len(means) > 1 else None


def _number(value: tuple[float, float] | None, best: str | None) -> str:
    if value is None:
        return "--"
    mean, deviation = f"{value[0]:.3f}", value[1]
    shown = rf"\mathbf{{{mean}}}" if mean == best else mean
    return f"${shown}" + (rf" \pm {deviation:.3f}$" if deviation else "$")
