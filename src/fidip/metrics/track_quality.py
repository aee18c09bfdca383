"""Quality of a track: jitter, lag, and error during fast movements.

Keypoints are (T, K, 2) in image px, NaN where unknown. Times are (T,) in s, increasing, evenly
spaced or not. Lengths are in torso lengths, so that values do not depend on the camera.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from fidip.core.arrays import Floats, Mask
from fidip.core.skeleton import HIPS, SHOULDERS

LONGEST_LAG = 10.0
"""Maximum absolute lag in frames."""


def torso_length(xy: Floats) -> float:
    """Return the median torso length, the distance from mid-shoulder to mid-hip.

    Args:
        xy: (T, K, 2) keypoints in image px, NaN where unknown.

    Returns:
        Length in px; NaN if no frame has all four joints.

    Example:
        >>> xy = np.zeros((3, 17, 2))
        >>> xy[:, HIPS, 1] = 50.0
        >>> torso_length(xy)
        50.0
    """
    torso = xy[:, SHOULDERS].mean(axis=1) - xy[:, HIPS].mean(axis=1)
    lengths = np.linalg.norm(torso, axis=1)
    known = lengths[np.isfinite(lengths)]
    return float(np.median(known)) if len(known) else float("nan")


def velocity(times: Floats, xy: Floats) -> Floats:
    """Return velocities, from the parabola through each frame and its neighbours.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px.

    Returns:
        (T, K, 2) velocities in px/s; NaN in the first and last frame and next to unknown keypoints.

    Example:
        >>> xy = np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[3.0, 0.0]]])
        >>> velocity(np.array([0.0, 0.1, 0.3]), xy)[1]
        array([[10.,  0.]])
    """
    before, after = _slopes(times, xy)
    steps = np.diff(times)[:, None, None]
    out = np.full(xy.shape, np.nan)
    out[1:-1] = (before * steps[1:] + after * steps[:-1]) / (steps[1:] + steps[:-1])
    return out


def acceleration(times: Floats, xy: Floats) -> Floats:
    """Return accelerations, from the parabola through each frame and its neighbours.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px.

    Returns:
        (T, K, 2) accelerations in px/s²; NaN in the first and last frame and next to unknown
        keypoints.

    Example:
        >>> acceleration(np.arange(3.0), np.array([[[0.0, 0.0]], [[1.0, 0.0]], [[4.0, 0.0]]]))[1]
        array([[2., 0.]])
    """
    before, after = _slopes(times, xy)
    steps = np.diff(times)[:, None, None]
    out = np.full(xy.shape, np.nan)
    out[1:-1] = 2 * (after - before) / (steps[1:] + steps[:-1])
    return out


def _slopes(times: Floats, xy: Floats) -> tuple[Floats, Floats]:
    """Return the mean velocities before and after each inner frame.

    Returns:
        (T - 2, K, 2) velocities before, and (T - 2, K, 2) after each frame, in px/s.
    """
    slopes = np.diff(xy, axis=0) / np.diff(times)[:, None, None]
    return slopes[:-1], slopes[1:]


def speed(times: Floats, xy: Floats) -> Floats:
    """Return the speed of keypoints, the length of ``velocity``.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px.

    Returns:
        (T, K) speeds in px/s.

    Example:
        >>> speed(np.arange(3.0), np.array([[[0.0, 0.0]], [[3.0, 4.0]], [[6.0, 8.0]]]))[1]
        array([5.])
    """
    return np.asarray(np.linalg.norm(velocity(times, xy), axis=-1))


def jitter(times: Floats, xy: Floats, truth: Floats) -> float:
    """Return the root mean square error of acceleration over joints and frames.

    A constant offset of the track has no jitter.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px.
        truth: (T, K, 2) true keypoints in image px.

    Returns:
        Jitter in torso lengths/s².

    Example:
        >>> truth = np.zeros((5, 17, 2))
        >>> truth[:, HIPS, 1] = 50.0
        >>> jitter(np.arange(5.0), truth + 3.0, truth)
        0.0
    """
    error = np.linalg.norm(acceleration(times, xy) - acceleration(times, truth), axis=-1)
    return float(np.sqrt(np.nanmean(error**2))) / torso_length(truth)


def position_error(xy: Floats, truth: Floats, where: Mask | None = None) -> float:
    """Return the mean distance of keypoints that are known in both tracks.

    Args:
        xy: (T, K, 2) keypoints in image px.
        truth: (T, K, 2) true keypoints in image px.
        where: (T, K) bool, keypoints to use; None for all.

    Returns:
        Error in torso lengths; NaN if no keypoint is known.

    Example:
        >>> truth = np.zeros((5, 17, 2))
        >>> truth[:, HIPS, 1] = 50.0
        >>> position_error(truth + [3.0, 4.0], truth)
        0.1
    """
    error = np.linalg.norm(xy - truth, axis=-1)
    if where is not None:
        error = np.where(where, error, np.nan)
    known = error[np.isfinite(error)]
    return float(known.mean()) / torso_length(truth) if len(known) else float("nan")


def rapid(times: Floats, truth: Floats, faster_than: float) -> Mask:
    """Return where joints move fast, such as in kicks.

    Args:
        times: (T,) times in s.
        truth: (T, K, 2) true keypoints in image px.
        faster_than: threshold in torso lengths/s.

    Returns:
        (T, K) bool, whether the speed exceeds the threshold.

    Example:
        >>> truth = np.zeros((3, 17, 2))
        >>> truth[:, HIPS, 1] = 50.0
        >>> truth[:, 9, 0] = [0.0, 100.0, 200.0]
        >>> rapid(np.arange(3.0), truth, faster_than=1.0)[1, 8:11]
        array([False,  True, False])
    """
    return np.asarray(speed(times, truth) > faster_than * torso_length(truth))


def lag_frames(times: Floats, xy: Floats, truth: Floats) -> float:
    """Return the delay of the truth with the smallest mean distance to a track.

    The truth is interpolated between frames; one frame is the median time step. The lag is at most
    ``LONGEST_LAG`` frames, and negative if the track is ahead.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px.
        truth: (T, K, 2) true keypoints in image px.

    Returns:
        Lag in frames.

    Raises:
        ValueError: the track has too few frames.

    Example:
        >>> times = np.arange(40.0)
        >>> truth = np.sin(times / 5)[:, None, None] * np.ones((40, 1, 2))
        >>> round(lag_frames(times, np.roll(truth, 2, axis=0), truth), 2)
        2.0
    """
    frame = float(np.median(np.diff(times)))
    margin = LONGEST_LAG * frame
    inner = (times >= times[0] + margin) & (times <= times[-1] - margin)
    if inner.sum() < 2:
        raise ValueError(
            f"times: {len(times)} frames; expected more than {2 * LONGEST_LAG:g} frames"
        )

    def distance(lag: float) -> float:
        delayed = interpolate_track(times, truth, times[inner] - lag * frame)
        return float(np.nanmean(np.linalg.norm(xy[inner] - delayed, axis=-1)))

    start = min(np.arange(-LONGEST_LAG, LONGEST_LAG + 1), key=distance)
    bounds = (max(start - 1, -LONGEST_LAG), min(start + 1, LONGEST_LAG))
    return float(minimize_scalar(distance, bounds=bounds, method="bounded").x)


def interpolate_track(times: Floats, xy: Floats, at: Floats) -> Floats:
    """Interpolate keypoints linearly between frames.

    Args:
        times: (T,) times of the frames in s.
        xy: (T, K, 2) keypoints in image px.
        at: (N,) times in s.

    Returns:
        (N, K, 2) keypoints in image px.

    Example:
        >>> xy = np.array([[[0.0, 0.0]], [[4.0, 2.0]]])
        >>> interpolate_track(np.array([0.0, 1.0]), xy, np.array([0.5]))
        array([[[2., 1.]]])
    """
    after = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    fraction = (at - times[after - 1]) / (times[after] - times[after - 1])
    return np.asarray(xy[after - 1] + fraction[:, None, None] * (xy[after] - xy[after - 1]))
