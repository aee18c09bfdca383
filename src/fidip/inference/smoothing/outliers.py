"""Removal of keypoints that jump away temporarily."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.track import Track
from fidip.inference.smoothing.chain import OnlineStep, RunningSize, known_in, usual_size

MEDIAN_TO_STD = 0.849
"""Ratio of standard deviation per axis to median distance, for normal noise: 1 / sqrt(2 ln 2)."""


@dataclass(frozen=True)
class Hampel:
    """Hampel filter, which removes keypoints far from the median of neighbouring frames.

    From Hampel 1974 and Pearson 2002.

    Attributes:
        reach: number of frames on each side for the median; online, twice as many earlier frames.
        threshold: maximum distance from the median in robust standard deviations.
        floor: distance that is always accepted, in body sizes; the deviation of a joint at rest is
            almost 0.
    """

    reach: int = 3
    threshold: float = 3.5
    floor: float = 0.03

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        windows = _windows(track.xy, self.reach)
        far = self._far(windows, track.xy, usual_size(track.xy))
        return replace(
            track,
            xy=np.where(far[..., None], np.nan, track.xy),
            scores=np.where(far, np.float32(0), track.scores),
        )

    def online(self) -> OnlineStep:
        """Return the causal form of the filter, for one person."""
        past: deque[Floats] = deque(maxlen=2 * self.reach + 1)
        size = RunningSize()

        def step(time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
            past.append(xy)
            far = self._far(np.stack(past, axis=-1), xy, size(xy))
            return np.where(far[:, None], np.nan, xy), np.where(far, np.float32(0), scores)

        return step

    def _far(self, windows: Floats, xy: Floats, size: float) -> Mask:
        """Return (..., K) whether keypoints are far from the median of windows (..., K, 2, W)."""
        known = known_in(xy)
        windows = np.where(known[..., None, None], windows, 0.0)
        middle = np.nanmedian(windows, axis=-1)
        distances = np.linalg.norm(windows - middle[..., None], axis=-2)
        limit = self.threshold * MEDIAN_TO_STD * np.nanmedian(distances, axis=-1)
        distance = np.linalg.norm(xy - middle, axis=-1)
        return known & (distance > np.fmax(limit, self.floor * size))


def _windows(xy: Floats, reach: int) -> Floats:
    """Return (T, K, 2, 2 reach + 1) neighbouring frames of each frame, NaN beyond the ends."""
    padded = np.pad(xy, ((reach, reach), (0, 0), (0, 0)), constant_values=np.nan)
    return sliding_window_view(padded, 2 * reach + 1, axis=0)
