"""FiDIP as a separate task: adaptation by the adversarial method."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fidip.adapt.adversarial import Adversarial, DomainHeadFactory
from fidip.adapt.schedules import WeightSchedule, always
from fidip.nn.optimization import OptimizerFactory, SchedulerFactory
from fidip.tasks.adaptation_task import AdaptationTask

FORMER_STATE = {
    "domain_head.": "method.domain_head.",
    "domain_epochs_done": "pretraining_epochs_done",
}
"""Current prefixes of names in checkpoints by prefix of version 0.1."""


class FidipTask(AdaptationTask):
    """``AdaptationTask`` with ``fidip.adapt.adversarial.Adversarial``.

    Args:
        domain_head, domain_optimizer, domain_scheduler, domain_epochs: as for ``Adversarial``.
        adversarial_weight: ``weight`` of ``Adversarial``, lambda in the paper.
        adversarial_schedule: ``schedule`` of ``Adversarial``.
        task: arguments of ``AdaptationTask`` and ``PoseTask``.
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
        """Domain head of the method."""
        return self.method.domain_head

    @property
    def domain_epochs_done(self) -> Tensor:
        """Number of finished epochs of domain pretraining, a () integer."""
        return self.pretraining_epochs_done

    @property
    def adversarial_weight(self) -> float:
        """Weight of the adversarial loss, lambda in the paper."""
        return self.method.weight

    @property
    def domain_epochs(self) -> int:
        """Number of epochs of domain pretraining."""
        return self.method.pretraining_epochs

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Rename the tensors of older checkpoints to their current names."""
        checkpoint["state_dict"] = {
            _present_name(name): value for name, value in checkpoint["state_dict"].items()
        }
        super().on_load_checkpoint({"method": {}, **checkpoint})


def _present_name(name: str) -> str:
    for former, present in FORMER_STATE.items():
        if name.startswith(former):
            return present + name.removeprefix(former)
    return name
