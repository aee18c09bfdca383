"""Collection of the poses of all processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray

from fidip.core.poses import Poses


def gather_poses(parts: Sequence[Poses]) -> Poses:
    """Join the poses of all batches and processes.

    Args:
        parts: poses of the batches of this process.

    Returns:
        One pose for each sample, in the order of the dataset; samples that were repeated to give
        every process equally many occur once.
    """
    if dist.is_available() and dist.is_initialized():
        shares: list[list[Poses]] = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(shares, list(parts))
        parts = [part for share in shares for part in share]
    poses = Poses.concatenate(parts)
    return poses[_first_rows(poses.index)]


def _first_rows(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of the first occurrence of every index, by increasing index."""
    rows: NDArray[np.int64] = np.unique(index, return_index=True)[1]
    return rows
