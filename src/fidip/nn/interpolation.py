"""Weights between those of two networks."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def interpolate(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Interpolate linearly between two sets of weights of one network.

    From pretrained to fine-tuned weights, accuracy on new data often rises before accuracy on old
    data falls (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).

    Args:
        first: tensors by name.
        second: tensors of the same names and shapes.
        share: of ``second``; 0 gives ``first``.

    Returns:
        Tensors by name, float32; counts are those of ``second``.

    >>> import torch
    >>> interpolate({"w": torch.zeros(1)}, {"w": torch.ones(1)}, 0.25)["w"]
    tensor([0.2500])
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise ValueError(f"only one of two networks has {odd[0]}; expected weights of one network")
    return {
        name: first[name].float().lerp(tensor.float(), share)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in second.items()
    }
