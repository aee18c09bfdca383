"""Schedules of a method's weight: a factor at a fraction of the run."""

from __future__ import annotations

import math
from collections.abc import Callable

WeightSchedule = Callable[[float], float]
"""The factor of a weight at a fraction of the run's updates."""


def always(progress: float) -> float:
    """Return 1: the full weight from the first update to the last, as in FiDIP.

    Args:
        progress: fraction of the run's updates that are done, 0 to 1.

    Returns:
        The factor of the weight.

    Example:
        >>> always(0.25)
        1.0
    """
    return 1.0


def ramp(progress: float, steepness: float = 10.0) -> float:
    r"""Return a factor that rises from 0 to nearly 1 along half a sigmoid.

    While the domain head has learned little its gradients are noise. From Ganin and Lempitsky,
    "Unsupervised Domain Adaptation by Backpropagation", ICML 2015, section 4.2:

        lambda_p = 2 / (1 + exp(-gamma * p)) - 1

    Args:
        progress: fraction p of the run's updates that are done, 0 to 1.
        steepness: gamma.

    Returns:
        The factor of the weight, 0 to 1.

    Example:
        >>> ramp(0.0), round(ramp(0.1), 3), round(ramp(1.0), 4)
        (0.0, 0.462, 0.9999)
    """
    return 2 / (1 + math.exp(-steepness * progress)) - 1
