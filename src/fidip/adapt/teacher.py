"""Teachers: copies of the network that no optimizer trains, and their moving averages."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from fidip.adapt.method import AdaptationMethod
from fidip.core.errors import ArgumentError
from fidip.nn.pose_net import PoseNet

BUFFERS = ("ema", "copy", "frozen")
"""How a teacher's statistics follow those of the network."""


class WithTeacher(AdaptationMethod):
    """Base class of methods with a teacher, which starts as a copy of the network.

    The teacher is no submodule: optimizers, DDP and averages of weights exclude it. Checkpoints
    store it in the hidden state.
    """

    def __init__(self) -> None:
        super().__init__()
        self._teacher: list[PoseNet] = []  # in a list, so that it is no submodule

    @property
    def teacher(self) -> PoseNet:
        """The teacher, in eval mode and without gradients."""
        return self._teacher[0]

    def begin(self, net: PoseNet) -> None:
        """Copy the teacher from the network."""
        self._teacher = [deepcopy(net).eval().requires_grad_(False)]

    def hidden_state(self) -> dict[str, Any]:
        """Return the teacher's weights, which ``state_dict`` excludes."""
        return {"teacher": self.teacher.state_dict()}

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Restore the teacher, so that a resumed run keeps its own."""
        self.teacher.load_state_dict(state["teacher"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the teacher, which is no submodule, with the method."""
        for teacher in self._teacher:
            teacher._apply(fn)
        super()._apply(fn, recurse)
        return self


@dataclass(frozen=True)
class MovingAverage:
    """Exponential moving average of a network's weights.

        t <- d t + (1 - d) w

    Attributes:
        decay: d, for one update; with 1, the average stays as it began.
        buffers: statistics of normalisation layers: ``ema`` averages them as the weights, ``copy``
            copies those of the network, and ``frozen`` keeps those that the average starts with.

    Raises:
        ArgumentError: ``buffers`` is none of the three.
    """

    decay: float = 0.99
    buffers: str = "ema"

    def __post_init__(self) -> None:
        if self.buffers not in BUFFERS:
            raise ArgumentError("buffers", self.buffers, f"expected one of {', '.join(BUFFERS)}")

    @torch.no_grad()
    def update(self, average: nn.Module, net: nn.Module) -> None:
        """Move an average towards a network, in place.

        Args:
            average: module with the average.
            net: module of the same structure.

        Example:
            >>> average, net = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
            >>> _ = nn.init.constant_(average.weight, 1.0), nn.init.constant_(net.weight, 3.0)
            >>> MovingAverage(decay=0.75).update(average, net)
            >>> average.weight.item()
            1.5
        """
        self._average(list(average.parameters()), list(net.parameters()))
        if self.buffers == "frozen":
            return
        averaged: tuple[list[Tensor], list[Tensor]] = ([], [])
        for name in average.state_dict().keys() - dict(average.named_parameters()).keys():
            own, new = average.get_buffer(name), net.get_buffer(name)
            if self.buffers == "ema" and own.is_floating_point():
                averaged[0].append(own)
                averaged[1].append(new)
            else:  # counters of batches are integers
                own.copy_(new)
        self._average(*averaged)

    def _average(self, own: list[Any], new: list[Any]) -> None:
        if own:
            get_ema_multi_avg_fn(self.decay)(own, new, 0)
