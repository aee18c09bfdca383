"""Distillation: losses that keep a network close to its teacher."""

from __future__ import annotations

from torch import Tensor


def feature_loss(features: Tensor, wanted: Tensor) -> Tensor:
    r"""Return the mean squared difference of features relative to the teacher's mean square.

    .. math:: \frac{\lVert f - f_T \rVert^2}{\lVert f_T \rVert^2}

    Args:
        features: (B, C, h, w) of the network.
        wanted: (B, C, h, w) of its teacher.

    Returns:
        () loss: 0 where they agree, about 1 where the network's are 0.

    Example:
        >>> import torch
        >>> float(feature_loss(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)))
        1.0
    """
    wanted = wanted.float()
    error = (features.float() - wanted).square().mean()
    return error / wanted.square().mean().clamp(min=1e-12)
