"""Adversarial domain adaptation (FiDIP): the mathematics of its two steps.

A domain head reads the pose network's features and says synthetic (1) or real (0). It learns to
tell the domains apart; the network learns poses and, by a small weight, to make that impossible.

Source: Huang, Fu, Liu and Ostadabbas, "Invariant Representation Learning for Infant Pose
Estimation with Small Data", FG 2021.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def domain_loss(logits: Tensor, is_synthetic: Tensor) -> Tensor:
    """Mean binary cross-entropy of the domain head.

    Args:
        logits: (B,) log-odds of "synthetic".
        is_synthetic: (B,) 1 synthetic, 0 real.

    Returns:
        () loss; log 2 = 0.693 when the head can only guess on balanced batches.
    """
    return F.binary_cross_entropy_with_logits(logits, is_synthetic.to(logits.dtype))


def domain_accuracy(logits: Tensor, is_synthetic: Tensor) -> Tensor:
    """() share of the (B,) logits on the right side of zero."""
    return ((logits > 0) == (is_synthetic > 0.5)).float().mean()


def confusion_loss(pose_loss: Tensor, domain_loss: Tensor, weight: float) -> Tensor:
    """What the pose network minimises in step II: good poses, and a domain head that errs."""
    return pose_loss - weight * domain_loss


def always(progress: float) -> float:
    """The whole weight from the first update to the last, as in FiDIP."""
    return 1.0


def ramp(progress: float, steepness: float = 10.0) -> float:
    """The share of the weight at a share of the run: from 0 to nearly 1 along half a sigmoid.

    While the domain head is young its gradients are noise. From Ganin et al., Domain-Adversarial
    Training of Neural Networks, JMLR 2016, section 5.2.2.
    """
    return 2 / (1 + math.exp(-steepness * progress)) - 1


@contextmanager
def fixed(module: nn.Module) -> Iterator[None]:
    """Inside, gradients flow through ``module`` but neither weights nor statistics change.

    BatchNorm goes on normalising by the batch, as it did when the module was trained, so both
    steps see the same function; only its running statistics stay put.
    """
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    parameters = [p for p in module.parameters() if p.requires_grad]
    _set_learning(parameters, norms, False)
    try:
        yield
    finally:
        _set_learning(parameters, norms, True)


def _set_learning(parameters: list[nn.Parameter], norms: list[_BatchNorm], on: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad_(on)
    for norm in norms:
        norm.track_running_stats = on
