"""A Kalman filter with constant acceleration, and the smoother that looks back from the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats, Scores
from fidip.core.track import Track
from fidip.inference.smoothing.chain import RunningSize, Step, known_in, usual_size
from fidip.inference.smoothing.gaps import short_gaps

START_STD = (1.0, 5.0, 50.0)
"""Body sizes, and those by s and s²: what a joint that is first seen may be off by, its speed and acceleration."""


@dataclass(frozen=True)
class KalmanSmoother:
    """Each joint's position, speed and acceleration, estimated from all frames at once.

    Rauch, Tung and Striebel's smoother (1965) on a Kalman filter whose acceleration changes at
    random. A key point is trusted by its confidence, and less the farther it is from where the
    movement says: noise is Student's t, fitted by weights that are set anew in each round (Ting,
    Theodorou and Schaal 2007). Gaps up to ``longest_gap`` are filled, with confidence 0.
    Online it is the filter alone: unknown key points stay so.

    Attributes:
        jerk: how fast acceleration may change, body sizes/s^2.5 (the root of its spectral density).
        noise: standard deviation of a key point of confidence 0, body sizes.
        decay: noise falls by a factor e for every 1 / decay of confidence.
        tail: degrees of freedom of Student's t; fewer distrust jumps more, infinity is plain Kalman.
        rounds: of weights.
        longest_gap: s between the known key points on both sides of a gap that is filled.
    """

    jerk: float = 30.0
    noise: float = 1.0
    decay: float = 5.0
    tail: float = 3.0
    rounds: int = 4
    longest_gap: float = 0.5

    def __call__(self, track: Track) -> Track:
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

    def online(self) -> Step:
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
        """(..., K) px² of a key point's noise in x and in y; infinite where unknown."""
        std = size * self.noise * np.exp(-self.decay * scores.astype(np.float64))
        return np.where(known_in(xy), std**2, np.inf)

    def _weight(self, squared: Floats) -> Floats:
        """Trust in key points so many standard deviations, squared, from where they should be."""
        return np.nan_to_num((self.tail + 2) / (self.tail + squared), nan=1.0)


class _State:
    """The estimate of K joints: ``mean`` (K, 3, 2) and ``cov`` (K, 3, 3), the same in x and y."""

    def __init__(self, jerk: float) -> None:
        self.jerk = jerk
        self.time = np.nan
        self.mean = np.empty((0, 3, 2))
        self.cov = np.empty((0, 3, 3))

    def predict(self, time: float, xy: Floats, size: float) -> None:
        """Go on to ``time``; joints that are seen for the first time start there."""
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
        """Take in (K, 2) key points with (K,) variances; infinite ones are not looked at."""
        gain = self.cov[:, :, 0] / (self.cov[:, 0, 0] + variance)[:, None]
        surprise = np.where(np.isfinite(variance)[:, None], xy - self.mean[:, 0], 0.0)
        self.mean = self.mean + gain[:, :, None] * surprise[:, None, :]
        self.cov = self.cov - gain[:, :, None] * self.cov[:, None, 0, :]


def motion_model(elapsed: float) -> tuple[Floats, Floats]:
    """(3, 3) transition of position, speed and acceleration, and covariance of white jerk of unit density."""
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
    """(T, K, 2) positions given all frames; NaN before a joint is first known.

    Args:
        times: (T,) s.
        xy: (T, K, 2) image px, NaN where unknown.
        variance: (T, K) px², infinite where unknown.
        size: body size, px.
        jerk: as in ``KalmanSmoother``.
    """
    state = _State(jerk)
    means, covs = np.empty((*xy.shape[:2], 3, 2)), np.empty((*xy.shape[:2], 3, 3))
    for frame, time in enumerate(times.tolist()):
        state.predict(time, xy[frame], size)
        state.update(xy[frame], variance[frame])
        means[frame], covs[frame] = state.mean, state.cov
    for frame in range(len(times) - 2, -1, -1):
        # What was expected of the next frame is computed again: kept, it would double the memory.
        change, spread = motion_model(float(times[frame + 1] - times[frame]))
        carried = change @ covs[frame]
        ahead_cov = carried @ change.T + (jerk * size) ** 2 * spread
        back = np.linalg.solve(ahead_cov, carried).transpose(0, 2, 1)
        means[frame] += back @ np.nan_to_num(means[frame + 1] - change @ means[frame])
    return means[:, :, 0].copy()
