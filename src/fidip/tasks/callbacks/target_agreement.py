"""Callback that logs the agreement of predictions over views of the unlabelled target."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from fidip.adapt.agreement import agreement_over_views
from fidip.core.data_parts import DataPart
from fidip.tasks.callbacks.ema import averaged
from fidip.tasks.distributed import share
from fidip.tasks.lightning import is_validated

AT_MOST = 128
"""Target samples that the agreement is the mean of, evenly spaced in the data."""
NAME = "val/agreement"


class TargetAgreement(pl.Callback):
    """Callback that logs ``val/agreement`` where the data have an unlabelled target.

    It is computed with the weights that would be tested: at every validation or, without one, at
    the end of every epoch. ``callbacks.checkpoints.monitor=val/agreement`` chooses ``best.ckpt`` by
    it, without labels.
    """

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the agreement at a validation during training."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._log(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Log the agreement after the last batch of an epoch of a run without validation."""
        # Not at the end of the epoch, when other callbacks have already shown its values.
        if trainer.is_last_batch and trainer.limit_val_batches and not is_validated(trainer):
            with averaged(trainer, pl_module):
                self._log(trainer, pl_module)

    @torch.no_grad()
    def _log(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        data = trainer.datamodule
        if DataPart.UNLABELLED_TARGET not in getattr(data, "delivers", ()):
            return
        share(task.net.buffers())
        mode = task.net.training
        task.net.eval()

        def predict(crops: Tensor) -> Tensor:
            xy: Tensor = task.codec.decode(task.net(task.net.normalize(crops)).heatmaps)[0]
            return xy

        limit = trainer.limit_val_batches
        batches = islice(data.target_dataloader(AT_MOST), limit if isinstance(limit, int) else None)
        with trainer.precision_plugin.forward_context():
            found = [agreement_over_views(predict, batch.to(task.device)) for batch in batches]
        task.net.train(mode)
        mean = float(np.concatenate(found).mean())
        task.log(NAME, mean, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)
