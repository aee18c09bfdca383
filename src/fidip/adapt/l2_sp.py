"""L2-SP: fine-tuning with a penalty on the distance to the starting weights.

With the trained weights w and the starting weights w0, an update minimises

    L = L_pose + a / 2 * |w - w0|^2

Source: Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning with
Convolutional Networks", ICML 2018. Their second term, weight decay of a new head, is the
optimizer's.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fidip.adapt.method import AddedLoss, Term, trainable
from fidip.adapt.step import Part, Step
from fidip.core.ranges import NonNegative
from fidip.nn.pose_net import PoseNet


def squared_distance(weights: Iterable[Tensor], start: Iterable[Tensor]) -> Tensor:
    """Return the squared Euclidean distance between two sets of tensors.

    Args:
        weights: tensors of any shapes.
        start: tensors of the same shapes.

    Returns:
        () distance.

    Example:
        >>> squared_distance([torch.ones(2), torch.ones(3)], [torch.zeros(2), torch.ones(3)])
        tensor(2.)
    """
    pairs = zip(weights, start, strict=True)
    return torch.stack([(own - other).square().sum() for own, other in pairs]).sum()


class L2SP(AddedLoss):
    """Supervised training with a penalty on the distance to the starting weights; see the module.

    Args:
        weight: a, weight of half the squared distance.

    Logs ``pose_loss`` and ``distance``, the squared distance.
    """

    def __init__(self, *, weight: NonNegative = 1e-5) -> None:
        super().__init__()
        self.weight = weight
        self.start = nn.ParameterList()

    def attach(self, net: PoseNet) -> None:
        """Allocate the starting weights, which checkpoints keep."""
        copies = (p.detach().clone() for p in trainable(net.parameters()))
        self.start = nn.ParameterList(nn.Parameter(p, requires_grad=False) for p in copies)

    def begin(self, net: PoseNet) -> None:
        """Copy the starting weights."""
        with torch.no_grad():
            for own, parameter in zip(self.start, trainable(net.parameters()), strict=True):
                own.copy_(parameter)

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the penalty."""
        distance = squared_distance(trainable(step.net.parameters()), self.start)
        return {"distance": Term(distance, self.weight / 2)}
