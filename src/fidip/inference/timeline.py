"""Figure of a track over time: confidence, speed and gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fidip.core.track import Track


def write_timeline(track: Track, path: Path) -> None:
    """Draw mean confidence and median joint speed over time, with gaps in grey.

    Args:
        track: track of one person.
        path: path of the image file.
    """
    figure = Figure(figsize=(9, 4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    seen = (track.scores > 0).any(axis=1)  # excludes filled gaps
    upper.plot(track.times, np.where(seen, track.scores.mean(axis=1), np.nan), color="#0072B2")
    upper.set(ylabel="mean confidence", ylim=(0, 1))
    lower.plot(track.times[1:], median_speed(track), color="#D55E00")
    lower.set(ylabel="median speed in px/s", xlabel="time in s")
    for axes in (upper, lower):
        axes.fill_between(
            track.times, 0, 1, where=~seen, transform=axes.get_xaxis_transform(), color="0.85"
        )
    upper.set_title(
        f"infant found in {int(seen.sum())} of {len(track)} frames (grey: not found)", loc="left"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def median_speed(track: Track) -> np.ndarray:
    """Return the median speed of the joints between successive frames.

    Args:
        track: track of T frames.

    Returns:
        (T - 1,) speeds in px/s, NaN where no joint is known in both frames.

    Example:
        >>> xy = np.zeros((2, 17, 2))
        >>> xy[1, :, 0] = 5.0
        >>> scores, boxes = np.ones((2, 17), np.float32), np.zeros((2, 4))
        >>> median_speed(Track(np.array([0.0, 0.5]), xy, scores, boxes, (640, 480)))
        array([10.])
    """
    step = np.linalg.norm(np.diff(track.xy, axis=0), axis=2)
    both = np.isfinite(step).any(axis=1)
    speed = np.full(len(step), np.nan)
    speed[both] = np.nanmedian(step[both], axis=1) / np.diff(track.times)[both]
    return speed
