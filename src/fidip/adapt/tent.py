r"""Tent: only BatchNorm layers are trained, by the entropy of heatmaps of unlabelled images.

The network normalises target images by the statistics of their batch, and an update of the scales
and offsets of its BatchNorm layers minimises the mean over target samples and joints of

    H = -\sum_i p_i log(p_i),    p = softmax(h / t) over the pixels of a heatmap h

Running statistics become those of the target. Labels and images of the source are not used. A
negative control: it is known to fail on small batches and on batches of similar images, and a
confident heatmap may be wrong.

Source: Wang, Shelhamer, Liu, Olshausen and Darrell, "Tent: Fully Test-Time Adaptation by Entropy
Minimization", ICLR 2021, for classification; there t = 1.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from fidip.adapt.adabn import no_batch_norm
from fidip.adapt.method import AdaptationMethod, Trained
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.errors import ConfigError
from fidip.core.ranges import PositiveFloat
from fidip.nn.batch_norm import unfrozen_norms
from fidip.nn.pose_net import PoseNet, PoseOutput


def spatial_entropy(heatmaps: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the mean entropy over joints of the softmax over pixels.

    Args:
        heatmaps: (B, K, h, w) heatmaps.
        temperature: what heatmaps are divided by; the smaller, the more the maximum counts.

    Returns:
        (B,) entropies in nats, 0 to log(h w).

    Example:
        >>> spatial_entropy(torch.zeros(1, 1, 2, 2))
        tensor([1.3863])
        >>> spatial_entropy(torch.tensor([[[[1.0, 0.0]]]]), temperature=0.1)
        tensor([0.0005])
    """
    exact = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
    log_p = (exact / temperature).flatten(2).log_softmax(2)
    return -(log_p.exp() * log_p).sum(2).mean(1)


class Tent(AdaptationMethod):
    """Training of BatchNorm layers by entropy on the unlabelled target; see the module.

    Args:
        temperature: t. Heatmaps have values of 0 to 1, so that their softmax would be nearly
            uniform with 1.

    Logs ``entropy``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.UNLABELLED_TARGET})
    trains_without_labels: ClassVar[bool] = True

    def __init__(self, *, temperature: PositiveFloat = 0.1) -> None:
        super().__init__()
        self.temperature = temperature
        self._affine: list[nn.Parameter] = []

    def attach(self, net: PoseNet) -> None:
        """Freeze all parameters of the network except scales and offsets of BatchNorm layers.

        Raises:
            ConfigError: there are none.
        """
        norms = unfrozen_norms(net)
        own = [parameter for norm in norms for parameter in norm.parameters(recurse=False)]
        self._affine = [parameter for parameter in own if parameter.requires_grad]
        if not self._affine:
            raise no_batch_norm("Tent")
        net.requires_grad_(False)
        for parameter in self._affine:
            parameter.requires_grad_(True)

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return one optimizer of the scales and offsets."""
        return {"pose": Trained(self._affine)}

    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update.

        Raises:
            ConfigError: the network's maps are not heatmaps.
        """
        is_target = step.of_all_samples(lambda part: part.batch.is_unlabelled)

        def losses(part: Part) -> dict[str, Tensor]:
            own = part.batch.is_unlabelled
            output: PoseOutput = step.net(part.images[own])
            heatmaps = output.heatmaps
            if heatmaps.ndim != 4:
                raise ConfigError(
                    "method: Tent needs heatmaps, but the network's maps have the shape "
                    f"{list(heatmaps.shape[1:])}; expected [joints, height, width]. Choose "
                    "another codec= and net=, or another method="
                )
            entropy = spatial_entropy(heatmaps, self.temperature)
            values = entropy.new_zeros(len(own)).masked_scatter(own, entropy)
            loss = step.mean_over_samples(part, values, is_target)
            return {"loss": loss, "entropy": loss}

        return step.update("pose", losses)
