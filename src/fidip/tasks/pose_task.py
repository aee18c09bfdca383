"""Supervised pose estimation: training from scratch, fine-tuning, and base of other tasks."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from fidip.codecs.base import Codec
from fidip.core.errors import ConfigError
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.inference.predictor import Predictor
from fidip.metrics import validation_scores
from fidip.nn import PoseNet
from fidip.nn.losses import heatmap_mse
from fidip.nn.optimization import (
    OptimizerFactory,
    PoseLoss,
    SchedulerFactory,
    make_optimizer,
)
from fidip.tasks import lightning
from fidip.tasks.callbacks.divergence import EVERY, require_finite_weights, stop_if
from fidip.tasks.callbacks.target_agreement import TargetAgreement
from fidip.tasks.distributed import share
from fidip.tasks.learning_rates import constant
from fidip.tasks.predictions import gather_poses
from fidip.tasks.running_means import RunningMeans

FRAMES = ("past", "future")
"""Attributes of networks and data of clips: numbers of frames before and after the target."""


class PoseTask(pl.LightningModule):
    """Task that fits heatmaps to labelled keypoints, and validates and tests by COCO AP.

    It logs ``train/loss``, ``lr``, ``val/loss``, ``val/AP`` and ``val/OKS``. After validation and
    test, ``predictions`` holds the poses of all processes. The dataset of the validation loader has
    the people to score against as ``annotations``, as ``PoseDataset`` has.

    Args:
        net: the pose network; parameters that do not require gradients are not trained.
        codec: encodes keypoints as heatmaps and decodes heatmaps.
        optimizer: builds the optimizer of the network's parameters.
        scheduler: builds its learning rate schedule, stepped after each update.
        layer_decay: learning rate of each layer of the backbone as a fraction of the next one's
            (see ``make_optimizer``); 1 for one rate.
        loss: maps (output, target, weight) of (B, K, h, w) heatmaps to a () loss.
        flip_test: average predictions with those of the mirrored image.
        flip_shift: shift the heatmaps of the mirrored image by one pixel (see ``flip_back``).
    """

    def __init__(
        self,
        *,
        net: PoseNet,
        codec: Codec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory = constant,
        layer_decay: float = 1,
        loss: PoseLoss = heatmap_mse,
        flip_test: bool = True,
        flip_shift: bool = False,
    ) -> None:
        super().__init__()
        self.net = net
        self.codec = codec
        self.optimizer_factory = optimizer
        self.scheduler_factory = scheduler
        self.layer_decay = layer_decay
        self.loss = loss
        self.flip_test = flip_test
        self.flip_shift = flip_shift
        self.predictions: Poses | None = None
        self._parts: list[Poses] = []
        self.curves = RunningMeans()

    def setup(self, stage: str) -> None:
        """Check the data, so that errors are reported before training.

        Raises:
            ConfigError: there are no labels to train on, or the network expects other samples.
        """
        self.require_frames()
        if stage == "fit":
            self.require_labels("PoseTask")

    def require_labels(self, name: str) -> None:
        """Check that there are labelled images.

        Args:
            name: class that trains on them, for the message.

        Raises:
            ConfigError: there are none.
        """
        if not getattr(self.trainer.datamodule, "has_labels", True):
            raise ConfigError(
                f"method: {name} trains on labelled images, but the data have none; expected some. "
                "Choose data.target_labels or data.synthetic_images above 0, or a method that "
                "trains without labels, such as source_free"
            )

    def require_frames(self) -> None:
        """Check that samples have as many frames as the network expects.

        Raises:
            ConfigError: the numbers of frames differ.
        """
        data = self.trainer.datamodule
        wanted, given = (tuple(getattr(each, n, 0) for n in FRAMES) for each in (self.net, data))
        if data is not None and wanted != given:
            raise ConfigError(
                f"data: gives {_described(given)}; expected {_described(wanted)} for this net. "
                "Clips need experiment=sequence_offline or sequence_causal, data.past and "
                "data.future as in net.fusion, and no method; images need another experiment"
            )

    def configure_callbacks(self) -> list[pl.Callback]:
        """Return the callback that logs label-free criteria on an unlabelled target."""
        return [TargetAgreement()]

    def configure_optimizers(self) -> dict[str, Any]:
        """Build the optimizer of the trainable weights, and its schedule by updates."""
        trained = [p for p in self.net.parameters() if p.requires_grad]
        optimizer = make_optimizer(self.optimizer_factory, trained, self.net, self.layer_decay)
        scheduler = self.scheduler_factory(optimizer, total_steps=self._updates)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    @property
    def _updates(self) -> int:
        return int(self.trainer.estimated_stepping_batches)

    @property
    def labelling_net(self) -> PoseNet | None:
        """A network whose predictions label the unlabelled target; None for supervised training."""
        return None

    @property
    def within_group(self) -> bool:
        """Whether batches since the last update are pending; no checkpoint can be written then."""
        return lightning.is_accumulating(self.trainer)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Return the pose loss of a batch of (B, 3, H, W) crops."""
        output = self.net(self.net.normalize(batch.crops))
        loss = self.pose_loss(output.heatmaps, batch)
        self.log_train({"train/loss": loss, "train/pose_loss": loss}, len(batch))
        return loss

    def pose_loss(self, heatmaps: Tensor, batch: Batch) -> Tensor:
        """Return the loss of heatmaps against the labels of a batch.

        Args:
            heatmaps: (B, K, h, w) of the network.
            batch: the batch that they were computed from.

        Returns:
            () loss.
        """
        target, weight = self.codec.encode(batch.joints_crop, batch.labelled)
        return self.loss(heatmaps, target, weight)

    def log_train(self, values: dict[str, Tensor], batch_size: int) -> None:
        """Log means over the epoch.

        On a GPU, values are checked only every ``EVERY`` updates and at the end of the epoch,
        because each check waits for the device.

        Args:
            values: () values by name.
            batch_size: number of samples that they are means of.
        """
        self.curves.add(values, batch_size)
        is_free = self.device.type == "cpu"
        if is_free or self.trainer.is_last_batch or self.global_step % EVERY == 0:
            self.require_finite_loss()
        if self.trainer.is_last_batch:
            means = self.curves.pop()
            self.log_dict(means, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)

    def require_finite_loss(self) -> None:
        """Check the losses of this epoch.

        Raises:
            DivergedError: one of them was NaN or infinite.
        """
        stop_if(not self.curves.are_finite(), self.trainer, "the loss is NaN or infinite")

    def on_train_epoch_end(self) -> None:
        """Log the learning rate."""
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"], sync_dist=True)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict a batch, and log its loss."""
        heatmaps = self._predict(batch)
        loss = self.pose_loss(heatmaps, batch)
        self.log("val/loss", loss, sync_dist=True, batch_size=len(batch))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict a batch."""
        self._predict(batch)

    def _predict(self, batch: Batch) -> Tensor:
        """Keep the poses of a batch until the epoch ends; return its (B, K, h, w) heatmaps."""

        def runtime(crops: Tensor) -> Tensor:
            # In parts of the batch's size, because mirrored crops double the memory.
            parts = crops.split(len(batch))
            return torch.cat([self.net(self.net.normalize(part)).heatmaps for part in parts])

        predictor = Predictor(runtime, self.codec, self.flip_test, flip_shift=self.flip_shift)
        heatmaps, poses = predictor.predict_batch(batch)
        self._parts.append(poses)
        return heatmaps

    def on_validation_epoch_start(self) -> None:
        """Check the weights, and give all processes the same statistics."""
        require_finite_weights(self.trainer, self)
        share(self.net.buffers())  # BatchNorm statistics: checkpoints hold the first process's
        self._parts.clear()

    def on_test_epoch_start(self) -> None:
        """Discard earlier predictions."""
        self._parts.clear()

    def on_validation_epoch_end(self) -> None:
        """Collect the predictions of all processes, and log their scores."""
        self.predictions = self._gather()
        self.log_dict(self._validation_scores(self.predictions), sync_dist=True)

    def on_test_epoch_end(self) -> None:
        """Collect the predictions of all processes in ``predictions``."""
        self.predictions = self._gather()

    def _gather(self) -> Poses:
        """Return the poses of all processes.

        Raises:
            DivergedError: they are NaN or infinite.
        """
        poses = gather_poses(self._parts)
        stop_if(not poses.is_finite, self.trainer, "the predictions are NaN or infinite")
        return poses

    def _validation_scores(self, poses: Poses) -> dict[str, float]:
        """Return AP and mean OKS, computed by the first process and broadcast."""
        scores: dict[str, float] = {}
        if self.trainer.is_global_zero:
            scores = validation_scores(poses, self.trainer.val_dataloaders.dataset.annotations)
        return self.trainer.strategy.broadcast(scores)


def _described(frames: tuple[int, ...]) -> str:
    """Return a description of the frames of a sample."""
    past, future = frames
    return f"{past} frames before and {future} after each frame" if any(frames) else "single images"
