"""BatchNorm with statistics over the batches of all processes, on any device.

PyTorch's SyncBatchNorm supports GPUs only and replaces the layers. Here the layer objects stay and
only their class changes, so names, parameters, checkpoints and the eval mode of frozen layers are
not affected.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fidip.core.errors import ConfigError


class SyncedBatchNorm(_BatchNorm):
    """BatchNorm layer synchronised between processes; in train mode, all processes must call it.

    Attributes:
        is_synced: whether statistics are those of all processes; see ``local``.
    """

    is_synced = True

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions; the network's layout is known to fit."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the (B, C, ...) batch of this process, in train mode by statistics of all."""
        is_synced = self.training and self.is_synced
        return self._synced(input) if is_synced else super().forward(input)

    def _synced(self, x: Tensor) -> Tensor:
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        over = [0, *range(2, x.ndim)]
        per_channel = (1, -1, *[1] * (x.ndim - 2))
        size = exact.new_tensor([x.numel() / x.shape[1]])
        sums = _total(torch.cat([exact.sum(over), size]))
        mean, count = sums[:-1] / sums[-1], sums[-1].detach()
        centred = exact - mean.view(per_channel)
        # Two passes, because E[x^2] - E[x]^2 loses precision.
        variance = _total(centred.square().sum(over)) / count
        if self.track_running_stats:
            self._move(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt()
        if not self.affine:
            return (centred * scale.view(per_channel)).to(x.dtype)
        scaled = centred * (scale * self.weight).view(per_channel)
        return (scaled + self.bias.view(per_channel)).to(x.dtype)

    def _move(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Update the running statistics with the (C,) mean and variance of a batch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        weight = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(unbiased_variance.to(self.running_var.dtype), weight)


class SyncedBatchNormAct(SyncedBatchNorm):
    """timm's BatchNorm, which includes the activation that follows."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, h, w) features over all processes, then activate them."""
        activated: Tensor = self.act(self.drop(super().forward(input)))
        return activated


SYNCED: dict[type[_BatchNorm], type[SyncedBatchNorm]] = {
    nn.BatchNorm1d: SyncedBatchNorm,
    nn.BatchNorm2d: SyncedBatchNorm,
    nn.BatchNorm3d: SyncedBatchNorm,
    BatchNormAct2d: SyncedBatchNormAct,
}


def synchronize(model: nn.Module) -> dict[_BatchNorm, type[_BatchNorm]]:
    """Synchronise the BatchNorm layers of a model between all processes.

    Args:
        model: the model; the class of its BatchNorm layers changes in place.

    Returns:
        The layers with their former classes, for ``unsynchronize``.

    Raises:
        ConfigError: the model has a BatchNorm class that is not in ``SYNCED``.
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
    """Restore the former classes of BatchNorm layers.

    Args:
        layers: the return value of ``synchronize``.
    """
    for layer, kind in layers.items():
        layer.__class__ = kind


@contextmanager
def local(model: nn.Module) -> Iterator[None]:
    """Use the statistics of this process only for a block, for batches that all processes have.

    Args:
        model: the model; layers that are not synchronised stay as they are.

    Yields:
        None.
    """
    layers = [m for m in model.modules() if isinstance(m, SyncedBatchNorm)]
    for layer in layers:
        layer.is_synced = False
    try:
        yield
    finally:
        for layer in layers:
            del layer.is_synced


class _Total(torch.autograd.Function):
    """Sum over all processes, in the forward pass and in the gradient."""

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
