"""Replay with distillation as a separate task, for configurations of version 0.1."""

from __future__ import annotations

from typing import Any

from fidip.adapt.replay import Replay
from fidip.nn.pose_net import PoseNet
from fidip.tasks.adaptation_task import AdaptationTask


class ReplayTask(AdaptationTask):
    """``AdaptationTask`` with ``fidip.adapt.replay.Replay``.

    Args:
        teacher, map_weight, feature_weight: as for ``Replay``.
        task: arguments of ``AdaptationTask`` and ``PoseTask``.
    """

    method: Replay

    def __init__(
        self,
        *,
        teacher: str | None = None,
        map_weight: float = 1.0,
        feature_weight: float = 1e-3,
        **task: Any,
    ) -> None:
        method = Replay(teacher=teacher, map_weight=map_weight, feature_weight=feature_weight)
        super().__init__(method=method, **task)

    @property
    def teacher(self) -> PoseNet:
        """The teacher of the method."""
        return self.method.teacher

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the teacher from the former place in older checkpoints."""
        former = {"teacher": checkpoint.get("teacher")}
        super().on_load_checkpoint({"method": former, **checkpoint})
