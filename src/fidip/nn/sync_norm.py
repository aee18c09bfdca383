"""BatchNorm by the statistics of the batches of all processes, on any device.

PyTorch's own SyncBatchNorm works on GPUs alone, and takes the place of the layers. Here layers
stay the objects that they are and change their class: names, parameters, checkpoints, and who has
been put into eval mode because it is frozen, all stay the same.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fidip.core.errors import ConfigError


class SyncedBatchNorm(_BatchNorm):
    """Any of PyTorch's BatchNorm layers; in train mode, all processes must call it together."""

    def _check_input_dim(self, input: Tensor) -> None:
        """The layer that it has been took no more dimensions than its net gives."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) of this process, by the mean and variance over all processes in train mode."""
        return self._synced(input) if self.training else super().forward(input)

    def _synced(self, x: Tensor) -> Tensor:
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        over = [0, *range(2, x.ndim)]
        per_channel = (1, -1, *[1] * (x.ndim - 2))
        size = exact.new_tensor([x.numel() / x.shape[1]])
        sums = _total(torch.cat([exact.sum(over), size]))
        mean, count = sums[:-1] / sums[-1], sums[-1].detach()
        centred = exact - mean.view(per_channel)
        # A second pass: squares less the square of the mean would lose digits.
        variance = _total(centred.square().sum(over)) / count
        if self.track_running_stats:
            self._move(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        if not self.affine:
            return (centred * scale.view(per_channel)).to(x.dtype)
        scaled = centred * (scale * self.weight).view(per_channel)
        return (scaled + self.bias.view(per_channel)).to(x.dtype)

    def _move(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Move the running statistics towards (C,) values."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), share)


class SyncedBatchNormAct(SyncedBatchNorm):
    """timm's BatchNorm, which holds the activation that follows."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:
        activated: Tensor = self.act(self.drop(super().forward(input)))
        return activated


SYNCED: dict[type[_BatchNorm], type[SyncedBatchNorm]] = {
    nn.BatchNorm1d: SyncedBatchNorm,
    nn.BatchNorm2d: SyncedBatchNorm,
    nn.BatchNorm3d: SyncedBatchNorm,
    BatchNormAct2d: SyncedBatchNormAct,
}


def synchronize(model: nn.Module) -> dict[_BatchNorm, type[_BatchNorm]]:
    """Let the BatchNorm layers of ``model`` take their statistics from all processes.

    Returns:
        The layers and what they were, for ``unsynchronize``.

    Raises:
        ConfigError: there is a kind of BatchNorm that is not known here.
    """
    layers = {m: type(m) for m in model.modules() if isinstance(m, _BatchNorm)}
    for layer, kind in layers.items():
        if kind not in SYNCED:
            raise ConfigError(
                f"cannot synchronise {kind.__module__}.{kind.__name__} between processes; expected "
                f"one of {', '.join(known.__name__ for known in SYNCED)}. Turn sync_batchnorm off"
            )
        layer.__class__ = SYNCED[kind]
    return layers


def unsynchronize(layers: dict[_BatchNorm, type[_BatchNorm]]) -> None:
    """Make layers again what they were."""
    for layer, kind in layers.items():
        layer.__class__ = kind


class _Total(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _total(values: Tensor) -> Tensor:
    return cast(Tensor, _Total.apply(values))
