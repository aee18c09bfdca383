r"""MMD: aligns the distributions of the features of both domains.

The squared maximum mean discrepancy of source features s and target features t, means over pixels,
with a mean of Gaussian kernels k of five widths around the mean squared distance m:

    L   = L_pose + a * MMD^2
    k   = 1/5 \sum_{u=-2}^{2} exp(-|x - y|^2 / (2^u m))
    MMD^2 = mean_{i != j} k(s_i, s_j) + mean_{i != j} k(t_i, t_j) - 2 mean_{i, j} k(s_i, t_j)

This is the unbiased estimator with quadratic cost (Gretton et al., "A Kernel Two-Sample Test", JMLR
2012, lemma 6); it is negative for some samples of one distribution. It is computed from all samples
of an update, also with several processes. m is a constant for the gradient.

Source: Long, Cao, Wang and Jordan, "Learning Transferable Features with Deep Adaptation Networks",
ICML 2015. They learn the weights of the kernels, use the estimator with linear cost, and adapt
several layers.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.ranges import NonNegative

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Widths of the kernels relative to the mean squared distance."""


def mmd_loss(source: Tensor, target: Tensor) -> Tensor:
    """Return the unbiased estimate of the squared maximum mean discrepancy.

    Args:
        source: (n, d) features.
        target: (m, d) features.

    Returns:
        () loss; 0 if one of the sets has fewer than two features.

    Example:
        >>> near, far = torch.tensor([[0.0], [1.0]]), torch.tensor([[8.0], [9.0]])
        >>> round(float(mmd_loss(near, far)), 3), round(float(mmd_loss(near, near)), 3)
        (1.344, -0.713)
    """
    n, m = len(source), len(target)
    if min(n, m) < 2:
        return source.new_zeros(())
    kernel = _kernel(torch.cat([source, target]))
    within_source = (kernel[:n, :n].sum() - n) / (n * (n - 1))  # of a feature with itself, k = 1
    within_target = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return within_source + within_target - 2 * kernel[:n, n:].mean()


def _kernel(features: Tensor) -> Tensor:
    """Return the (N, N) kernel of (N, d) features."""
    # Products of matrices would be faster, but lose the digits of small distances.
    exact = "donot_use_mm_for_euclid_dist"
    distances = torch.cdist(features, features, compute_mode=exact).square()
    mean = distances.detach().sum() / (len(features) * (len(features) - 1))
    widths = mean.clamp(min=1e-12) * distances.new_tensor(WIDTHS)
    return torch.exp(-distances / widths.view(-1, 1, 1)).mean(0)


class MMD(AddedLoss):
    """Supervised training with ``mmd_loss`` between source and target; see the module.

    Args:
        weight: a, weight of the loss.

    Logs ``pose_loss`` and ``mmd_loss``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.BOTH_DOMAINS})

    def __init__(self, *, weight: NonNegative = 1e-5) -> None:
        super().__init__()
        self.weight = weight

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the discrepancy."""
        features, (source, target) = step.pooled_features(part), step.domains
        return {"mmd_loss": Term(mmd_loss(features[source], features[target]), self.weight)}
