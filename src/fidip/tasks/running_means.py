"""Means over the batches of an epoch, which can be saved in the middle of an epoch.

``torchmetrics.MeanMetric`` is not used, because it needs its names in advance, computes in float32
for any precision of the run, and is not saved in checkpoints by default.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fidip.tasks.callbacks.divergence import are_finite


class RunningMeans:
    """Means of named values on the device, each batch weighted by its size."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, values: dict[str, Tensor], batch_size: int) -> None:
        """Add the () values of a batch.

        Args:
            values: () means over the batch, by name.
            batch_size: its weight.
        """
        for name, value in values.items():
            exact = value.detach().to(torch.promote_types(value.dtype, torch.float32))
            before = self._sums.get(name)
            weighted = exact * batch_size
            self._sums[name] = weighted if before is None else before.to(exact.device) + weighted
        self._count += batch_size

    def are_finite(self) -> bool:
        """Return whether all values so far were finite; waits for the device."""
        return are_finite(self._sums.values())

    def pop(self) -> dict[str, Tensor]:
        """Return the () means by name, and start over."""
        means = {name: value / self._count for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def state_dict(self) -> dict[str, object]:
        """Return sums and count, on the CPU."""
        return {
            "sums": {name: value.cpu() for name, value in self._sums.items()},
            "count": self._count,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Restore what ``state_dict`` returned."""
        sums, count = state["sums"], state["count"]
        assert isinstance(sums, dict)
        assert isinstance(count, int)
        self._sums, self._count = dict(sums), count
