"""Reliability of confidence scores, and their calibration.

Scores are reliable if people with score s have a mean OKS of s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from fidip.core.arrays import Floats

BINS = 10
"""Default number of bins of a reliability diagram."""
CLIP = 0.01
"""Minimum distance of scores from 0 and 1, where the logit is infinite."""


@dataclass(frozen=True)
class Calibration:
    """Logistic map from a score to the expected OKS: expit(slope * logit(score) + bias).

    This is temperature scaling (Guo et al., ICML 2017; slope is 1 / temperature) with the bias of
    Platt scaling. Two parameters suit small validation splits. The map never decreases, so it does
    not change the order of scores or AP.

    Attributes:
        slope: factor of the logit, 0 or more.
        bias: offset of the logit.

    Example:
        >>> Calibration(slope=1.0, bias=0.0)(np.array([0.5, 0.8]))
        array([0.5, 0.8])
    """

    slope: float
    bias: float

    def __call__(self, scores: Floats) -> Floats:
        """Return the expected OKS of people.

        Args:
            scores: (N,) scores of people.

        Returns:
            (N,) values from 0 to 1.
        """
        expected: Floats = expit(self.slope * _logit(scores) + self.bias)
        return expected


def fit_calibration(scores: Floats, oks: Floats) -> Calibration:
    """Fit a calibration by minimum cross entropy between expected and measured OKS.

    Args:
        scores: (N,) scores of people.
        oks: (N,) OKS of the same people.

    Returns:
        The fitted calibration.

    Example:
        >>> calibration = fit_calibration(np.array([0.2, 0.5, 0.8]), np.array([0.5, 0.5, 0.5]))
        >>> calibration(np.array([0.9])).round(3)
        array([0.5])
    """
    x = _logit(scores)

    def cross_entropy(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * x + parameters[1]
        residual = expit(z) - oks
        return (np.logaddexp(0, z) - oks * z).mean(), np.array(
            [(residual * x).mean(), residual.mean()]
        )

    found = minimize(cross_entropy, [1.0, 0.0], jac=True, bounds=[(0, 20), (-20, 20)])
    return Calibration(*map(float, found.x))


def reliability(scores: Floats, oks: Floats, bins: int = BINS) -> dict[str, Any]:
    """Return the expected calibration error (ECE) of scores, and its bins.

    ECE is the absolute difference of mean score and mean OKS, averaged over bins with equal numbers
    of people (equal-mass bins, because scores are unevenly distributed). People with equal scores
    share a bin. With few people per bin, noise makes ECE larger than 0 even for calibrated scores.

    Args:
        scores: (N,) scores of people.
        oks: (N,) OKS of the same people.
        bins: number of bins if all scores differ.

    Returns:
        ``ece``, and ``bins`` with the number of people, mean score and mean OKS of each bin.

    Example:
        >>> result = reliability(np.array([0.2, 0.8]), np.array([0.4, 0.9]), bins=2)
        >>> round(result["ece"], 3)
        0.15
    """
    edges = np.quantile(scores, np.arange(1, bins) / bins)
    bin_of = np.searchsorted(edges, scores)
    rows = [
        {
            "people": int((bin_of == b).sum()),
            "score": float(scores[bin_of == b].mean()),
            "oks": float(oks[bin_of == b].mean()),
        }
        for b in np.unique(bin_of)
    ]
    gaps = sum(row["people"] * abs(row["score"] - row["oks"]) for row in rows)
    return {"ece": gaps / len(scores), "bins": rows}


def _logit(scores: Floats) -> Floats:
    bounded: Floats = logit(np.clip(scores, CLIP, 1 - CLIP).astype(np.float64))
    return bounded
