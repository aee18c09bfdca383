"""Figures of a comparison as inline SVG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fidip.report.comparison import Comparison
from fidip.report.runs import Run, by_experiment
from fidip.report.tables import interval_of

# Okabe and Ito's palette, which is safe for colour blindness.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

STYLE: Any = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "svg.fonttype": "path",
    "text.parse_math": False,  # names may have a $
}


def forest(runs: list[Run], comparison: Comparison) -> str:
    """Plot AP and its interval by experiment, with the AP of each seed.

    Args:
        runs: the finished runs.
        comparison: their comparison.

    Returns:
        Inline SVG.
    """
    groups = by_experiment(runs)

    def draw(axes: Axes) -> None:
        for row, group in enumerate(groups.values()):
            color = COLORS[row % len(COLORS)]
            seeds = [run.results.metrics["AP"] or 0.0 for run in group]
            value = sum(seeds) / len(seeds)
            low, high = interval_of(group, comparison) or (value, value)
            axes.plot([low, high], [row, row], color=color, lw=3, solid_capstyle="round")
            axes.plot(value, row, "o", color=color, ms=9)
            if len(seeds) > 1:
                axes.plot(seeds, [row + 0.22] * len(seeds), "|", color=color, ms=8, mew=2)
            axes.annotate(
                f"{value:.3f}", (high, row), (8, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(range(len(groups)), list(groups))
        axes.invert_yaxis()
        axes.margins(x=0.15, y=0.15)
        axes.set_xlim(left=0)
        axes.set_xlabel("AP on the test images, 95 % interval; small strokes are seeds")

    return _svg(draw, 1.2 + 0.55 * len(groups), 9)


def per_joint(runs: list[Run]) -> str:
    """Plot PCK@0.1 by joint, averaged over seeds.

    Args:
        runs: the finished runs.

    Returns:
        Inline SVG; empty if no prediction matches a labelled person.
    """
    joints = list(next((j for run in runs if (j := run.results.per_joint)), {}))
    if not joints:
        return ""

    def draw(axes: Axes) -> None:
        groups = by_experiment(runs)
        width = 0.8 / len(groups)
        for i, (name, group) in enumerate(groups.items()):
            heights = [sum(_pck(run, j) for run in group) / len(group) for j in joints]
            at = [x - 0.4 + width * (i + 0.5) for x in range(len(joints))]
            axes.bar(at, heights, width, label=name, color=COLORS[i % len(COLORS)])
        axes.set_xticks(
            range(len(joints)), [j.replace("_", " ") for j in joints], rotation=45, ha="right"
        )
        axes.set_ylabel("PCK@0.1")
        axes.set_ylim(0, 1)
        axes.legend(frameon=False, ncols=len(groups), loc="lower center", bbox_to_anchor=(0.5, 1))

    return _svg(draw, 4.2, 11)


def _pck(run: Run, joint: str) -> float:
    return (run.results.per_joint or {}).get(joint, {}).get("pck@0.1") or 0.0


def curve(runs: list[Run], column: str, label: str, line: float | None = None) -> str:
    """Plot a column of ``metrics.csv`` over epochs, with one line per run.

    Args:
        runs: the finished runs.
        column: the column.
        label: label of the y axis.
        line: value of a horizontal line; None for none.

    Returns:
        Inline SVG; empty if no run has the column.
    """
    if not any(column in run.curves for run in runs):
        return ""

    def draw(axes: Axes) -> None:
        if line is not None:
            axes.axhline(line, color="#888", lw=1, ls="--")
        named: set[str] = set()
        for run, color in _colored(runs):
            if column in run.curves:
                x, y = zip(*run.curves[column], strict=True)
                axes.plot(
                    x,
                    y,
                    color=color,
                    lw=2,
                    label=None if run.experiment in named else run.experiment,
                )
                named.add(run.experiment)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.legend(frameon=False)

    return _svg(draw, 3.4, 5.5)


def _colored(runs: list[Run]) -> list[tuple[Run, str]]:
    names = list(by_experiment(runs))
    return [(run, COLORS[names.index(run.experiment) % len(COLORS)]) for run in runs]


def _svg(draw: Callable[[Axes], None], height: float, width: float) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots())
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]
