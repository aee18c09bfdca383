"""Learning rate schedules, stepped after each update."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR, OneCycleLR


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


def one_cycle(optimizer: Optimizer, *, total_steps: int, pct_start: float = 0.2) -> OneCycleLR:
    """Return a schedule that raises each rate to that of the optimizer, then lowers it to 0.

    Args:
        optimizer: the optimizer; its rates are the highest ones.
        total_steps: updates of the run.
        pct_start: fraction of the run in which the rates rise.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, rates, total_steps, pct_start=pct_start)
