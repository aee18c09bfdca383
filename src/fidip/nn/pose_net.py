"""Top-down pose network: input normalisation, backbone and head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fidip.nn.freeze import freeze

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PoseOutput(NamedTuple):
    """Output of a pose network for B images.

    Attributes:
        features: (B, C, h, w) features of the backbone, the input of domain heads.
        heatmaps: (B, K, h', w') heatmaps, or the maps that the head's codec defines.
    """

    features: Tensor
    heatmaps: Tensor


class PoseNet(nn.Module):
    """Pose network of a backbone and a head.

    Args:
        backbone: maps (B, 3, H, W) images to (B, C, h, w) features; has C as ``num_features``.
        head: builds the head from C; its forward maps features to (B, K, h', w') heatmaps.
        mean: RGB mean of the images that the backbone expects, for values in [0, 1].
        std: standard deviation of these images.
        frozen: names of modules or parameters that are not trained, such as ``backbone.conv1``.
        frozen_statistics: keep frozen modules in eval mode, so that their BatchNorm statistics do
            not change either; ``all`` keeps the statistics of all BatchNorm layers.

    Attributes:
        optional_parts: names of modules that weights may lack as a whole; they then keep their
            initial weights.

    Raises:
        ArgumentError: ``frozen`` has a name that does not exist.
    """

    optional_parts: ClassVar[tuple[str, ...]] = ()
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        head: Callable[[int], nn.Module],
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        frozen: Sequence[str] = (),
        frozen_statistics: bool | Literal["all"] = True,
    ) -> None:
        super().__init__()
        self.feature_channels = int(backbone.num_features)  # type: ignore[arg-type]
        self.backbone = backbone
        self.head = head(self.feature_channels)
        for name, values in (("mean", mean), ("std", std)):
            per_channel = 255 * torch.tensor(values).view(3, 1, 1)
            self.register_buffer(name, per_channel, persistent=False)
        modules = freeze(self, frozen)
        norms = tuple(m for m in self.modules() if isinstance(m, _BatchNorm))
        kept = norms if frozen_statistics == "all" else ()
        self._frozen = (*(modules if frozen_statistics else ()), *kept)
        # Crops are channels_last; convolutions in the same layout are faster on a CPU.
        self.to(memory_format=torch.channels_last)
        self.train()  # puts frozen modules into eval mode

    def train(self, mode: bool = True) -> PoseNet:
        """Set the mode of all modules except the frozen ones, which stay in eval mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def normalize(self, crops: Tensor) -> Tensor:
        """Normalise crops with the mean and standard deviation of the backbone.

        Args:
            crops: (B, 3, H, W) uint8 RGB crops.

        Returns:
            (B, 3, H, W) normalised images in the dtype of ``mean``.
        """
        # In channels_last, broadcasting whole rows is faster than three values at a time.
        mean, std = (
            each.expand(1, 3, 1, crops.shape[-1]).contiguous(memory_format=torch.channels_last)
            for each in (self.mean, self.std)
        )
        return crops.to(mean.dtype, copy=True).sub_(mean).div_(std)

    def forward(self, images: Tensor) -> PoseOutput:
        """Compute features and heatmaps.

        Args:
            images: (B, 3, H, W) normalised images.

        Returns:
            The (B, C, h, w) features and (B, K, h', w') heatmaps.
        """
        features = self.backbone(images)
        return PoseOutput(features, self.head(features))
