"""A figure of a track over time: confidence, speed, and where it has gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fidip.core.track import Track


def write_timeline(track: Track, path: Path) -> None:
    """Draw the mean confidence and the median speed of the joints over time, gaps in grey."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    seen = (track.scores > 0).any(axis=1)  # not where a gap was filled
    upper.plot(track.times, np.where(seen, track.scores.mean(axis=1), np.nan), color="#0072B2")
    upper.set(ylabel="mean confidence", ylim=(0, 1))
    lower.plot(track.times[1:], median_speed(track), color="#D55E00")
    lower.set(ylabel="median speed in px/s", xlabel="time in s")
    for axes in (upper, lower):
        axes.fill_between(
            track.times, 0, 1, where=~seen, transform=axes.get_xaxis_transform(), color="0.85"
        )
    upper.set_title(
        f"no one found in {int((~seen).sum())} of {len(track)} frames (grey)", loc="left"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def median_speed(track: Track) -> np.ndarray:
    """(T - 1,) median over joints of the distance to the frame before by the time, px/s."""
    step = np.linalg.norm(np.diff(track.xy, axis=0), axis=2)
    both = np.isfinite(step).any(axis=1)
    speed = np.full(len(step), np.nan)
    speed[both] = np.nanmedian(step[both], axis=1) / np.diff(track.times)[both]
    return speed
