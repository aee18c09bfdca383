"""Filling of short gaps in a track."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from fidip.core.arrays import Floats, Mask
from fidip.core.track import Track


def short_gaps(times: Floats, known: Mask, longest: float) -> Mask:
    """Return the keypoints in short gaps.

    Args:
        times: (T,) times in s, increasing.
        known: (T, K) bool, whether a keypoint is known.
        longest: maximum time between the known keypoints on both sides in s.

    Returns:
        (T, K) bool, unknown keypoints in gaps up to that length.

    Example:
        >>> short_gaps(np.arange(4.0), np.array([[True], [False], [True], [False]]), 2.0).ravel()
        array([False,  True, False, False])
    """
    stamps = np.where(known, times[:, None], np.nan)
    before = np.fmax.accumulate(stamps, axis=0)
    after = np.fmin.accumulate(stamps[::-1], axis=0)[::-1]
    return np.asarray(~known & (after - before <= longest + 1e-9))


@dataclass(frozen=True)
class FillGaps:
    """Filter that fills short gaps by monotone cubic interpolation, which does not overshoot.

    Piecewise cubic Hermite interpolation (Fritsch and Butland 1984). Filled keypoints have
    confidence 0, because the network did not detect them.

    Attributes:
        longest: maximum time between the known keypoints on both sides of a filled gap in s.
    """

    longest: float = 0.5

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        filled = short_gaps(track.times, track.known, self.longest)
        xy = np.where(track.known[..., None], track.xy, np.nan)
        for joint in np.flatnonzero(filled.any(axis=0)):
            seen, gaps = track.known[:, joint], filled[:, joint]
            curve = PchipInterpolator(track.times[seen], track.xy[seen, joint])
            xy[gaps, joint] = curve(track.times[gaps])
        return replace(track, xy=xy)
