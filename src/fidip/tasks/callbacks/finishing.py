"""Callback that finishes the weights of an adaptation when training has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fidip.core.samples import Batch
from fidip.nn.pose_net import PoseNet
from fidip.tasks.callbacks.checkpointing import Checkpoints
from fidip.tasks.callbacks.ema import CURRENT

UNFINISHED = "unfinished"
"""Key of a checkpoint: the tensors that were changed, as training would continue with them."""
NET = "net."
"""Prefix of the network's tensors in ``state_dict``."""


class Finishing(pl.Callback):
    """Callback that calls ``AdaptationMethod.finish`` for the last weights and for ``best.ckpt``.

    ``best.ckpt`` is rewritten first, because ``last.ckpt`` marks the run as complete. A checkpoint
    that is finished has the key ``unfinished`` and is not finished again.

    Args:
        finish: ``AdaptationMethod.finish`` of the method.
    """

    def __init__(self, finish: Callable[[PoseNet, Iterable[Batch]], None]) -> None:
        self.finish = finish
        self._unfinished: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the weights of an earlier training."""
        self._unfinished = {}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Finish ``best.ckpt``, then the weights of the network."""
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, Checkpoints) and callback.best_file.is_file():
                self._finish_file(callback.best_file, trainer, pl_module)
        self._unfinished = self._finish(trainer, pl_module)

    def add_to(self, checkpoint: dict[str, Any], net: PoseNet) -> None:
        """Put the finished weights of the network into a checkpoint, if training has ended.

        Args:
            checkpoint: the checkpoint; its ``state_dict`` may hold averaged weights.
            net: the network.
        """
        add_finished(checkpoint, net, self._unfinished)
        if CURRENT in checkpoint:  # after training, these are the averaged weights, finished
            checkpoint[CURRENT].update(checkpoint.get(UNFINISHED, {}))

    def _finish_file(self, path: Path, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        trainer.strategy.barrier("finishing")  # all processes have read it before it is replaced
        if UNFINISHED in checkpoint:
            return
        net, weights = task.net, checkpoint["state_dict"]
        last = _copy(net)
        net.load_state_dict({name: weights[NET + name] for name in last})
        add_finished(checkpoint, net, self._finish(trainer, task))
        net.load_state_dict(last)
        trainer.strategy.save_checkpoint(checkpoint, path)

    def _finish(self, trainer: pl.Trainer, task: pl.LightningModule) -> dict[str, Tensor]:
        """Finish the weights of the network; return those that were changed, as they were."""
        before = _copy(task.net)
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            self.finish(task.net, _Target(trainer, task.device))
        after = task.net.state_dict()
        return {name: value for name, value in before.items() if not value.equal(after[name])}


def add_finished(
    checkpoint: dict[str, Any], net: PoseNet, unfinished: Mapping[str, Tensor]
) -> None:
    """Put finished weights into a checkpoint, beside those before.

    Args:
        checkpoint: a checkpoint of ``AdaptationTask``; changed in place.
        net: the network with finished weights.
        unfinished: the tensors of the network that were changed, as they were.
    """
    if unfinished:
        finished = _copy(net)
        checkpoint["state_dict"].update({NET + name: finished[name] for name in unfinished})
        checkpoint[UNFINISHED] = {NET + name: value for name, value in unfinished.items()}


def restore_unfinished(checkpoint: dict[str, Any]) -> None:
    """Put the weights that training continues with into a finished checkpoint.

    Args:
        checkpoint: a checkpoint of ``AdaptationTask``; changed in place.
    """
    checkpoint["state_dict"].update(checkpoint.pop(UNFINISHED, {}))


def _copy(net: PoseNet) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


class _Target:
    """Batches of the data module's target samples, on a device; may be iterated over repeatedly."""

    def __init__(self, trainer: pl.Trainer, device: torch.device) -> None:
        self.trainer = trainer
        self.device = device

    def __iter__(self) -> Iterator[Batch]:
        limit = self.trainer.limit_train_batches
        loader = self.trainer.datamodule.target_dataloader()
        for batch in islice(loader, limit if isinstance(limit, int) else None):
            yield batch.to(self.device)
