"""How well a track follows a movement: jitter, lag, and the error where it is rapid.

Key points are (T, K, 2) in image px, NaN where unknown; times are (T,) in s, increasing, evenly
spaced or not. Lengths are told in torso lengths, so that no figure depends on the camera.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from fidip.core.arrays import Floats, Mask
from fidip.core.skeleton import HIPS, SHOULDERS

LONGEST_LAG = 10.0
"""Frames that a lag is looked for in, before and after."""


def torso_length(xy: Floats) -> float:
    """Median over frames of the distance from the middle of the shoulders to that of the hips, px.

    NaN where the four are never known together.
    """
    torso = xy[:, SHOULDERS].mean(axis=1) - xy[:, HIPS].mean(axis=1)
    lengths = np.linalg.norm(torso, axis=1)
    known = lengths[np.isfinite(lengths)]
    return float(np.median(known)) if len(known) else float("nan")


def velocity(times: Floats, xy: Floats) -> Floats:
    """(T, K, 2) px/s at each frame, of the parabola through it and its neighbours.

    NaN in the first and the last frame and beside unknown key points.
    """
    before, after = _slopes(times, xy)
    steps = np.diff(times)[:, None, None]
    out = np.full(xy.shape, np.nan)
    out[1:-1] = (before * steps[1:] + after * steps[:-1]) / (steps[1:] + steps[:-1])
    return out


def acceleration(times: Floats, xy: Floats) -> Floats:
    """(T, K, 2) px/s² at each frame, of the parabola through it and its neighbours; NaN as ``velocity``."""
    before, after = _slopes(times, xy)
    steps = np.diff(times)[:, None, None]
    out = np.full(xy.shape, np.nan)
    out[1:-1] = 2 * (after - before) / (steps[1:] + steps[:-1])
    return out


def _slopes(times: Floats, xy: Floats) -> tuple[Floats, Floats]:
    """(T - 2, K, 2) mean velocities before and after each frame but the first and the last."""
    slopes = np.diff(xy, axis=0) / np.diff(times)[:, None, None]
    return slopes[:-1], slopes[1:]


def speed(times: Floats, xy: Floats) -> Floats:
    """(T, K) length of ``velocity``, px/s."""
    return np.asarray(np.linalg.norm(velocity(times, xy), axis=-1))


def jitter(times: Floats, xy: Floats, truth: Floats) -> float:
    """Root mean square over joints and frames of the acceleration's error, torso lengths/s².

    Zero for a track that is off by the same in every frame: it tells trembling from being wrong.
    """
    error = np.linalg.norm(acceleration(times, xy) - acceleration(times, truth), axis=-1)
    return float(np.sqrt(np.nanmean(error**2))) / torso_length(truth)


def position_error(xy: Floats, truth: Floats, where: Mask | None = None) -> float:
    """Mean distance in torso lengths over the key points known to both, or those of ``where`` (T, K)."""
    error = np.linalg.norm(xy - truth, axis=-1)
    if where is not None:
        error = np.where(where, error, np.nan)
    known = error[np.isfinite(error)]
    return float(known.mean()) / torso_length(truth) if len(known) else float("nan")


def rapid(times: Floats, truth: Floats, faster_than: float) -> Mask:
    """(T, K) where a joint truly is faster than so many torso lengths a second: kicks."""
    return np.asarray(speed(times, truth) > faster_than * torso_length(truth))


def lag_frames(times: Floats, xy: Floats, truth: Floats) -> float:
    """By how many frames a track comes late: the delay of the truth that it is nearest to.

    Nearest by mean distance, with the truth interpolated between its frames; a frame is the median
    step in time. Looked for within ``LONGEST_LAG`` frames; negative where the track is ahead.
    """
    frame = float(np.median(np.diff(times)))
    margin = LONGEST_LAG * frame
    inner = (times >= times[0] + margin) & (times <= times[-1] - margin)
    if inner.sum() < 2:
        raise ValueError(f"a lag needs more than {2 * LONGEST_LAG:g} frames, got {len(times)}")

    def distance(lag: float) -> float:
        delayed = interpolate(times, truth, times[inner] - lag * frame)
        return float(np.nanmean(np.linalg.norm(xy[inner] - delayed, axis=-1)))

    start = min(np.arange(-LONGEST_LAG, LONGEST_LAG + 1), key=distance)
    bounds = (max(start - 1, -LONGEST_LAG), min(start + 1, LONGEST_LAG))
    return float(minimize_scalar(distance, bounds=bounds, method="bounded").x)


def interpolate(times: Floats, xy: Floats, at: Floats) -> Floats:
    """(N, K, 2) key points at other times (N,), on straight lines between those of the frames."""
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    share = (at - times[after - 1]) / (times[after] - times[after - 1])
    return np.asarray(xy[after - 1] + share[:, None, None] * (xy[after] - xy[after - 1]))
