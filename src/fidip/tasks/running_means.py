"""Means over the batches of an epoch that a checkpoint in its middle can keep."""

from __future__ import annotations

import torch
from torch import Tensor

from fidip.tasks.callbacks.divergence import are_finite


class RunningMeans:
    """Means of named values, each batch weighted by its size; stays on the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, values: dict[str, Tensor], batch_size: int) -> None:
        """Take in a batch's () values."""
        for name, value in values.items():
            exact = value.detach().to(torch.promote_types(value.dtype, torch.float32))
            before = self._sums.get(name)
            weighted = exact * batch_size
            self._sums[name] = weighted if before is None else before.to(exact.device) + weighted
        self._count += batch_size

    def are_finite(self) -> bool:
        """Whether no value so far was NaN or infinite; waits for the device."""
        return are_finite(self._sums.values())

    def pop(self) -> dict[str, Tensor]:
        """The () means; begins anew."""
        means = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def state_dict(self) -> dict[str, object]:
        return {
            "sums": {name: value.cpu() for name, value in self._sums.items()},
            "count": self._count,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        sums, count = state["sums"], state["count"]
        assert isinstance(sums, dict)
        assert isinstance(count, int)
        self._sums, self._count = dict(sums), count
