"""Communication between the processes of a run, apart from DDP."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.plugins.layer_sync import TorchSyncBatchNorm
from pytorch_lightning.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from fidip.nn.sync_norm import synchronize, unsynchronize


def several() -> bool:
    """Return whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def share(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by those of the first process, in place.

    Args:
        tensors: tensors with the same shapes in all processes.
    """
    if several():
        for tensor in tensors:
            dist.broadcast(tensor.detach(), src=0)


def gather(tensor: Tensor) -> Tensor:
    """Return the values of all W processes, in their order.

    Args:
        tensor: (N, ...) values, of the same shape in all processes.

    Returns:
        (W N, ...) values without gradients.
    """
    if not several():
        return tensor
    own = tensor.detach().contiguous()
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    return torch.cat(parts)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes, in place.

    Args:
        parameters: the same parameters in all processes; those without a gradient are skipped.
    """
    if several():
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= dist.get_world_size()


def keep_out_of_ddp(task: pl.LightningModule, part: str) -> None:
    """Exclude a submodule from DDP; use ``share`` and ``average_gradients`` for it instead.

    DDP regards a backward pass as finished when all of its parameters have their gradients.

    Args:
        task: the module that DDP wraps.
        part: name of the submodule.
    """
    names = [f"{part}.{name}" for name in task.get_submodule(part).state_dict()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(task, names)


def without_ddp(strategy: Strategy) -> AbstractContextManager[None]:
    """Return a context in which gradients are not averaged over processes.

    Args:
        strategy: strategy of the trainer.
    """
    if isinstance(strategy, ParallelStrategy):
        return strategy.block_backward_sync()
    return nullcontext()


class SyncedBatchNorms(TorchSyncBatchNorm):
    """Lightning's ``sync_batchnorm`` for any device; see ``fidip.nn.sync_norm``."""

    def __init__(self) -> None:
        self._kinds: dict[_BatchNorm, type[_BatchNorm]] = {}

    def apply(self, model: nn.Module) -> nn.Module:
        """Synchronise the BatchNorm layers of a model in place."""
        self._kinds = synchronize(model)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Restore the former classes of the layers."""
        unsynchronize(self._kinds)
        return model
