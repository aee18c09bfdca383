"""Figures of the error analysis: kinds of error, reliability of scores, slices of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fidip.report.figures import COLORS, _svg
from fidip.report.runs import Run, by_experiment

KIND_COLORS = {
    "good": "#009E73",
    "jitter": "#56B4E9",
    "inversion": "#E69F00",
    "swap": "#CC79A7",
    "miss": "#D55E00",
}


def plot_diagnosis(runs: list[Run]) -> list[dict[str, str]]:
    """Return captions and inline SVGs of runs with an error analysis; seeds are averaged.

    Args:
        runs: the finished runs.
    """
    groups = by_experiment([run for run in runs if run.results.has_diagnosis])
    if not groups:
        return []
    found = [
        {"caption": f"Kinds of error, {name}", "svg": plot_error_kinds(group)}
        for name, group in groups.items()
    ]
    found.append(
        {"caption": "Reliability: mean OKS of people by score", "svg": plot_reliability(groups)}
    )
    if slices := slices_of_people(groups):
        found.append(
            {"caption": "AP by slice of people, with 95 % intervals over images", "svg": slices}
        )
    return found


def plot_error_kinds(group: list[Run]) -> str:
    """Plot the fractions of the kinds of error as stacked bars, one per joint.

    Args:
        group: runs of one experiment.

    Returns:
        Inline SVG.
    """
    joints = list(group[0].results.per_joint or {})
    rows: list[list[Mapping[str, float | None]]] = [
        [r.results.kinds or {} for r in group],
        *([_kinds(r, joint) for r in group] for joint in joints),
    ]

    def draw(axes: Axes) -> None:
        left = np.zeros(len(rows))
        for kind, color in KIND_COLORS.items():
            fractions = np.array([np.mean([seed.get(kind) or 0.0 for seed in row]) for row in rows])
            axes.barh(range(len(rows)), fractions, left=left, color=color, label=kind)
            left += fractions
        axes.set_yticks(range(len(rows)), ["all", *(j.replace("_", " ") for j in joints)])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("fraction of labelled joints")
        axes.legend(frameon=False, ncols=5, loc="lower center", bbox_to_anchor=(0.4, 1))

    return _svg(draw, 5.4, 6.5)


def _kinds(run: Run, joint: str) -> Mapping[str, float | None]:
    found: Mapping[str, float | None] = (
        (run.results.per_joint or {}).get(joint, {}).get("kinds", {})
    )
    return found


def plot_reliability(groups: dict[str, list[Run]]) -> str:
    """Plot mean OKS against mean score in bins of equal size; the diagonal is perfect calibration.

    Args:
        groups: runs by experiment.

    Returns:
        Inline SVG.
    """

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#888", lw=1, ls="--")
        for i, (name, group) in enumerate(groups.items()):
            error = np.mean([(run.results.reliability or {})["ece"] for run in group])
            for seed, run in enumerate(group):
                bins = (run.results.reliability or {})["bins"]
                axes.plot(
                    [row["score"] for row in bins],
                    [row["oks"] for row in bins],
                    "o-",
                    ms=4,
                    color=COLORS[i % len(COLORS)],
                    label=None if seed else f"{name}, ECE {error:.3f}",
                )
        axes.set_xlabel("score")
        axes.set_ylabel("OKS")
        axes.set_ylim(0, 1)
        axes.legend(frameon=False)

    return _svg(draw, 5.4, 6.5)


def slices_of_people(groups: dict[str, list[Run]]) -> str:
    """Plot AP of each slice with its interval over images.

    Args:
        groups: runs by experiment.

    Returns:
        Inline SVG; empty if there are no slices.
    """
    first = next(iter(groups.values()))[0].results.slices or {}
    names = [(prop, value) for prop, values in first.items() for value in values]
    if not names:
        return ""

    def draw(axes: Axes) -> None:
        for i, (name, group) in enumerate(groups.items()):
            color, shift = COLORS[i % len(COLORS)], 0.6 * ((i + 0.5) / len(groups) - 0.5)
            for row, (prop, value) in enumerate(names):
                seeds = [_slice(run, prop, value) for run in group]
                known = [seed for seed in seeds if seed and seed["AP"] is not None]
                if known:
                    at = row + shift
                    low, high = np.mean([s["interval"] or [s["AP"]] * 2 for s in known], axis=0)
                    axes.plot([low, high], [at, at], color=color, lw=2, solid_capstyle="round")
                    ap = np.mean([s["AP"] for s in known])
                    axes.plot(ap, at, "o", color=color, ms=5, label=None if row else name)
        labels = [f"{prop}: {value} ({first[prop][value]['people']})" for prop, value in names]
        axes.set_yticks(range(len(names)), labels)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("AP; number of people in brackets")
        axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.4, 1))

    return _svg(draw, 1.2 + (0.25 + 0.12 * len(groups)) * len(names), 6.5)


def _slice(run: Run, prop: str, value: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (run.results.slices or {}).get(prop, {}).get(value)
    return found
