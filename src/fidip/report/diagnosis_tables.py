"""What explains the numbers of an evaluation, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fidip.metrics import KINDS


def diagnosis(scores: dict[str, Any]) -> list[Table | str]:
    """Tables of joints and of slices and a line on confidences; nothing where nobody was found."""
    if "per_joint" not in scores:
        return []
    tables = [_joint_table(scores)]
    if scores["slices"]:
        tables.append(_slice_table(scores["slices"]))
    return [*tables, _reliability(scores["reliability"])]


def _joint_table(scores: dict[str, Any]) -> Table:
    """How often a joint is labelled, AP, PCK, error in torso lengths, and kinds of error."""
    columns = ("n", "AP", "PCK.1", "torso", *KINDS)
    table = _table("joints: AP, PCK at 0.1, error in torso lengths, kinds of error in %", columns)
    joints = scores["per_joint"]
    every = {
        **scores,
        **scores["pck"],
        "count": sum(joint["count"] for joint in joints.values()),
        "ap": scores["metrics"]["AP"],
    }
    for name, row in {"all": every, **joints}.items():
        numbers = [show_number(row[key]) for key in ("ap", "pck@0.1", "torso_error")]
        shares = [_percent(row["kinds"][kind]) for kind in KINDS]
        table.add_row(name.replace("_", " "), str(row["count"]), *numbers, *shares)
    return table


def _slice_table(slices: dict[str, Any]) -> Table:
    """AP of people who have something in common, with what says how far to trust it."""
    table = _table("slices", ("people", "images", "AP", "95 % interval"))
    for name, values in slices.items():
        for value, row in values.items():
            numbers = [str(row["people"]), str(row["images"]), show_number(row["AP"])]
            table.add_row(f"{name}: {value}", *numbers, show_interval(row["interval"]))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    """A table of numbers, named in its first column."""
    table = Table("", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title=title)
    table.title_justify, table.title_style = "left", "bold"
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.columns[0].no_wrap = True
    return table


def _reliability(reliability: dict[str, Any]) -> str:
    """The calibration error in a line."""
    after = reliability.get("calibrated")
    calibrated = f", calibrated {after['ece']:.3f}" if after else ""
    return f"confidences: expected calibration error {reliability['ece']:.3f}{calibrated}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}"


def show_number(value: float | None) -> str:
    """Three digits; n/a for None."""
    return "n/a" if value is None else f"{value:.3f}"


def show_interval(interval: Sequence[float] | None) -> str:
    """Both ends; nothing for None."""
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
