"""Training of networks for sequences of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from fidip.core.errors import ArgumentError, ConfigError
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.nn import SequenceNet
from fidip.nn.sequence_losses import (
    PoseSubspace,
    bone_changes,
    implausibility,
    pose_subspace,
    soft_argmax,
    temporal_hinge,
)
from fidip.tasks.pose_task import PoseTask

Weighted = tuple[float, Tensor]
"""A weight and a () loss."""
FEWEST_POSES = 20
"""Labelled poses that a subspace of poses needs."""


@dataclass(frozen=True)
class LossesOverTime:
    """Weights and limits of losses that compare consecutive frames without labels.

    Attributes:
        jump_weight: weight of ``temporal_hinge``; 0 for none.
        jump_limit: distance that joints may move from frame to frame, as a fraction of the width of
            the crop.
        bone_weight: weight of ``bone_changes``; 0 for none.
        bone_tolerance: relative change of bones from frame to frame that costs nothing.
        plausibility_weight: weight of ``implausibility`` with the labelled poses of the training
            data; 0 for none.
        plausibility_tolerance: distance from their subspace that costs nothing, relative to the
            size of the pose.
    """

    jump_weight: float = 0.0
    jump_limit: float = 0.1
    bone_weight: float = 0.0
    bone_tolerance: float = 0.2
    plausibility_weight: float = 0.0
    plausibility_tolerance: float = 0.1

    def weighted(self, xy: Tensor, subspace: PoseSubspace | None) -> dict[str, Weighted]:
        """Return the losses that have a weight.

        Args:
            xy: (B, S, K, 2) keypoints of S consecutive frames, in widths of the crop.
            subspace: of labelled poses; None without ``plausibility_weight``.

        Returns:
            Weights and () losses by name.
        """
        losses: dict[str, Weighted] = {}
        if self.jump_weight:
            losses["jump_loss"] = self.jump_weight, temporal_hinge(xy, self.jump_limit)
        if self.bone_weight:
            changes = bone_changes(xy, tolerance=self.bone_tolerance)
            losses["bone_loss"] = self.bone_weight, changes
        if subspace is not None:
            distance = implausibility(xy, subspace, self.plausibility_tolerance)
            losses["plausibility_loss"] = self.plausibility_weight, distance
        return losses


class SequenceTask(PoseTask):
    """Task that trains a ``SequenceNet`` on windows of frames, as ``PoseTask`` does on images.

    The labels of the target frame give the pose loss. Optional losses compare the predictions for
    the target frame and ``margin`` frames on either side, without labels; see
    ``fidip.nn.sequence_losses``. They are logged as ``train/jump_loss``, ``train/bone_loss`` and
    ``train/plausibility_loss``, before they are weighted.

    Args:
        margin: number of frames on either side of the target frame that are predicted too.
        over_time: weights and limits of the losses without labels.
        pose_task: arguments of ``PoseTask``.

    Raises:
        ArgumentError: losses over time have a weight, and there is one frame only.
    """

    def __init__(
        self, *, margin: int = 0, over_time: LossesOverTime | None = None, **pose_task: Any
    ) -> None:
        super().__init__(**pose_task)
        self.margin = margin
        self.over_time = over_time or LossesOverTime()
        if not margin and (self.over_time.jump_weight or self.over_time.bone_weight):
            raise ArgumentError(
                "margin",
                margin,
                "jump_weight and bone_weight compare several frames; expected at least 1",
            )
        self._subspace: PoseSubspace | None = None

    def setup(self, stage: str) -> None:
        """Check the data, and find the subspace of labelled poses if it is needed.

        Raises:
            ConfigError: the network or the data are of another kind, or have too few labels.
        """
        if not isinstance(self.net, SequenceNet):
            raise ConfigError(
                f"net: is a {type(self.net).__name__}; expected a SequenceNet for this task. Add "
                "temporal=offline or temporal=causal, or choose task=pose"
            )
        super().setup(stage)
        if stage != "fit":
            return
        given = getattr(self.trainer.datamodule, "margin", 0)
        if given != self.margin:
            raise ConfigError(
                f"data.margin={given}: expected {self.margin}, as task.margin. Set task.margin only"
            )
        if self.over_time.plausibility_weight:
            self._subspace = self._labelled_subspace()

    def _labelled_subspace(self) -> PoseSubspace:
        """Return the subspace of the labelled training poses and their mirror images."""
        people = self.trainer.datamodule.train_set.annotations
        whole = [p.keypoints[:, :2] for p in people if p.keypoints[:, 2].all()]
        if len(whole) < FEWEST_POSES:
            raise ConfigError(
                f"task.over_time.plausibility_weight={self.over_time.plausibility_weight}: "
                f"{len(whole)} people have all joints labelled; expected at least {FEWEST_POSES}. "
                "Set it to 0"
            )
        poses = torch.from_numpy(np.stack(whole)).float()
        mirrored = poses[:, torch.from_numpy(COCO17.flip_order)] * torch.tensor([-1.0, 1.0])
        return pose_subspace(torch.cat([poses, mirrored]))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """Return the loss of a batch of (B, T, 3, H, W) windows."""
        net = cast(SequenceNet, self.net)
        maps = net.predict_each(net.normalize(batch.crops))
        pose_loss = self.pose_loss(maps[:, self.margin], batch)
        added = self._losses_over_time(maps)
        loss = pose_loss + sum(weight * value for weight, value in added.values())
        values = {f"train/{name}": value for name, (_, value) in added.items()}
        self.log_train({"train/loss": loss, "train/pose_loss": pose_loss, **values}, len(batch))
        return loss

    def _losses_over_time(self, maps: Tensor) -> dict[str, Weighted]:
        """Return weights and losses of (B, S, M, h, w) maps of consecutive frames, by name."""
        if self.over_time == LossesOverTime():  # no weight: soft argmax takes time
            return {}
        fusion = cast(SequenceNet, self.net).fusion
        heatmaps = maps[:, :, fusion.first_map : fusion.first_map + fusion.joints]
        xy = soft_argmax(heatmaps) / heatmaps.shape[-1]
        subspace = self._subspace and PoseSubspace(*(part.to(xy.device) for part in self._subspace))
        return self.over_time.weighted(xy, subspace)
