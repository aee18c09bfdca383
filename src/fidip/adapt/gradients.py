"""Change the gradient of a tensor, not its values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None


def scale_gradient(values: Tensor, factor: float) -> Tensor:
    """Return the values; backwards, multiply their gradients by ``factor``.

    Args:
        values: a tensor of any shape.
        factor: negative to reverse gradients.

    Returns:
        The same values, in the same shape.

    Example:
        >>> values = torch.ones(2, requires_grad=True)
        >>> scale_gradient(values, 3.0).sum().backward()
        >>> values.grad
        tensor([3., 3.])
    """
    scaled: Tensor = _Scale.apply(values, factor)
    return scaled
