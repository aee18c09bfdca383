"""Whether a score means what it seems to: reliability of confidences, and their calibration.

A score is reliable when people scored s have a mean OKS of s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from fidip.core.arrays import Floats

BINS = 10
CLIP = 0.01
"""Scores are kept this far from 0 and 1, where the logit has no value."""


@dataclass(frozen=True)
class Calibration:
    """Logistic map of a score to the OKS to expect: expit(slope * logit(score) + bias).

    Temperature scaling (Guo et al., ICML 2017; slope is 1 / temperature) with Platt's bias. Validation
    splits are small: fitted to 20 people of the demo, two numbers left a smaller error on the other
    people than isotonic regression did. It never decreases, so the order of scores, and AP, stay.
    """

    slope: float
    bias: float

    def __call__(self, scores: Floats) -> Floats:
        """(N,) OKS to expect of people with these scores."""
        expected: Floats = expit(self.slope * _logit(scores) + self.bias)
        return expected


def fit_calibration(scores: Floats, oks: Floats) -> Calibration:
    """The calibration under which (N,) similarities have the least cross entropy to (N,) scores."""
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
    """Expected calibration error of scores, and the bins that it is the mean of.

    The absolute difference of mean score and mean OKS, averaged over bins that hold equally many people
    (equal-mass bins: scores crowd together, and bins of equal width would be empty or full). Who has equal
    scores is in one bin. With few people in a bin noise alone makes it larger than 0.

    Args:
        scores: (N,) confidences of people.
        oks: (N,) their similarities.
        bins: how many, if scores do not repeat.
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
