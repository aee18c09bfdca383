"""Learning rate schedules, counted in updates of the pose network."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, MultiStepLR


def constant(optimizer: Optimizer, *, total_steps: int) -> LambdaLR:
    """The optimiser's own rate all along."""
    return LambdaLR(optimizer, lambda step: 1.0)


def step_decay(
    optimizer: Optimizer, *, total_steps: int, milestones: Sequence[float], gamma: float = 0.1
) -> MultiStepLR:
    """Times ``gamma`` at each milestone, given as a fraction of the run."""
    updates = [round(fraction * total_steps) for fraction in milestones]
    return MultiStepLR(optimizer, updates, gamma)
