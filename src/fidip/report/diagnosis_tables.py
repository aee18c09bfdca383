"""Tables of the error analysis, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fidip.io.terminal import text_table
from fidip.metrics import KINDS, Results
from fidip.report.formatting import show_interval, show_number
from fidip.report.infant_tables import total


def diagnosis(results: Results) -> list[Table | str]:
    """Return tables of joints, slices and videos and a line on calibration.

    Args:
        results: results of a test.

    Returns:
        The tables; only that of videos if no prediction matches a labelled person.
    """
    videos = [_video_table(results.videos)] if results.videos else []
    if results.per_joint is None or results.reliability is None:
        return [*videos]
    tables = [_joint_table(results, results.per_joint)]
    if results.slices:
        tables.append(_slice_table(results.slices))
    return [*tables, *videos, _reliability(results.reliability)]


def _joint_table(results: Results, per_joint: Mapping[str, Any]) -> Table:
    """Return a table of joints: number of labels, AP, PCK, torso error and kinds of error."""
    columns = ("n", "AP", "PCK.1", "torso", *KINDS)
    every = {
        **(results.pck or {}),
        "count": sum(joint["count"] for joint in per_joint.values()),
        "ap": results.metrics["AP"],
        "torso_error": results.torso_error,
        "kinds": results.kinds,
    }
    rows = []
    for name, row in {"all": every, **per_joint}.items():
        numbers = [show_number(row.get(key)) for key in ("ap", "pck@0.1", "torso_error")]
        fractions = [_percent(row["kinds"][kind]) for kind in KINDS]
        rows.append([name.replace("_", " "), str(row["count"]), *numbers, *fractions])
    title = "joints: AP, PCK at 0.1, error in torso lengths, kinds of error in %"
    return _table(title, columns, rows)


def _slice_table(slices: Mapping[str, Any]) -> Table:
    """Return a table of slices: AP with the numbers of people and images and the interval."""
    rows = []
    for name, values in slices.items():
        for value, row in values.items():
            numbers = [str(row["people"]), str(row["images"]), show_number(row["AP"])]
            rows.append([f"{name}: {value}", *numbers, show_interval(row["interval"], "")])
    return _table("slices", ("people", "images", "AP", "95 % interval"), rows)


def _video_table(videos: Mapping[str, Mapping[str, int]]) -> Table:
    """Return a table of videos: frames without a detection, detections beyond one per person."""
    columns = ("frames", "people", "predictions", "missed", "redundant")
    every = ("all", {key: total(videos, key) for key in columns})
    rows = [[name, *(str(row[key]) for key in columns)] for name, row in (every, *videos.items())]
    title = "videos: missed frames and redundant detections"
    return _table(title, columns, rows)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of numbers with its title."""
    every = ("", *columns)
    return text_table(
        every, rows, right=columns, unbroken=every, box=SIMPLE_HEAD, padding=(0, 1, 0, 0),
        pad_edge=False, title=title, title_justify="left", title_style="bold",
    )  # fmt: skip


def _reliability(reliability: Mapping[str, Any]) -> str:
    """Return the calibration error in one line."""
    after = reliability.get("calibrated")
    calibrated = f", calibrated {after['ece']:.3f}" if after else ""
    return f"confidences: expected calibration error {reliability['ece']:.3f}{calibrated}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}"
