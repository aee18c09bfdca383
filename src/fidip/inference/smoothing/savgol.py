"""Savitzky-Golay smoothing of tracks, also with unevenly spaced frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.signal import savgol_filter

from fidip.core.arrays import Floats
from fidip.core.track import Track
from fidip.inference.smoothing.gaps import FillGaps


@dataclass(frozen=True)
class SavitzkyGolay:
    """Savitzky-Golay filter, a local polynomial fit (Savitzky and Golay 1964; ``scipy.signal``).

    Gaps are interpolated for the fit and restored afterwards. Unevenly spaced frames are resampled
    to even spacing and back by cubic splines.

    Attributes:
        window: number of frames, odd; shorter tracks remain unchanged.
        order: degree of the polynomial, less than ``window``.
    """

    window: int = 11
    order: int = 2

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        bridged = FillGaps(longest=np.inf)(track).xy
        xy = np.full_like(track.xy, np.nan)
        for joint in range(xy.shape[1]):
            inside = np.flatnonzero(np.isfinite(bridged[:, joint]).all(axis=-1))
            smooth = self._smooth(track.times[inside], bridged[inside, joint])
            xy[inside, joint] = smooth
        return replace(track, xy=np.where(track.known[..., None], xy, np.nan))

    def _smooth(self, times: Floats, xy: Floats) -> Floats:
        """Smooth (N, 2) positions without gaps."""
        if len(times) < self.window:
            return xy
        even = np.linspace(times[0], times[-1], len(times))
        resampled = make_interp_spline(times, xy)(even)
        smooth = savgol_filter(resampled, self.window, self.order, axis=0)
        return np.asarray(make_interp_spline(even, smooth)(times))
