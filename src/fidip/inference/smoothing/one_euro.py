"""1-euro filter: a low-pass filter with a speed-dependent cutoff frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.track import Track
from fidip.inference.smoothing.chain import OnlineStep, RunningSize, apply_step, known_in


@dataclass(frozen=True)
class OneEuro:
    """1-euro filter, an exponential average over a time that decreases with speed.

    From Casiez et al., CHI 2012. The filter is causal, with little jitter at rest and little lag in
    fast movements. It does not use confidence and fills no gaps.

    Attributes:
        min_cutoff: cutoff frequency at rest in Hz; lower values reduce jitter.
        beta: increase of the cutoff frequency in Hz per body size/s; higher values reduce lag. It
            has no effect as long as the body size is unknown.
        speed_cutoff: cutoff frequency of the low-pass filter of speed, in Hz.
        forget: time without a keypoint after which the filter restarts, in s.
    """

    min_cutoff: float = 2.0
    beta: float = 0.5
    speed_cutoff: float = 1.0
    forget: float = 0.5

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        return apply_step(self.online(), track)

    def online(self) -> OnlineStep:
        """Return the causal form of the filter, for one person."""
        return _Memory(self)


class _Memory:
    """State of the filter: time, position and velocity of each joint when it was last known."""

    def __init__(self, settings: OneEuro) -> None:
        self.settings = settings
        self.size = RunningSize()
        self.seen = np.empty(0)
        self.xy = np.empty((0, 2))
        self.velocity = np.empty((0, 2))

    def __call__(self, time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
        size, known = self.size(xy), known_in(xy)
        if not len(self.seen):
            self.seen = np.full(len(xy), -np.inf)
            self.xy, self.velocity = np.zeros_like(xy), np.zeros_like(xy)
        old = known & (time - self.seen <= self.settings.forget)
        new = known & ~old
        self.xy[new], self.velocity[new] = xy[new], 0.0
        self._advance(old, time, xy, size)
        self.seen[known] = time
        return np.where(known[:, None], self.xy, np.nan), scores

    def _advance(self, joints: Mask, time: float, xy: Floats, size: float) -> None:
        elapsed = (time - self.seen[joints])[:, None]
        raw = (xy[joints] - self.xy[joints]) / elapsed
        weight = _smoothing(elapsed, self.settings.speed_cutoff)
        self.velocity[joints] += weight * (raw - self.velocity[joints])
        speed = np.linalg.norm(self.velocity[joints], axis=-1, keepdims=True)
        # The size is NaN with fewer than three known keypoints, and 0 if they coincide.
        relative = speed / size if size > 0 else np.zeros_like(speed)
        cutoff = self.settings.min_cutoff + self.settings.beta * relative
        self.xy[joints] += _smoothing(elapsed, cutoff) * (xy[joints] - self.xy[joints])


def _smoothing(elapsed: Floats, cutoff: Floats | float) -> Floats:
    """Return the weight of a new value in a low-pass filter, from time step and cutoff in Hz."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff * elapsed)))
