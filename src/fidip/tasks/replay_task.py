"""Fine-tuning that does not forget: replay of the pretraining domain, with distillation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from fidip.adapt.distillation import feature_loss
from fidip.core.errors import ConfigError
from fidip.core.types import Batch
from fidip.nn import PoseNet, PoseOutput, load_weights
from fidip.tasks.pose_task import PoseTask


class ReplayTask(PoseTask):
    """Fine-tuning on new data while old data are replayed (``data.replay_split``).

    All samples are learned from their labels. On replayed samples the network must also agree with
    its teacher, the network that was pretrained: with its maps and with its features
    (learning without forgetting, Li and Hoiem, ECCV 2016, on replayed images).

    Args:
        map_weight: weight of the loss between the maps of network and teacher on replayed samples.
        teacher: weights of the teacher, as for ``fidip.nn.load_weights``; None for those that
            training starts from.
        feature_weight: weight of ``fidip.adapt.feature_loss`` between their features.
        pose_task: the arguments of ``PoseTask``.

    Logs, beside what ``PoseTask`` logs, ``train/map_loss`` and ``train/feature_loss``.
    """

    def __init__(
        self,
        *,
        teacher: str | None = None,
        map_weight: float = 1.0,
        feature_weight: float = 1e-3,
        **pose_task: Any,
    ) -> None:
        super().__init__(**pose_task)
        self.teacher_ckpt = teacher
        self.map_weight = map_weight
        self.feature_weight = feature_weight
        self._teacher: list[PoseNet] = []  # in a list: not a part of what is trained and averaged

    @property
    def teacher(self) -> PoseNet:
        """The pretrained network, frozen."""
        return self._teacher[0]

    def setup(self, stage: str) -> None:
        """Copy the teacher from the network.

        Raises:
            ConfigError: there is nothing to replay.
            CheckpointError: there are no such weights of the teacher, or of another network.
        """
        if stage != "fit":
            return
        if self.trainer.datamodule.replay_split is None:
            raise ConfigError(
                "data.replay_split=null: ReplayTask needs data of pretraining; give the name of a "
                "split, such as train_adult"
            )
        teacher = deepcopy(self.net).eval().requires_grad_(False)
        if self.teacher_ckpt:
            load_weights(teacher, self.teacher_ckpt)
        self._teacher = [teacher]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["teacher"] = self.teacher.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.teacher.load_state_dict(checkpoint["teacher"])

    def on_fit_start(self) -> None:
        self.teacher.to(self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images = self.net.normalize(batch.crops)
        output: PoseOutput = self.net(images)
        pose_loss = self.pose_loss(output.heatmaps, batch)
        replayed = self.trainer.datamodule.train_set.is_replayed(batch.index).to(self.device)
        with torch.no_grad():
            wanted: PoseOutput = self.teacher(images[replayed])
        _, weight = self.codec.encode(batch.joints_crop[replayed], batch.labelled[replayed])
        map_loss = self.loss(output.heatmaps[replayed], wanted.heatmaps, weight)
        features = feature_loss(output.features[replayed], wanted.features)
        loss = pose_loss + self.map_weight * map_loss + self.feature_weight * features
        parts = {"pose_loss": pose_loss, "map_loss": map_loss, "feature_loss": features}
        logged = {"loss": loss, **parts}
        self.log_train({f"train/{name}": value for name, value in logged.items()}, len(batch))
        return loss
