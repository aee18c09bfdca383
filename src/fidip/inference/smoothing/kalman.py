"""Kalman filter with a constant-acceleration model, and the corresponding smoother."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats, Scores
from fidip.core.track import Track
from fidip.inference.smoothing.chain import OnlineStep, RunningSize, known_in, usual_size
from fidip.inference.smoothing.gaps import short_gaps

START_STD = (1.0, 5.0, 50.0)
"""Initial standard deviations of position, velocity and acceleration, in body sizes, s and s²."""


@dataclass(frozen=True)
class KalmanSmoother:
    """Kalman smoother of position, velocity and acceleration of each joint.

    Rauch-Tung-Striebel smoother (1965) with random changes of acceleration. The noise of a keypoint
    depends on its confidence and follows Student's t distribution, so outliers have less weight;
    the weights are fitted iteratively (Ting, Theodorou and Schaal 2007). Gaps up to ``longest_gap``
    are filled, with confidence 0. The causal form is the Kalman filter, which fills no gaps.

    Attributes:
        jerk: rate of change of acceleration in body sizes/s^2.5 (root of its spectral density).
        noise: standard deviation of a keypoint with confidence 0, in body sizes.
        decay: the noise decreases by a factor e per 1 / decay of confidence.
        tail: degrees of freedom of Student's t; smaller values reduce the weight of outliers,
            infinity gives the plain Kalman smoother.
        rounds: number of iterations of the weights.
        longest_gap: maximum time between the known keypoints on both sides of a filled gap in s.
    """

    jerk: float = 30.0
    noise: float = 1.0
    decay: float = 5.0
    tail: float = 3.0
    rounds: int = 4
    longest_gap: float = 0.5

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        size = usual_size(track.xy)
        if not np.isfinite(size):
            return track
        variance = self._variance(track.xy, track.scores, size)
        trusted = variance
        for _ in range(self.rounds):
            smooth = _smooth(track.times, track.xy, trusted, size, self.jerk)
            trusted = variance / self._weight(((track.xy - smooth) ** 2).sum(axis=-1) / variance)
        kept = track.known | short_gaps(track.times, track.known, self.longest_gap)
        return replace(track, xy=np.where(kept[..., None], smooth, np.nan))

    def online(self) -> OnlineStep:
        """Return the causal form of the filter, for one person."""
        size, state = RunningSize(), _State(self.jerk)

        def step(time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
            unit, known = size(xy), known_in(xy)
            if not np.isfinite(unit):
                return xy, scores
            state.predict(time, xy, unit)
            variance = self._variance(xy, scores, unit)
            squared = ((xy - state.mean[:, 0]) ** 2).sum(axis=-1)
            weight = self._weight(squared / (variance + state.cov[:, 0, 0]))
            state.update(xy, variance / weight)
            return np.where(known[:, None], state.mean[:, 0], np.nan), scores

        return step

    def _variance(self, xy: Floats, scores: Scores, size: float) -> Floats:
        """Return (..., K) noise variances in px² per axis, infinite where unknown."""
        std = size * self.noise * np.exp(-self.decay * scores.astype(np.float64))
        return np.where(known_in(xy), std**2, np.inf)

    def _weight(self, squared: Floats) -> Floats:
        """Return the weights of keypoints from their squared normalised errors."""
        return np.nan_to_num((self.tail + 2) / (self.tail + squared), nan=1.0)


class _State:
    """State of K joints: ``mean`` (K, 3, 2) and ``cov`` (K, 3, 3), which x and y share."""

    def __init__(self, jerk: float) -> None:
        self.jerk = jerk
        self.time = np.nan
        self.mean = np.empty((0, 3, 2))
        self.cov = np.empty((0, 3, 3))

    def predict(self, time: float, xy: Floats, size: float) -> None:
        """Advance the state to ``time``; initialise joints that are known for the first time."""
        if not len(self.mean):
            self.time = time
            self.mean = np.full((len(xy), 3, 2), np.nan)
            self.cov = np.tile(np.diag(np.square(START_STD)) * size**2, (len(xy), 1, 1))
        change, spread = motion_model(time - self.time)
        self.time = time
        started = np.isfinite(self.mean[:, 0, 0])
        self.mean = change @ self.mean
        moved = change @ self.cov @ change.T + (self.jerk * size) ** 2 * spread
        self.cov = np.where(started[:, None, None], moved, self.cov)
        first = known_in(xy) & ~started
        self.mean[first] = 0.0
        self.mean[first, 0] = xy[first]

    def update(self, xy: Floats, variance: Floats) -> None:
        """Update the state with (K, 2) keypoints and (K,) variances, infinite where unknown."""
        gain = self.cov[:, :, 0] / (self.cov[:, 0, 0] + variance)[:, None]
        surprise = np.where(np.isfinite(variance)[:, None], xy - self.mean[:, 0], 0.0)
        self.mean = self.mean + gain[:, :, None] * surprise[:, None, :]
        self.cov = self.cov - gain[:, :, None] * self.cov[:, None, 0, :]


def motion_model(elapsed: float) -> tuple[Floats, Floats]:
    """Return the constant-acceleration model with white-noise jerk of unit density.

    Args:
        elapsed: time step in s.

    Returns:
        (3, 3) transition matrix of position, velocity and acceleration, and (3, 3) process noise
        covariance.

    Example:
        >>> transition, _ = motion_model(2.0)
        >>> transition
        array([[1., 2., 2.],
               [0., 1., 2.],
               [0., 0., 1.]])
    """
    t = elapsed
    change = np.array([[1, t, t**2 / 2], [0, 1, t], [0, 0, 1]])
    spread = np.array(
        [
            [t**5 / 20, t**4 / 8, t**3 / 6],
            [t**4 / 8, t**3 / 3, t**2 / 2],
            [t**3 / 6, t**2 / 2, t],
        ]
    )
    return change, spread


def _smooth(times: Floats, xy: Floats, variance: Floats, size: float, jerk: float) -> Floats:
    """Return positions estimated from all frames.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints in image px, NaN where unknown.
        variance: (T, K) variances in px², infinite where unknown.
        size: body size in px.
        jerk: as in ``KalmanSmoother``.

    Returns:
        (T, K, 2) positions in image px, NaN before a joint is first known.
    """
    state = _State(jerk)
    means, covs = np.empty((*xy.shape[:2], 3, 2)), np.empty((*xy.shape[:2], 3, 3))
    for frame, time in enumerate(times.tolist()):
        state.predict(time, xy[frame], size)
        state.update(xy[frame], variance[frame])
        means[frame], covs[frame] = state.mean, state.cov
    for frame in range(len(times) - 2, -1, -1):
        # Recompute the prediction of the next frame: storing it would double the memory.
        change, spread = motion_model(float(times[frame + 1] - times[frame]))
        carried = change @ covs[frame]
        ahead_cov = carried @ change.T + (jerk * size) ** 2 * spread
        back = np.linalg.solve(ahead_cov, carried).transpose(0, 2, 1)
        means[frame] += back @ np.nan_to_num(means[frame + 1] - change @ means[frame])
    return means[:, :, 0].copy()
