"""Types of what a configuration leaves open until a network is there: optimizers and losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

OptimizerFactory = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Makes an optimizer of parameters."""
PoseLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(output, target, weight) to a () loss over (B, K, h, w) heatmaps."""


class SchedulerFactory(Protocol):
    """Makes a learning rate schedule that is stepped after every update, ``total_steps`` times."""

    def __call__(self, optimizer: Optimizer, *, total_steps: int) -> LRScheduler: ...
