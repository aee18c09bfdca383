"""Distillation: losses that keep a network close to its teacher."""

from __future__ import annotations

from torch import Tensor


def mean_square(features: Tensor) -> Tensor:
    """Return the mean square of features, which ``feature_loss`` is relative to.

    Args:
        features: (B, C, h, w) of a teacher.

    Returns:
        () float32 mean square.

    Example:
        >>> import torch
        >>> float(mean_square(torch.tensor([[[[1.0, 3.0]]]])))
        5.0
    """
    return features.float().square().mean()


def feature_loss(features: Tensor, wanted: Tensor, scale: Tensor | None = None) -> Tensor:
    r"""Return the mean squared difference of features relative to the teacher's mean square.

        |f - f_T|^2 / |f_T|^2

    Args:
        features: (B, C, h, w) of the network.
        wanted: (B, C, h, w) of its teacher.
        scale: () what the loss is relative to; None for ``mean_square(wanted)``. With several
            processes it is the mean over all of them, or their losses would not add up.

    Returns:
        () loss: 0 where they agree, about 1 where the network's are 0.

    Example:
        >>> import torch
        >>> float(feature_loss(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)))
        1.0
    """
    scale = mean_square(wanted) if scale is None else scale
    error = (features.float() - wanted.float()).square().mean()
    return error / scale.clamp(min=1e-12)
