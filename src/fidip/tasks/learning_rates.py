"""Learning rate schedules, stepped after each update."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR


def constant(optimizer: Optimizer, *, total_steps: int) -> LambdaLR:
    """Return a schedule that keeps the learning rate of the optimizer.

    Args:
        optimizer: the optimizer.
        total_steps: updates of the run; not used.
    """
    return LambdaLR(optimizer, lambda step: 1.0)


def step_decay(
    optimizer: Optimizer, *, total_steps: int, milestones: Sequence[float], gamma: float = 0.1
) -> MultiStepLR:
    """Return a schedule that multiplies the learning rate by a factor at each milestone.

    Args:
        optimizer: the optimizer.
        total_steps: updates of the run.
        milestones: fractions of the run, 0 to 1.
        gamma: the factor.
    """
    updates = [round(fraction * total_steps) for fraction in milestones]
    return MultiStepLR(optimizer, updates, gamma)
