"""Figures of AP over swept numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from fidip.report.comparison import Comparison
from fidip.report.figures import COLORS, _svg
from fidip.report.grid import label
from fidip.report.run_files import LARGEST_NUMBER
from fidip.report.runs import Run, by_experiment
from fidip.report.tables import interval_of

DECADES = 2
"""Range in decades from which the axis is logarithmic."""


def sweep_curves(runs: list[Run], comparison: Comparison) -> list[dict[str, str]]:
    """Return captions and inline SVGs, one for each swept number.

    Args:
        runs: the finished runs.
        comparison: their comparison.
    """
    axes = dict.fromkeys(axis for run in runs for axis in run.axes)
    return [
        {"caption": f"AP over {axis}: mean over seeds with its 95 % interval; dots are seeds",
         "svg": _curve(axis, [run for run in runs if axis in run.axes], comparison)}
        for axis in axes
        if _is_number_line([run.axes[axis] for run in runs if axis in run.axes])
    ]  # fmt: skip


def _is_number_line(values: Sequence[Any]) -> bool:
    numbers = {v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)}
    return (
        len(numbers) > 1
        and all(v is None or v in numbers for v in values)
        and all(abs(v) < LARGEST_NUMBER for v in numbers)
    )


def scale_of(values: Sequence[float]) -> str:
    """Return the scale of an axis: ``linear``, or over decades ``log`` (``symlog`` with zero).

    Args:
        values: the numbers on the axis.

    Example:
        >>> scale_of([1, 2, 3]), scale_of([0.001, 1.0]), scale_of([0, 0.001, 1.0])
        ('linear', 'log', 'symlog')
    """
    positive = [value for value in values if value > 0]
    if not positive or min(values) < 0:
        return "linear"
    if math.log10(max(positive) / min(positive)) < DECADES - 1e-9:
        return "linear"
    return "log" if len(positive) == len(values) else "symlog"


def lines_of(axis: str, runs: list[Run]) -> dict[str, list[list[Run]]]:
    """Return the points of each line: groups of seeds, sorted by value.

    Args:
        axis: the swept setting on the x axis.
        runs: the finished runs.

    Returns:
        Lines by label: experiment and other swept settings.
    """
    lines: dict[str, list[list[Run]]] = {}
    for group in by_experiment(runs).values():
        others = {key: value for key, value in group[0].axes.items() if key != axis}
        lines.setdefault(label(group[0].name, others), []).append(group)
    for points in lines.values():
        points.sort(key=lambda g: (g[0].axes[axis] is None, g[0].axes[axis] or 0))
    return lines


def _curve(axis: str, runs: list[Run], comparison: Comparison) -> str:
    numbers = sorted({run.axes[axis] for run in runs} - {None})
    scale = scale_of(numbers)
    beyond = numbers[-1] * 2 if scale != "linear" else 2 * numbers[-1] - numbers[-2]

    def draw(axes: Axes) -> None:
        for i, (name, points) in enumerate(lines_of(axis, runs).items()):
            color = COLORS[i % len(COLORS)]
            at = [beyond if g[0].axes[axis] is None else g[0].axes[axis] for g in points]
            seeds = [[run.results.metrics["AP"] or 0.0 for run in group] for group in points]
            means = [sum(values) / len(values) for values in seeds]
            ends = [
                interval_of(g, comparison) or (m, m) for g, m in zip(points, means, strict=True)
            ]
            axes.plot(at, means, "o-", color=color, lw=2, label=name)
            axes.fill_between(
                at,
                [low for low, _ in ends],
                [high for _, high in ends],
                color=color,
                alpha=0.15,
                lw=0,
            )
            for x, values in zip(at, seeds, strict=True):
                axes.plot([x] * len(values), values, ".", color=color, ms=5, alpha=0.6)
        if scale == "symlog":
            axes.set_xscale("symlog", linthresh=min(n for n in numbers if n > 0))
        else:
            axes.set_xscale(scale)
        ticks = [*numbers, *([beyond] if any(run.axes[axis] is None for run in runs) else [])]
        axes.set_xticks(ticks, [f"{n:g}" for n in numbers] + ["null"] * (len(ticks) - len(numbers)))
        axes.set_xticks([], minor=True)
        axes.set_xlabel(axis)
        axes.set_ylabel("AP")
        axes.legend(frameon=False)

    return _svg(draw, 3.8, 7)
