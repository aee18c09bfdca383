"""Replay with distillation: fine-tuning that does not forget the pretraining domain.

A part of every batch is of the pretraining domain (``data.replay_split``). All samples are learned
from their labels; on replayed samples x_r the network must also agree with its teacher T, the
network as it was before, in heatmaps and in features f, and on unlabelled images x_u of the target
in heatmaps:

    L = L_pose + a * L(P(x_r), T(x_r)) + b * |f_P(x_r) - f_T(x_r)|^2 / |f_T(x_r)|^2
        + c * L(P(x_u), T(x_u))

Source: the distillation of Li and Hoiem, "Learning without Forgetting", ECCV 2016, here on replayed
images and on those of the target.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fidip.adapt.distillation import feature_loss, mean_square
from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.adapt.teacher import WithTeacher
from fidip.core.data_parts import DataPart
from fidip.core.ranges import NonNegative
from fidip.nn.pose_net import PoseNet, PoseOutput
from fidip.nn.weights.net_weights import load_weights


class Replay(WithTeacher, AddedLoss):
    """Supervised training with replayed samples that are distilled; see the module.

    Args:
        teacher: weights of the teacher, as for ``fidip.nn.load_weights``; None for those that
            training starts from.
        map_weight: a, weight of the loss between heatmaps on replayed samples.
        feature_weight: b, weight of ``feature_loss`` on replayed samples.
        target_weight: c, weight of the loss between heatmaps on unlabelled samples, if there are
            any.

    Logs ``pose_loss``, ``map_loss`` and ``feature_loss``, and ``target_loss`` if it has a weight.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.REPLAY})

    def __init__(
        self,
        *,
        teacher: str | None = None,
        map_weight: NonNegative = 1.0,
        feature_weight: NonNegative = 1e-3,
        target_weight: NonNegative = 0.0,
    ) -> None:
        super().__init__()
        self.teacher_ckpt = teacher
        self.map_weight = map_weight
        self.feature_weight = feature_weight
        self.target_weight = target_weight
        self._wanted: dict[Part, PoseOutput] = {}
        self._scale: Tensor | None = None

    def begin(self, net: PoseNet) -> None:
        """Copy the teacher from the network.

        Raises:
            CheckpointError: the teacher's weights do not exist, or are of another network.
        """
        super().begin(net)
        if self.teacher_ckpt:
            load_weights(self.teacher, self.teacher_ckpt)

    @torch.no_grad()
    def prepare(self, step: Step) -> None:
        """Compute what the teacher says about the replayed samples.

        Features are relative to the mean square over all of them, in all parts and processes.
        """
        self._wanted = {
            part: self.teacher(part.images[part.batch.is_replayed]) for part in step.parts
        }
        squares = [mean_square(wanted.features) for wanted in self._wanted.values()]
        self._scale = step.mean_over_processes(torch.stack(squares).mean())

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the distillation of the replayed and of the unlabelled samples."""
        batch, output, replayed = part.batch, part.output, part.batch.is_replayed
        wanted = self._wanted.pop(part)
        _, weight = step.codec.encode(batch.joints_crop[replayed], batch.labelled[replayed])
        maps = step.loss(output.heatmaps[replayed], wanted.heatmaps, weight)
        features = feature_loss(output.features[replayed], wanted.features, self._scale)
        found = {
            "map_loss": Term(maps, self.map_weight),
            "feature_loss": Term(features, self.feature_weight),
        }
        if self.target_weight and batch.is_unlabelled.any():
            found["target_loss"] = Term(self._target_loss(step, part), self.target_weight)
        return found

    def _target_loss(self, step: Step, part: Part) -> Tensor:
        """Return the distillation of heatmaps of the unlabelled samples, as the network sees them.

        Another method may have changed their images after ``prepare``.
        """
        rows = part.batch.is_unlabelled
        with torch.no_grad():
            wanted: PoseOutput = self.teacher(part.images[rows])
            joints, _ = step.codec.decode(wanted.heatmaps)
        _, weight = step.codec.encode(joints, torch.ones_like(joints[..., 0]))
        return step.loss(part.output.heatmaps[rows], wanted.heatmaps, weight)
