"""Source and target domain of the samples of an update."""

from __future__ import annotations

import torch
from torch import Tensor


def source_and_target(
    is_synthetic: Tensor, is_replayed: Tensor, is_unlabelled: Tensor
) -> tuple[Tensor, Tensor]:
    """Return which samples are of the source domain and which are of the target domain.

    The unlabelled samples are the target, or the real ones if all are labelled. Of the others, the
    synthetic ones are the source, or all if none is synthetic. Replayed samples are of neither.

    Args:
        is_synthetic: (N,) 1 synthetic, 0 real, NaN unknown.
        is_replayed: (N,) bool.
        is_unlabelled: (N,) bool.

    Returns:
        (N,) bool masks of the source and of the target.

    Example:
        >>> is_synthetic, none = torch.tensor([1.0, 0.0, 0.0]), torch.zeros(3, dtype=torch.bool)
        >>> source_and_target(is_synthetic, none, none)
        (tensor([ True, False, False]), tensor([False,  True,  True]))
        >>> source_and_target(is_synthetic, none, torch.tensor([False, False, True]))
        (tensor([ True, False, False]), tensor([False, False,  True]))
    """
    new = ~is_replayed
    target = new & torch.where(is_unlabelled.any(), is_unlabelled, is_synthetic == 0)
    synthetic = new & ~target & (is_synthetic == 1)
    return torch.where(synthetic.any(), synthetic, new & ~target), target


def domain_labels(is_synthetic: Tensor, is_unlabelled: Tensor) -> Tensor:
    """Return the labels of a domain head: 1 for the source, 0 for the target.

    Args:
        is_synthetic: (B,) 1 synthetic, 0 real.
        is_unlabelled: (B,) bool; these samples are of the target even if they are synthetic.

    Returns:
        (B,) labels.

    Example:
        >>> domain_labels(torch.tensor([1.0, 0.0, 1.0]), torch.tensor([False, False, True]))
        tensor([1., 0., 0.])
    """
    return is_synthetic.masked_fill(is_unlabelled, 0)
