"""Distillation: the losses that keep a network close to its teacher."""

from __future__ import annotations

from torch import Tensor


def feature_loss(features: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared difference of features, relative to the mean square of what is wanted.

    Args:
        features: (B, C, h, w) of the network.
        wanted: (B, C, h, w) of its teacher.

    Returns:
        () loss: 0 where they agree, about 1 where the network's are 0.

    >>> import torch
    >>> float(feature_loss(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)))
    1.0
    """
    wanted = wanted.float()
    error = (features.float() - wanted).square().mean()
    return error / wanted.square().mean().clamp(min=1e-12)
