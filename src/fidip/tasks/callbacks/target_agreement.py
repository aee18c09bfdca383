"""Callback that logs label-free criteria on the unlabelled target."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fidip.adapt.agreement import PredictKeypoints, label_free_criteria
from fidip.codecs.base import Codec
from fidip.core.data_parts import DataPart
from fidip.nn.pose_net import PoseNet
from fidip.tasks.callbacks.ema import averaged
from fidip.tasks.distributed import share
from fidip.tasks.lightning import is_validated

AT_MOST = 128
"""Target samples that the criteria are computed on, evenly spaced in the data."""


class TargetAgreement(pl.Callback):
    """Callback that logs label-free criteria where the data have an unlabelled target.

    ``val/agreement`` and, where the method has a teacher that labels the target,
    ``val/teacher_agreement`` are computed with the weights that would be tested: at every
    validation or, without one, at the end of every ``check_val_every_n_epoch``-th epoch.
    ``callbacks.checkpoints.monitor`` chooses ``best.ckpt`` by one of them, without labels.
    """

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the criteria at a validation during training."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._log(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *args: Any
    ) -> None:
        """Log the criteria after the last batch of an epoch of a run without validation."""
        # Not at the end of the epoch, when other callbacks have already shown its values.
        is_due = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        is_last = trainer.is_last_batch and is_due
        if is_last and trainer.limit_val_batches and not is_validated(trainer):
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
        teacher = task.labelling_net
        limit = trainer.limit_val_batches
        batches = islice(data.target_dataloader(AT_MOST), limit if isinstance(limit, int) else None)
        with trainer.precision_plugin.forward_context():
            criteria = label_free_criteria(
                keypoint_predictor(task.net, task.codec),
                (batch.to(task.device) for batch in batches),
                teacher=None if teacher is None else keypoint_predictor(teacher, task.codec),
            )
        task.net.train(mode)
        values = {f"val/{name}": value for name, value in criteria.items()}
        task.log_dict(values, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)


def keypoint_predictor(net: PoseNet, codec: Codec) -> PredictKeypoints:
    """Return what takes crops to the keypoints of a network.

    Args:
        net: the network.
        codec: decodes its heatmaps.
    """

    def predict(crops: Tensor) -> Tensor:
        xy: Tensor = codec.decode(net(net.normalize(crops)).heatmaps)[0]
        return xy

    return predict
