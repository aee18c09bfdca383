"""FiDIP as a task of its own: adaptation by the adversarial method."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fidip.adapt.adversarial import Adversarial, DomainHeadFactory, WeightSchedule
from fidip.adapt.schedules import always
from fidip.nn.optimization import OptimizerFactory, SchedulerFactory
from fidip.tasks.adaptation_task import AdaptationTask

FORMER_STATE = {
    "domain_head.": "method.domain_head.",
    "domain_epochs_done": "pretraining_epochs_done",
}
"""Beginnings of names in checkpoints of version 0.1, before and now."""


class FidipTask(AdaptationTask):
    """``AdaptationTask`` with ``fidip.adapt.adversarial.Adversarial``.

    Args:
        domain_head, domain_optimizer, domain_scheduler, domain_epochs: as of ``Adversarial``.
        adversarial_weight: ``weight`` of ``Adversarial``, lambda of the paper.
        adversarial_schedule: ``schedule`` of ``Adversarial``.
        task: the arguments of ``AdaptationTask`` and ``PoseTask``.
    """

    method: Adversarial

    def __init__(
        self,
        *,
        domain_head: DomainHeadFactory,
        domain_optimizer: OptimizerFactory,
        adversarial_weight: float = 0.0005,
        adversarial_schedule: WeightSchedule = always,
        domain_scheduler: SchedulerFactory | None = None,
        domain_epochs: int = 10,
        **task: Any,
    ) -> None:
        method = Adversarial(
            domain_head=domain_head,
            domain_optimizer=domain_optimizer,
            weight=adversarial_weight,
            schedule=adversarial_schedule,
            domain_scheduler=domain_scheduler,
            domain_epochs=domain_epochs,
        )
        super().__init__(method=method, **task)

    @property
    def domain_head(self) -> nn.Module:
        """The domain head of the method."""
        return self.method.domain_head

    @property
    def domain_epochs_done(self) -> Tensor:
        """Epochs of domain pretraining that are done, a () integer."""
        return self.pretraining_epochs_done

    @property
    def adversarial_weight(self) -> float:
        """Lambda."""
        return self.method.weight

    @property
    def domain_epochs(self) -> int:
        """Epochs of domain pretraining."""
        return self.method.pretraining_epochs

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Give the tensors of older checkpoints their present names."""
        checkpoint["state_dict"] = {
            _present_name(name): value for name, value in checkpoint["state_dict"].items()
        }
        super().on_load_checkpoint({"method": {}, **checkpoint})


def _present_name(name: str) -> str:
    for former, present in FORMER_STATE.items():
        if name.startswith(former):
            return present + name.removeprefix(former)
    return name
