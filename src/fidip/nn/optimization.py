"""Types of objects that a configuration builds once the network exists: optimizers and losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Builds an optimizer of the given parameters."""
PoseLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps (output, target, weight) of (B, K, h, w) heatmaps to a () loss."""


class SchedulerFactory(Protocol):
    """Builds a learning rate schedule that is stepped after each of ``total_steps`` updates."""

    def __call__(self, optimizer: Optimizer, *, total_steps: int) -> LRScheduler:
        """Return the schedule of an optimizer, at its first step."""
        ...
