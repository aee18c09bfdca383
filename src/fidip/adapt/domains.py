"""Source and target domain of the samples of an update."""

from __future__ import annotations

from torch import Tensor


def source_and_target(is_synthetic: Tensor, is_replayed: Tensor) -> tuple[Tensor, Tensor]:
    """Return which samples are of the source domain and which are of the target domain.

    The source is synthetic and the target real. Replayed samples are of neither.

    Args:
        is_synthetic: (N,) 1 synthetic, 0 real, NaN unknown.
        is_replayed: (N,) bool.

    Returns:
        (N,) bool masks of the source and of the target.

    Example:
        >>> import torch
        >>> none = torch.tensor([False, False, False])
        >>> source_and_target(torch.tensor([1.0, 0.0, 0.0]), none)
        (tensor([ True, False, False]), tensor([False,  True,  True]))
    """
    return (is_synthetic == 1) & ~is_replayed, (is_synthetic == 0) & ~is_replayed
