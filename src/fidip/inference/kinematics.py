"""Kinematics of a track: speed, acceleration and joint angles.

For research only; the values have no established clinical meaning.
"""

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
"""Minimum confidence of keypoints that count; it excludes filled gaps."""

BENDS = {
    "shoulder": ("elbow", "hip"),
    "elbow": ("shoulder", "wrist"),
    "hip": ("shoulder", "knee"),
    "knee": ("hip", "ankle"),
}
"""Joints with an angle, and the two neighbouring joints that define it."""

Summary = list[dict[str, str | float]]
"""One row of values per joint."""


def summarize(track: Track) -> Summary:
    """Summarize the kinematics of each joint.

    All values are measured in the image plane, so movement towards the camera is not included.

    Args:
        track: track of one person.

    Returns:
        A row per joint: fraction of confident frames; median and 95th percentile of speed (torso
        lengths/s) and of acceleration (torso lengths/s²); range of the joint angle in degrees, from
        the 5th to the 95th percentile; and left-right asymmetry, (left - right) / (left + right) of
        the median speeds. Undefined values are NaN.

    Example:
        >>> xy, scores = np.zeros((10, 17, 2)), np.ones((10, 17), np.float32)
        >>> xy[:, 11:13, 1] = 50.0
        >>> track = Track(np.arange(10.0), xy, scores, np.zeros((10, 4)), (640, 480))
        >>> row = summarize(track)[0]
        >>> row["joint"], row["confident_fraction"], row["speed_median"]
        ('nose', 1.0, 0.0)
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
                "confident_fraction": float((track.scores[:, joint] >= CONFIDENT).mean()),
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
    """Write the result of ``summarize`` as a CSV table, with empty cells for undefined values.

    Args:
        track: track of one person.
        path: path of the file.
    """
    rows = summarize(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({key: _cell(value) for key, value in row.items()})


def write_movement_figure(track: Track, path: Path) -> None:
    """Draw speed, acceleration and the fraction of confident frames of each joint.

    Args:
        track: track of one person.
        path: path of the image file.
    """
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
    axes[2].set(xlabel=f"fraction of frames with confidence from {CONFIDENT}", xlim=(0, 1))
    axes[0].set_yticks(places, [name.replace("_", " ") for name in COCO17.joints])
    axes[0].invert_yaxis()
    figure.suptitle("Movement in the picture: research use, not for diagnosis", ha="right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _measure(track: Track) -> tuple[Floats, Floats, Floats]:
    """Return (T, K, 2) confident keypoints, and (T, K) speed and acceleration in torso lengths."""
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


def _percentile(values: Floats, percent: float) -> Floats:
    """Return the percentile of known values in each column; NaN for columns without any."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([np.percentile(c, percent) if len(c) else np.nan for c in columns])


def _cell(value: str | float) -> str | float:
    if isinstance(value, str):
        return value
    return round(value, 4) if np.isfinite(value) else ""
