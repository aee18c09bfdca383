"""Short gaps in a track, filled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from fidip.core.arrays import Floats, Mask
from fidip.core.track import Track


def short_gaps(times: Floats, known: Mask, longest: float) -> Mask:
    """(T, K) key points that are unknown and lie between known ones at most ``longest`` s apart.

    Args:
        times: (T,) in s, increasing.
        known: (T, K).
    """
    stamps = np.where(known, times[:, None], np.nan)
    before = np.fmax.accumulate(stamps, axis=0)
    after = np.fmin.accumulate(stamps[::-1], axis=0)[::-1]
    return np.asarray(~known & (after - before <= longest + 1e-9))


@dataclass(frozen=True)
class FillGaps:
    """Fill short gaps by a cubic through the key points around them that does not overshoot.

    Piecewise cubic Hermite interpolation (Fritsch and Butland 1984). A filled key point has
    confidence 0: the network did not see it.

    Attributes:
        longest: s between the known key points on both sides of a gap; longer ones stay.
    """

    longest: float = 0.5

    def __call__(self, track: Track) -> Track:
        filled = short_gaps(track.times, track.known, self.longest)
        xy = np.where(track.known[..., None], track.xy, np.nan)
        for joint in np.flatnonzero(filled.any(axis=0)):
            seen, gaps = track.known[:, joint], filled[:, joint]
            curve = PchipInterpolator(track.times[seen], track.xy[seen, joint])
            xy[gaps, joint] = curve(track.times[gaps])
        return replace(track, xy=xy)
