"""How much each joint of a track moves. For research; no clinical meaning is claimed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fidip.core.arrays import Floats
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.metrics import track_quality as motion

CONFIDENT = 0.3
"""Key points with less confidence, filled gaps among them, do not count."""

BENDS = {
    "shoulder": ("elbow", "hip"),
    "elbow": ("shoulder", "wrist"),
    "hip": ("shoulder", "knee"),
    "knee": ("hip", "ankle"),
}
"""Joints that have an angle, and the two that it is between."""

Summary = list[dict[str, str | float]]


def summarize(track: Track) -> Summary:
    """A row a joint: share of confident frames; median and 95th percentile of speed (torso lengths/s)
    and acceleration (torso lengths/s²); range of its angle in the picture in degrees, from the 5th to
    the 95th percentile; and (left - right) / (left + right) of the median speeds, NaN for the nose.

    Everything is as seen in the picture: movement towards the camera is not measured.
    """
    xy, speed, acceleration = _measure(track)
    ranges = {f"{side}_{joint}": _angle_range(xy, side, joint)
              for side in ("left", "right") for joint in BENDS}  # fmt: skip
    middle = _percentile(speed, 50)
    rows: Summary = []
    for joint, name in enumerate(COCO17.joints):
        rows.append(
            {
                "joint": name,
                "confident_share": float((track.scores[:, joint] >= CONFIDENT).mean()),
                "speed_median": float(middle[joint]),
                "speed_p95": float(_percentile(speed, 95)[joint]),
                "acceleration_median": float(_percentile(acceleration, 50)[joint]),
                "acceleration_p95": float(_percentile(acceleration, 95)[joint]),
                "angle_range_deg": ranges.get(name, float("nan")),
                "left_right_asymmetry": _asymmetry(middle, joint),
                "use": "research",
            }
        )
    return rows


def write_movement_csv(track: Track, path: Path) -> None:
    """Write ``summarize`` as a table; what is unknown is empty."""
    rows = summarize(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({key: _cell(value) for key, value in row.items()})


def write_movement_figure(track: Track, path: Path) -> None:
    """Draw the distributions of speed and acceleration of each joint, and its confident share."""
    _, speed, acceleration = _measure(track)
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    places = range(len(COCO17))
    for each, values, label in (
        (axes[0], speed, "speed in torso lengths/s"),
        (axes[1], acceleration, "acceleration in torso lengths/s²"),
    ):
        known = [column[np.isfinite(column)] for column in values.T]
        each.boxplot(known, positions=places, orientation="horizontal", whis=(5, 95), sym="")
        each.set(xlabel=label)
    axes[2].barh(places, (track.scores >= CONFIDENT).mean(axis=0), color="#0072B2")
    axes[2].set(xlabel=f"share of frames with confidence from {CONFIDENT}", xlim=(0, 1))
    axes[0].set_yticks(places, [name.replace("_", " ") for name in COCO17.joints])
    axes[0].invert_yaxis()
    figure.suptitle("Movement in the picture: research use, not for diagnosis", ha="right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _measure(track: Track) -> tuple[Floats, Floats, Floats]:
    """(T, K, 2) confident key points, and their (T, K) speed and acceleration in torso lengths."""
    xy = np.where((track.scores >= CONFIDENT)[..., None], track.xy, np.nan)
    if len(track) < 3:
        return xy, np.full(xy.shape[:2], np.nan), np.full(xy.shape[:2], np.nan)
    torso = motion.torso_length(xy)
    acceleration = np.linalg.norm(motion.acceleration(track.times, xy), axis=-1)
    return xy, motion.speed(track.times, xy) / torso, acceleration / torso


def _angle_range(xy: Floats, side: str, joint: str) -> float:
    at, one, other = (
        xy[:, COCO17.joints.index(f"{side}_{name}")] for name in (joint, *BENDS[joint])
    )
    a, b = one - at, other - at
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    angle = np.degrees(np.abs(np.arctan2(cross, (a * b).sum(axis=1))))[:, None]
    return float((_percentile(angle, 95) - _percentile(angle, 5))[0])


def _asymmetry(middle: Floats, joint: int) -> float:
    for left, right in COCO17.flip_pairs:
        if joint in (left, right):
            total = middle[left] + middle[right]
            return float((middle[left] - middle[right]) / total) if total > 0 else float("nan")
    return float("nan")


def _percentile(values: Floats, share: float) -> Floats:
    """(K,) percentile of the known values of each column of (T, K); NaN where there is none."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([np.percentile(c, share) if len(c) else np.nan for c in columns])


def _cell(value: str | float) -> str | float:
    if isinstance(value, str):
        return value
    return round(value, 4) if np.isfinite(value) else ""
