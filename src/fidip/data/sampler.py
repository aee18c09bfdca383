"""Samplers whose order depends on seed and epoch only, not on the number of processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from fidip.core.errors import ArgumentError
from fidip.core.samples import SampleKey


class _GroupSampler(Sampler[SampleKey]):
    """Sampler of batches with equal numbers of samples from each group, shuffled every epoch.

    A global batch is what all processes take in one step. An epoch is one pass over the largest
    group. Smaller groups are repeated in a new order with the next ``repeat``, and the largest
    group is repeated to fill the last batch, so all batches are full and every process has the same
    number. The content of a global batch does not depend on the number of processes.

    Args:
        groups: sample indices of each group.
        batch_size: samples per batch and process.
        seed: seed of the order.
        rank, world_size: index of this process, and number of processes.

    Raises:
        ArgumentError: a global batch cannot be divided equally between the groups.
    """

    def __init__(
        self,
        groups: Sequence[NDArray[np.int64]],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.groups = groups
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        self._done = (0, 0)
        self._share, rest = divmod(batch_size * world_size, len(groups))
        if rest:
            raise ArgumentError(
                "batch_size",
                batch_size,
                f"in {world_size} process(es) cannot be divided between {len(groups)} groups of "
                f"samples; expected a multiple of {len(groups)}",
            )

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; called by Lightning."""
        self.epoch = epoch

    def set_position(self, epoch: int, batches: int) -> None:
        """Skip the first batches of an epoch, which an interrupted run has already processed."""
        self._done = (epoch, batches)

    def __len__(self) -> int:
        """Return the number of samples per epoch and process."""
        return self._steps * self.batch_size

    def __iter__(self) -> Iterator[SampleKey]:
        rng = np.random.default_rng((self.seed, self.epoch))
        count = self._steps * self._share
        draws = np.stack([_draw(group, count, rng) for group in self.groups], axis=1)
        # Groups alternate, so that the batch of each process is balanced too.
        batches = draws.reshape(self._steps, self.world_size, self.batch_size, 2)
        done = self._done[1] if self.epoch == self._done[0] else 0
        for index, repeat in batches[done:, self.rank].reshape(-1, 2).tolist():
            yield SampleKey(index, self.epoch, repeat)

    @property
    def _steps(self) -> int:
        return -(-max(len(group) for group in self.groups) // self._share)


def _draw(group: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw (count, 2) indices and repeats: passes over the group, each in random order."""
    passes = -(-count // len(group))
    order = np.concatenate([rng.permutation(group) for _ in range(passes)])[:count]
    return np.stack([order, np.arange(count) // len(group)], axis=1)


class ShuffledSampler(_GroupSampler):
    """Sampler of all samples once per epoch in random order.

    A few samples are repeated to fill the last batch.

    Args:
        count: number of samples in the dataset.
        batch_size, seed, rank, world_size: as for ``BalancedSampler``.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__([np.arange(count)], batch_size, seed, rank, world_size)


class BalancedSampler(_GroupSampler):
    """Sampler of batches that are half synthetic and half real.

    An epoch is one pass over the larger domain.

    Args:
        is_synthetic: domain of each sample of the dataset; both must occur.
        batch_size: samples per batch and process.
        seed: seed of the order.
        rank, world_size: index of this process, and number of processes.

    Raises:
        ArgumentError: the number of samples that all processes take in one step is odd.
    """

    def __init__(
        self,
        is_synthetic: Sequence[bool],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        synthetic = np.asarray(is_synthetic, dtype=bool)
        groups = [np.flatnonzero(synthetic), np.flatnonzero(~synthetic)]
        super().__init__(groups, batch_size, seed, rank, world_size)


class MixedSampler(_GroupSampler):
    """Sampler of batches that hold the same number of each group, see ``fidip.data.MixedDataset``.

    An epoch is one pass over the largest group.

    Args:
        groups: indices of the samples of each group.
        batch_size, seed, rank, world_size: as for ``BalancedSampler``.

    Raises:
        ArgumentError: the number of samples per step is not a multiple of the number of groups, or
            a process would have batches without samples of a group.
    """

    def __init__(
        self,
        groups: Sequence[NDArray[np.int64]],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(groups, batch_size, seed, rank, world_size)
        if batch_size < len(groups):  # losses of a batch without replayed samples would be NaN
            raise ArgumentError(
                "batch_size",
                batch_size,
                f"leaves processes without samples of one of {len(groups)} groups; expected at "
                f"least {len(groups)}",
            )


class EvalSampler(Sampler[SampleKey]):
    """Sampler of each sample exactly once over all processes, in order and without padding.

    Args:
        count: number of samples in the dataset.
        rank, world_size: index of this process, and number of processes.
    """

    def __init__(self, count: int, rank: int = 0, world_size: int = 1) -> None:
        self.indices = range(rank, count, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[SampleKey]:
        return map(SampleKey, self.indices)
