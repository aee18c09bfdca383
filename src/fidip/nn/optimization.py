"""Optimizers, schedules and losses: types of what a configuration builds, and rates by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fidip.nn.pose_net import PoseNet

OptimizerFactory = Callable[[Iterable[nn.Parameter] | Iterable[dict[str, Any]]], Optimizer]
"""Builds an optimizer of parameters, or of groups of them."""
PoseLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps (output, target, weight) of (B, K, h, w) heatmaps to a () loss."""


class SchedulerFactory(Protocol):
    """Builds a learning rate schedule that is stepped after each of ``total_steps`` updates."""

    def __call__(self, optimizer: Optimizer, *, total_steps: int) -> LRScheduler:
        """Return the schedule of an optimizer, at its first step."""
        ...


def make_optimizer(
    make: OptimizerFactory, parameters: Iterable[nn.Parameter], net: PoseNet, layer_decay: float = 1
) -> Optimizer:
    """Build an optimizer with lower learning rates for earlier layers of a network.

    The head learns at the full rate, the last layer of the backbone at ``layer_decay`` times that,
    the layer before it at ``layer_decay ** 2`` times, and so on (layer-wise learning-rate decay,
    Clark et al., ELECTRA, ICLR 2020). Layers are the children of the backbone; blocks in a list or
    sequence count one by one.

    Args:
        make: builds the optimizer.
        parameters: what it trains. Parameters outside of the backbone learn at the full rate.
        net: the network, with a backbone; not used for one rate.
        layer_decay: factor between neighbouring layers, above 0; 1 for one rate.

    Returns:
        The optimizer, with a group of parameters for each rate, the highest rate first.
    """
    if layer_decay == 1:
        return make(parameters)
    depths = {p: depth for depth, layer in enumerate(_layers(net), 1) for p in layer.parameters()}
    groups: dict[int, list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault(depths.get(parameter, 0), []).append(parameter)
    ordered = sorted(groups.items())
    optimizer = make([{"params": group} for _, group in ordered])
    for group, (depth, _) in zip(optimizer.param_groups, ordered, strict=True):
        group["lr"] *= layer_decay**depth
    return optimizer


def _layers(net: PoseNet) -> list[nn.Module]:
    """Layers of the backbone that have parameters, the last one first."""
    layers: list[nn.Module] = []
    for child in net.backbone.children():
        blocks = child.children() if isinstance(child, (nn.ModuleList, nn.Sequential)) else [child]
        layers += [block for block in blocks if any(True for _ in block.parameters())]
    return layers[::-1]
