r"""Deep CORAL: aligns the covariances of the features of both domains.

With the covariances C_S and C_T of the features of source and target samples, means over pixels of
d channels, an update minimises

    L = L_pose + a * |C_S - C_T|_F^2 / (4 d^2)

The covariances are those of all samples of an update, also with several processes.

Source: Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV
workshops 2016.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.ranges import NonNegative


def covariance(features: Tensor) -> Tensor:
    """Return the unbiased covariance of features.

    Args:
        features: (n, d) features, at least two.

    Returns:
        (d, d) covariance.

    Example:
        >>> covariance(torch.tensor([[1.0, 0.0], [3.0, 2.0]]))
        tensor([[2., 2.],
                [2., 2.]])
    """
    deviations = features - features.mean(0)
    # In half precision, covariances of a batch have no correct digit.
    with torch.autocast(features.device.type, enabled=False):
        return deviations.T @ deviations / (len(features) - 1)


def coral_loss(source: Tensor, target: Tensor) -> Tensor:
    """Return the squared distance between the covariances of two sets of features.

    Args:
        source: (n, d) features.
        target: (m, d) features.

    Returns:
        () loss; 0 if one of the sets has fewer than two features.

    Example:
        >>> coral_loss(torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [4.0]]))
        tensor(9.)
    """
    if min(len(source), len(target)) < 2:
        return source.new_zeros(())
    difference = covariance(source) - covariance(target)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


class Coral(AddedLoss):
    """Supervised training with ``coral_loss`` between source and target; see the module.

    Args:
        weight: a, weight of the loss.

    Logs ``pose_loss`` and ``coral_loss``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.BOTH_DOMAINS})

    def __init__(self, *, weight: NonNegative = 100.0) -> None:
        super().__init__()
        self.weight = weight

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the distance between the covariances."""
        features, (source, target) = step.pooled_features(part), step.domains
        return {"coral_loss": Term(coral_loss(features[source], features[target]), self.weight)}
