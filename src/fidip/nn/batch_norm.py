"""Running statistics of BatchNorm over given images."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
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


@torch.no_grad()
def set_statistics(net: nn.Module, images: Iterable[Tensor]) -> None:
    r"""Give BatchNorm layers the statistics of their inputs, and keep the network's outputs.

    A layer that computes a x + b in eval mode, with inputs of mean m and variance v over all images
    and pixels, gets

        running mean m, running variance v, weight a \sqrt{v + eps}, bias a m + b

    With new layers this undoes folding: weights that have BatchNorm folded into their convolutions
    can be trained with statistics of a batch, and adapted by those of another domain.

    Args:
        net: the network, changed in place.
        images: (B, 3, H, W) images as the network expects them; without any, nothing changes.

    Example:
        >>> layer, images = nn.BatchNorm2d(1), torch.tensor([2.0, 6.0]).reshape(2, 1, 1, 1)
        >>> set_statistics(layer, [images])
        >>> layer.running_mean.item(), layer.running_var.item()
        (4.0, 4.0)
        >>> [round(x, 3) for x in layer.train()(images).flatten().tolist()]
        [2.0, 6.0]
    """
    mode = net.training
    norms = [module for module in net.eval().modules() if isinstance(module, _BatchNorm)]
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in norms}

    def add(norm: _BatchNorm, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        count = torch.full_like(values[:, 0], values.shape[1])
        sums[norm] += torch.stack([count, values.sum(1), values.square().sum(1)]).cpu()

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    for batch in images:
        net(batch)
    for hook in hooks:
        hook.remove()
    for norm, (count, first, second) in sums.items():
        if count.all():
            _change_statistics(norm, first / count, second / count - (first / count) ** 2)
    net.train(mode)


def _change_statistics(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Replace (C,) running statistics, and compensate for that by weight and bias."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance = mean.to(norm.weight.device), variance.to(norm.weight.device).clamp(min=0)
    slope = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    norm.bias.copy_(norm.bias.double() + slope * (mean - norm.running_mean.double()))
    norm.weight.copy_(slope * (variance + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
