"""Figures of the page that report.py writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from cells import Row, mean, over_targets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

SHORT = {"adaptation": "MoveNet", "adaptation_norm": "with BatchNorm"}
"""Names of the starts in figures."""
MARKERS = "osD^vP*X<>p"  # one more than the colours, so that pairs of both differ


def grid(
    rows: Sequence[Row],
    column: Callable[[Row], str],
    draw: Callable[[Axes, list[Row], dict[str, Any]], None],
    shared: bool = False,
) -> Figure:
    """Draw a panel for each start and value of a column, and one legend of the drawn methods.

    With ``shared``, panels share their axes: that of AP within a start.
    """
    starts = list(dict.fromkeys(row.cell.start for row in rows))
    columns = list(dict.fromkeys(map(column, sorted(rows, key=lambda row: row.cell.order[2]))))
    figure = Figure(figsize=(3.6 * len(columns) + 2.2, 3.4 * len(starts)), layout="constrained")
    methods = list(dict.fromkeys(row.method for row in rows))
    styles = {
        name: {"color": f"C{i % 10}", "marker": MARKERS[i % len(MARKERS)], "label": name}
        for i, name in enumerate(methods)
    }
    panels = figure.subplots(
        len(starts), len(columns), squeeze=False, sharex=shared, sharey="row" if shared else False
    )
    for panel_row, start in zip(panels, starts, strict=True):
        for axes, value in zip(panel_row, columns, strict=True):
            own = [row for row in rows if (row.cell.start, column(row)) == (start, value)]
            axes.set_visible(bool(own))
            draw(axes, own, styles)
            axes.set_title(f"{SHORT.get(start, start)}: {value}", fontsize=10)
            axes.grid(alpha=0.25, linewidth=0.6)
            axes.tick_params(labelbottom=True)  # the panel below may be hidden
    drawn = {label for axes in panels.flat for label in axes.get_legend_handles_labels()[1]}
    handles = [
        Line2D([], [], linestyle="", **style) for name, style in styles.items() if name in drawn
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8)
    return figure


def draw_plane(axes: Axes, rows: list[Row], styles: dict[str, Any]) -> None:
    """Draw AP over the AP kept on adults, means over targets, for one number of labels.

    Methods that were not run on all of these targets are left out: their means would be of others.
    """
    targets = len({row.cell.target for row in rows})
    for (_, method), group in over_targets(rows).items():
        forgotten, ap = mean([row.kept for row in group]), mean([row.ap for row in group])
        if forgotten is not None and ap is not None and len(group) == targets:
            axes.plot(100 * forgotten, ap, linestyle="", **styles[method])
    axes.axvline(80, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("AP kept on rendered adults, %")
    axes.set_ylabel("AP, mean over targets")


def draw_labels(axes: Axes, rows: list[Row], styles: dict[str, Any]) -> None:
    """Draw AP over the number of labels, with its interval, for one target."""
    ordered = sorted(rows, key=lambda row: row.cell.order[2])
    ticks = list(dict.fromkeys(row.cell.shown_labels for row in ordered))
    offsets = dict(zip(styles, np.linspace(-0.3, 0.3, len(styles)), strict=True))
    for method in dict.fromkeys(row.method for row in ordered):
        line = [row for row in ordered if row.method == method]
        at = [ticks.index(row.cell.shown_labels) + offsets[method] for row in line]
        ap = np.array([row.ap for row in line])
        low, high = np.array([row.interval or (row.ap, row.ap) for row in line]).T
        ends = [(ap - low).clip(0), (high - ap).clip(0)]  # a mean may lie outside
        axes.errorbar(at, ap, ends, markersize=4, linewidth=0.8, elinewidth=0.7, **styles[method])
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.5, max(len(ticks), 1) - 0.5)
    axes.set_xlabel("target images with labels")
    axes.set_ylabel("AP")
