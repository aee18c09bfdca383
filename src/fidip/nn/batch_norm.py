"""Running statistics of BatchNorm, estimated over given images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from fidip.nn.pose_net import PoseNet
from fidip.nn.sync_norm import local


def unfrozen_norms(net: PoseNet) -> list[_BatchNorm]:
    """Return the BatchNorm layers of a network that learn running statistics.

    Args:
        net: the network, in train mode; layers that are frozen are in eval mode.

    Example:
        >>> from torch import nn
        >>> layers = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False))
        >>> unfrozen_norms(layers) == [layers[0]]
        True
    """
    norms = (module for module in net.modules() if isinstance(module, _BatchNorm))
    return [norm for norm in norms if norm.training and norm.running_mean is not None]


@torch.no_grad()
def estimate_statistics(net: PoseNet, images: Iterable[Tensor]) -> None:
    r"""Replace the running statistics of BatchNorm layers by averages over images, in place.

    A statistic s_i of batch i with B_i images is averaged cumulatively over N batches:

        s = \sum_i B_i s_i / \sum_i B_i

    Every layer sees features that the layers before it have normalised by the statistics of the
    batch. Frozen layers keep their statistics, and all other layers are in eval mode.

    Args:
        net: the network.
        images: (B, 3, H, W) normalised images, the same ones in all processes; without any, the
            statistics stay as they are.
    """
    mode = net.training
    norms = unfrozen_norms(net.train())
    momenta = [norm.momentum for norm in norms]
    net.eval()
    for norm in norms:
        norm.train()
    seen = 0
    for batch in images:
        seen += len(batch)
        for norm in norms:
            norm.momentum = len(batch) / seen
        with local(net):
            net(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.train(mode)
