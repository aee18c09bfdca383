"""FiDIP: adversarial adaptation with two alternating updates.

A domain head reads the network's features and predicts whether an image is synthetic (1) or real
(0); unlabelled images count as real. The head learns to tell the domains apart; the network learns
poses and, with a small weight, to make that impossible. Every batch, with network P, domain head D,
and features f:

    I:   min over D of  BCE(D(stop_grad(f)), y)
    II:  min over P of  L_pose - lambda * BCE(D(f), y),  D fixed

Source: Huang, Fu, Liu and Ostadabbas, "Invariant Representation Learning for Infant Pose
Estimation with Small Data", FG 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from fidip.adapt.domains import domain_labels
from fidip.adapt.method import AdaptationMethod, Trained, trainable
from fidip.adapt.schedules import WeightSchedule, always
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.ranges import Count, NonNegative
from fidip.nn.freeze import fixed
from fidip.nn.optimization import OptimizerFactory, SchedulerFactory
from fidip.nn.pose_net import PoseNet

DomainHeadFactory = Callable[[int], nn.Module]
"""Makes a domain head from the number of feature channels."""


def domain_loss(logits: Tensor, is_synthetic: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the domain head.

    Args:
        logits: (B,) log-odds of "synthetic".
        is_synthetic: (B,) 1 synthetic, 0 real.

    Returns:
        () loss; log 2 = 0.693 when the head can only guess on balanced batches.

    Example:
        >>> import torch
        >>> round(float(domain_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))), 3)
        0.693
    """
    return F.binary_cross_entropy_with_logits(logits, is_synthetic.to(logits.dtype))


def domain_accuracy(logits: Tensor, is_synthetic: Tensor) -> Tensor:
    """Return the fraction of logits on the right side of zero.

    Args:
        logits: (B,) log-odds of "synthetic".
        is_synthetic: (B,) 1 synthetic, 0 real.

    Returns:
        () accuracy, 0 to 1.

    Example:
        >>> import torch
        >>> float(domain_accuracy(torch.tensor([3.0, -1.0]), torch.tensor([1.0, 1.0])))
        0.5
    """
    return ((logits > 0) == (is_synthetic > 0.5)).float().mean()


def confusion_loss(pose_loss: Tensor, domain_loss: Tensor, weight: float) -> Tensor:
    """Return what the network minimises in step II: the pose loss minus the weighted domain loss.

    Args:
        pose_loss: () loss.
        domain_loss: () loss of the domain head.
        weight: lambda.

    Returns:
        () loss.

    Example:
        >>> import torch
        >>> round(float(confusion_loss(torch.tensor(2.0), torch.tensor(0.5), 0.1)), 3)
        1.95
    """
    return pose_loss - weight * domain_loss


class Adversarial(AdaptationMethod):
    """FiDIP's two steps with two optimizers, ``pose`` and ``domain``; see the module.

    Before the adaptation, only the domain head is trained, for ``domain_epochs`` epochs.

    Args:
        domain_head: makes the head from the number of feature channels; its forward takes
            (B, C, h, w) features to (B,) logits of "synthetic".
        domain_optimizer: makes the optimizer of the domain head.
        weight: lambda of the paper; 0 disables the adversary: the domain head trains but does not
            affect the network.
        schedule: factor of the weight at a fraction of the run's updates.
        domain_scheduler: makes the learning rate schedule of the domain head, stepped once an
            update of the adaptation; None for a constant rate.
        domain_epochs: epochs of domain pretraining over the data module's ``domain_dataloader``.

    Logs ``pose_loss``, ``domain_loss`` and ``domain_accuracy``, the last two before step I.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset(
        {DataPart.LABELLED_SOURCE, DataPart.BOTH_DOMAINS}
    )
    domain_head: nn.Module

    def __init__(
        self,
        *,
        domain_head: DomainHeadFactory,
        domain_optimizer: OptimizerFactory,
        weight: NonNegative = 0.0005,
        schedule: WeightSchedule = always,
        domain_scheduler: SchedulerFactory | None = None,
        domain_epochs: Count = 10,
    ) -> None:
        super().__init__()
        self.make_domain_head = domain_head
        self.domain_optimizer = domain_optimizer
        self.weight = weight
        self.schedule = schedule
        self.domain_scheduler = domain_scheduler
        self.pretraining_epochs = domain_epochs

    def attach(self, net: PoseNet) -> None:
        """Build the domain head for the network's features."""
        self.domain_head = self.make_domain_head(net.feature_channels)

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return the optimizer of the network, and one of the domain head."""
        head = trainable(self.domain_head.parameters())
        domain = Trained(head, self.domain_optimizer, self.domain_scheduler)
        return {**super().optimizers(net), "domain": domain}

    def step(self, step: Step) -> dict[str, Tensor]:
        """Make the paper's two steps: train the domain head, then the network against it."""
        weight = self.weight * self.schedule(step.progress)

        def step_two(part: Part) -> dict[str, Tensor]:
            pose = step.pose_loss(part.output.heatmaps, part.batch)
            with fixed(self.domain_head):
                logits = self.domain_head(part.output.features)
                confusion = domain_loss(logits, _labels(part))
            return {"loss": confusion_loss(pose, confusion, weight), "pose_loss": pose}

        head = step.update("domain", self.step_one)
        net = step.update("pose", step_two)
        return {**net, "domain_loss": head["loss"], "domain_accuracy": head["accuracy"]}

    def step_one(self, part: Part) -> dict[str, Tensor]:
        """Return the domain head's loss and accuracy on features that it cannot change."""
        logits, labels = self.domain_head(part.features), _labels(part)
        return {"loss": domain_loss(logits, labels), "accuracy": domain_accuracy(logits, labels)}

    def pretraining_step(self, step: Step) -> dict[str, Tensor]:
        """Train only the domain head, on the features of the fixed network."""
        return step.update("domain", self.step_one)


def _labels(part: Part) -> Tensor:
    return domain_labels(part.batch.is_synthetic, part.batch.is_unlabelled)
