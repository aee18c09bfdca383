"""The pose network: normalise, backbone, head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fidip.codecs.gaussian import flip_back
from fidip.nn.freeze import freeze

FlipBack = Callable[[Tensor, NDArray[np.int64], bool], Tensor]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PoseOutput(NamedTuple):
    """What the network says of B images.

    Attributes:
        features: (B, C, h, w) of the backbone; what a domain head looks at.
        heatmaps: (B, K, h', w'), one for each joint; or other maps, as the head's codec has them.
    """

    features: Tensor
    heatmaps: Tensor


class PoseNet(nn.Module):
    """A backbone and a head.

    Args:
        backbone: (B, 3, H, W) images to (B, C, h, w) features; tells C as ``num_features``.
        head: makes the head from C; its forward takes features to (B, K, h', w') heatmaps.
        mean: RGB mean of the images that the backbone expects, of values in 0..1.
        std: their standard deviation.
        frozen: names of modules or parameters that never learn, such as ``backbone.conv1``.
        frozen_statistics: frozen modules are for ever in eval mode, so that their BatchNorm
            statistics stay as well.

    Raises:
        ConfigError: ``frozen`` names something that does not exist.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        head: Callable[[int], nn.Module],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        frozen: Sequence[str] = (),
        frozen_statistics: bool = True,
    ) -> None:
        super().__init__()
        self.feature_channels = int(backbone.num_features)  # type: ignore[arg-type]
        self.backbone = backbone
        self.head = head(self.feature_channels)
        for name, values in (("mean", mean), ("std", std)):
            per_channel = 255 * torch.tensor(values).view(3, 1, 1)
            self.register_buffer(name, per_channel, persistent=False)
        modules = freeze(self, frozen)
        self._frozen = modules if frozen_statistics else ()
        # Crops come channels last; convolutions that stay so are up to a third faster on a CPU.
        self.to(memory_format=torch.channels_last)
        self.train()  # and frozen modules in eval mode, from the start

    def train(self, mode: bool = True) -> PoseNet:
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def normalize(self, crops: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 RGB crops to float images of zero mean and unit variance."""
        # Crops lie in channels_last: broadcast against whole rows, not against three numbers at a time.
        mean, std = (
            each.expand(1, 3, 1, crops.shape[-1]).contiguous(memory_format=torch.channels_last)
            for each in (self.mean, self.std)
        )
        return crops.to(mean.dtype, copy=True).sub_(mean).div_(std)

    def forward(self, images: Tensor) -> PoseOutput:
        """(B, 3, H, W) normalised images to features and heatmaps."""
        features = self.backbone(images)
        return PoseOutput(features, self.head(features))

    def heatmaps(
        self,
        images: Tensor,
        flip_order: NDArray[np.int64] | None = None,
        flip_shift: bool = False,
        back: FlipBack = flip_back,
    ) -> Tensor:
        """(B, K, h', w') heatmaps of (B, 3, H, W) normalised images.

        Args:
            images: normalised images.
            flip_order: (K,) permutation that exchanges left and right joints. If given, the
                heatmaps are the mean with those of the mirrored images.
            flip_shift: move the latter by one pixel (see ``flip_back``).
            back: undoes the mirroring, with the last two arguments: the codec's ``flip_back``.
        """
        heatmaps: Tensor = self(images).heatmaps
        if flip_order is None:
            return heatmaps
        mirrored: Tensor = self(images.flip(-1)).heatmaps
        return (heatmaps + back(mirrored, flip_order, flip_shift)) / 2
