"""Linear interpolation between the weights of two networks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def interpolate(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], fraction: float
) -> dict[str, Tensor]:
    """Interpolate linearly between two sets of weights of one architecture.

        theta = (1 - fraction) theta_first + fraction theta_second

    Between pretrained and fine-tuned weights, accuracy on new data often rises before accuracy on
    the original data falls (WiSE-FT; Wortsman et al., Robust fine-tuning of zero-shot models,
    CVPR 2022, equation 1).

    Args:
        first: tensors by name.
        second: tensors of the same names and shapes.
        fraction: weight of ``second`` in [0, 1]; 0 returns ``first``.

    Returns:
        Tensors by name, in float32, or in float64 if one of the two is. Integer tensors are those
        of ``second``.

    Raises:
        ValueError: the names differ.

    Example:
        >>> interpolate({"w": torch.zeros(1)}, {"w": torch.ones(1)}, 0.25)["w"]
        tensor([0.2500])
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise ValueError(f"only one of two networks has {odd[0]}; expected weights of one network")
    return {
        name: _lerp(first[name], tensor, fraction) if tensor.is_floating_point() else tensor
        for name, tensor in second.items()
    }


def _lerp(first: Tensor, second: Tensor, fraction: float) -> Tensor:
    dtype = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
    return first.to(dtype).lerp(second.to(dtype), fraction)
