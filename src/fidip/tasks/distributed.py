"""What the processes of a run do together, beside what Lightning's DDP does for the network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.plugins.layer_sync import TorchSyncBatchNorm
from pytorch_lightning.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from fidip.nn.sync_norm import synchronize, unsynchronize


def several() -> bool:
    """Whether this process is one of a group."""
    return dist.is_available() and dist.is_initialized()


def share(tensors: Iterable[Tensor]) -> None:
    """Give every process the first one's values, in place."""
    if several():
        for tensor in tensors:
            dist.broadcast(tensor.detach(), src=0)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make every gradient the mean of those of all processes, in place."""
    if several():
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= dist.get_world_size()


def keep_out_of_ddp(task: pl.LightningModule, part: str) -> None:
    """Leave the submodule of that name to ``share`` and ``average_gradients``.

    DDP counts a backward pass as done when every parameter that it looks after has its gradient.
    """
    names = [f"{part}.{name}" for name in task.get_submodule(part).state_dict()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(task, names)


def without_ddp(strategy: Strategy) -> AbstractContextManager[None]:
    """Inside, gradients stay those of this process."""
    if isinstance(strategy, ParallelStrategy):
        return strategy.block_backward_sync()
    return nullcontext()


class SyncedBatchNorms(TorchSyncBatchNorm):
    """Lightning's ``sync_batchnorm`` on any device, see ``fidip.nn.sync_norm``."""

    def __init__(self) -> None:
        self._kinds: dict[_BatchNorm, type[_BatchNorm]] = {}

    def apply(self, model: nn.Module) -> nn.Module:
        self._kinds = synchronize(model)
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        unsynchronize(self._kinds)
        return model
