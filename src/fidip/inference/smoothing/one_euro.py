"""The 1-euro filter: a low pass that opens with speed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.track import Track
from fidip.inference.smoothing.chain import RunningSize, Step, apply_step, known_in


@dataclass(frozen=True)
class OneEuro:
    """Average with the past, over a shorter time the faster a joint moves (Casiez et al. 2012).

    It needs no later frame, trembles little at rest and lags little in rapid movement. It knows
    nothing of confidence and fills no gap.

    Attributes:
        min_cutoff: Hz, of a joint at rest: lower trembles less.
        beta: Hz more for every body size a second: higher lags less.
        speed_cutoff: Hz, of the low pass that speed is measured with.
        forget: s without a key point after which it starts anew.
    """

    min_cutoff: float = 2.0
    beta: float = 0.5
    speed_cutoff: float = 1.0
    forget: float = 0.5

    def __call__(self, track: Track) -> Track:
        return apply_step(self.online(), track)

    def online(self) -> Step:
        return _Memory(self)


class _Memory:
    """What the filter keeps of each joint: when it was last seen, where, and how fast it was."""

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
        share = _smoothing(elapsed, self.settings.speed_cutoff)
        self.velocity[joints] += share * (raw - self.velocity[joints])
        speed = np.linalg.norm(self.velocity[joints], axis=-1, keepdims=True) / size
        cutoff = self.settings.min_cutoff + self.settings.beta * speed
        self.xy[joints] += _smoothing(elapsed, cutoff) * (xy[joints] - self.xy[joints])


def _smoothing(elapsed: Floats, cutoff: Floats | float) -> Floats:
    """Weight of a new value in a low pass of a cutoff in Hz, after ``elapsed`` s."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * cutoff * elapsed)))
