"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EMAWeightAveraging, WeightAveraging
from torch import nn

from fidip.tasks.lightning import averaged_module

CURRENT = "current_model_state"
"""Lightning's key of a checkpoint for the weights that are averaged."""


class AveragedWeights(EMAWeightAveraging):
    """Lightning's exponential moving average, without averaging of constant buffers.

    Lightning averages all buffers. A constant buffer, such as the mean of the images, would drift
    by rounding errors, since 0.998 x + 0.002 x is not exactly x. Checkpoints do not contain
    constants, so a resumed run would start from another value and give other validation results.
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """List the buffers that are copied rather than averaged."""
        super().setup(trainer, pl_module, stage)
        self._constants = constants(pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Update the average, and copy the constant buffers."""
        super().on_train_batch_end(trainer, pl_module, *args)
        average = averaged_module(self)
        for name in self._constants:
            average.get_buffer(name).copy_(pl_module.get_buffer(name))


@contextmanager
def averaged(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    """Give a module the averaged weights for a block, if the run averages weights.

    Args:
        trainer: the trainer.
        module: the module that is trained.

    Yields:
        None.
    """
    averages = [each for each in trainer.callbacks if isinstance(each, WeightAveraging)]
    for callback in averages:
        callback.on_validation_epoch_start(trainer, module)
    try:
        yield
    finally:
        for callback in averages:
            callback.on_validation_epoch_end(trainer, module)


def constants(module: nn.Module) -> list[str]:
    """Return the names of the buffers that are not saved in checkpoints.

    Args:
        module: the module.
    """
    return [
        f"{path}.{name}" if path else name
        for path, part in module.named_modules()
        for name in sorted(part._non_persistent_buffers_set)
        if part._buffers[name] is not None
    ]
