"""Temporal smoothing: interchangeable filters of tracks.

All filters work offline; causal filters also work frame by frame.
"""

from fidip.inference.smoothing.chain import CausalFilter, Chain, Filter, OnlineStep, apply_step
from fidip.inference.smoothing.gaps import FillGaps, short_gaps
from fidip.inference.smoothing.kalman import KalmanSmoother
from fidip.inference.smoothing.one_euro import OneEuro
from fidip.inference.smoothing.outliers import Hampel
from fidip.inference.smoothing.savgol import SavitzkyGolay
from fidip.inference.smoothing.swap_repair import SwapRepair

__all__ = [
    "CausalFilter",
    "Chain",
    "FillGaps",
    "Filter",
    "Hampel",
    "KalmanSmoother",
    "OneEuro",
    "OnlineStep",
    "SavitzkyGolay",
    "SwapRepair",
    "apply_step",
    "short_gaps",
]
