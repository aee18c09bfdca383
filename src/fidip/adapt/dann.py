"""DANN: domain-adversarial training in one backward pass, by gradient reversal.

A domain head reads the network's features through a layer that is the identity forwards and
multiplies gradients by -lambda backwards. One step of one optimizer therefore trains the head to
tell the domains apart and the network to prevent that, with network P, head D, features f and
domains y (1 synthetic, 0 real or unlabelled):

    L = L_pose + BCE(D(R(f)), y),  where R(f) = f and dR/df = -lambda

Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from fidip.adapt.adversarial import DomainHeadFactory, domain_accuracy, domain_loss
from fidip.adapt.domains import domain_labels
from fidip.adapt.gradients import scale_gradient
from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.schedules import WeightSchedule, ramp
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.ranges import NonNegative
from fidip.nn.pose_net import PoseNet


def reverse_gradient(features: Tensor, weight: float) -> Tensor:
    """Return the features; backwards, multiply their gradients by ``-weight``.

    Args:
        features: a tensor of any shape.
        weight: lambda.

    Returns:
        The same values, in the same shape.

    Example:
        >>> import torch
        >>> features = torch.ones(2, requires_grad=True)
        >>> reverse_gradient(features, 0.5).sum().backward()
        >>> features.grad
        tensor([-0.5000, -0.5000])
    """
    return scale_gradient(features, -weight)


class GradientReversal(AddedLoss):
    """Network and domain head in one update of the optimizer ``pose``; see the module.

    Args:
        domain_head: makes the head from the number of feature channels; its forward takes
            (B, C, h, w) features to (B,) logits of "synthetic".
        weight: lambda at the end of the run; 0 disables the adversary: the domain head trains but
            does not affect the network.
        schedule: factor of the weight at a fraction of the run's updates; the paper's by default.

    Logs ``pose_loss``, ``domain_loss`` and ``domain_accuracy``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset(
        {DataPart.LABELLED_SOURCE, DataPart.BOTH_DOMAINS}
    )
    domain_head: nn.Module

    def __init__(
        self,
        *,
        domain_head: DomainHeadFactory,
        weight: NonNegative = 0.0005,
        schedule: WeightSchedule = ramp,
    ) -> None:
        super().__init__()
        self.make_domain_head = domain_head
        self.weight = weight
        self.schedule = schedule

    def attach(self, net: PoseNet) -> None:
        """Build the domain head for the network's features."""
        self.domain_head = self.make_domain_head(net.feature_channels)

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the loss of the domain head, reversing its gradient for the network."""
        weight = self.weight * self.schedule(step.progress)
        logits = self.domain_head(reverse_gradient(part.output.features, weight))
        labels = domain_labels(part.batch.is_synthetic, part.batch.is_unlabelled)
        return {
            "domain_loss": Term(domain_loss(logits, labels), 1.0),
            "domain_accuracy": Term(domain_accuracy(logits, labels)),
        }
