"""Pretraining of an adaptation method's own parts before the first update of the network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from fidip.core.errors import ConfigError
from fidip.core.samples import Batch
from fidip.tasks.callbacks.checkpointing import Checkpoints
from fidip.tasks.callbacks.divergence import are_finite, stop_if

if TYPE_CHECKING:
    from fidip.tasks.adaptation_task import AdaptationTask

log = logging.getLogger(__name__)


class Pretraining:
    """Pretraining stage of an adaptation method.

    The network stays in eval mode. A checkpoint is written after every epoch, and a resumed run
    continues at the epoch in the task's buffer ``pretraining_epochs_done``.

    Args:
        task: task with the method to pretrain.
        update: makes one update with a group of batches; returns () values to log.
    """

    def __init__(
        self, task: AdaptationTask, update: Callable[[list[Batch]], dict[str, Tensor]]
    ) -> None:
        self.task = task
        self.update = update
        self._loader: Any = None

    @property
    def epochs(self) -> range:
        """Epochs that are left."""
        return range(int(self.task.pretraining_epochs_done), self.task.method.pretraining_epochs)

    def read_data(self) -> None:
        """Read the data, so that errors are reported before a run starts.

        Raises:
            ConfigError: the run has no data module.
            DataError: the data module's split is missing or does not contain both domains.
        """
        data = self.task.trainer.datamodule
        if data is None:
            raise ConfigError(
                f"datamodule=None: pretraining {type(self.task.method).__name__} needs a data "
                "module with a domain_dataloader; pass one to fit, or set domain_epochs to 0"
            )
        self._loader = data.domain_dataloader()

    def fit(self) -> None:
        """Run all epochs that are left."""
        if not self.epochs:
            return
        if self._loader is None:
            self.read_data()
        self.task.net.eval()
        for epoch in self.epochs:
            self._loader.sampler.set_epoch(epoch)
            self._log(epoch, self._run_epoch())
            self.task.pretraining_epochs_done += 1
            self._save()
        self.task.net.train()

    def _run_epoch(self) -> dict[str, Tensor]:
        """Run one epoch; return () means over all processes."""
        trainer = self.task.trainer
        steps: list[dict[str, Tensor]] = []
        for group in self._groups():
            with trainer.precision_plugin.forward_context():
                steps.append(self.update(group))
        means = {
            name: trainer.strategy.reduce(
                torch.stack([step[name] for step in steps]).mean(), reduce_op="mean"
            )
            for name in steps[0]
        }
        stop_if(not are_finite(means.values()), trainer, "the loss of pretraining is not finite")
        return means

    def _groups(self) -> Iterator[list[Batch]]:
        """Yield the batches of each update of an epoch, on the device."""
        limit = self.task.trainer.limit_train_batches
        batches = islice(self._loader, limit if isinstance(limit, int) else None)
        moved = (batch.to(self.task.device) for batch in batches)
        while group := list(islice(moved, self.task.accumulate)):
            yield group

    def _save(self) -> None:
        trainer = self.task.trainer
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, Checkpoints):
                callback.on_domain_epoch_end(trainer)

    def _log(self, epoch: int, means: dict[str, Tensor]) -> None:
        values = {name: float(value) for name, value in means.items()}
        logged = {"domain/epoch": epoch, **{f"domain/{name}": v for name, v in values.items()}}
        for logger in self.task.trainer.loggers:
            logger.log_metrics(logged, step=0)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in values.items())
        if self.task.trainer.is_global_zero:
            epochs = self.task.method.pretraining_epochs
            log.info("pretraining %3d/%s  %s", epoch + 1, epochs, shown)
