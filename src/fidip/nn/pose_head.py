"""Pose heads: map features to a heatmap, or to distributions over x and y, per joint.

Every head takes the number of feature channels of the backbone as its first argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fidip.core.errors import ArgumentError


class ConvHead(nn.Module):
    """1x1 convolution, for features that have the resolution of the heatmaps.

    Args:
        in_channels: channels of the features.
        joints: number of heatmaps, K.
    """

    def __init__(self, in_channels: int, joints: int = 17) -> None:
        super().__init__()
        self.final_layer = nn.Conv2d(in_channels, joints, 1)
        start_near_zero(self.final_layer)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, h, w) heatmaps from (B, C, h, w) features."""
        heatmaps: Tensor = self.final_layer(features)
        return heatmaps


class DeconvHead(nn.Module):
    """Transposed convolutions that double the resolution, followed by a 1x1 convolution.

    With three layers of 256 channels it is the head of SimpleBaseline (Xiao et al., ECCV 2018).

    Args:
        in_channels: channels of the features.
        joints: number of heatmaps, K.
        width: channels of each transposed convolution.
        doublings: number of transposed convolutions.
    """

    def __init__(
        self, in_channels: int, joints: int = 17, width: int = 256, doublings: int = 3
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels in [in_channels] + [width] * (doublings - 1):
            layers += [
                nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(width, joints, 1)
        start_near_zero(self.final_layer)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, h', w') heatmaps from (B, C, h, w) features; h' = 2 ** doublings * h."""
        heatmaps: Tensor = self.final_layer(self.deconv_layers(features))
        return heatmaps


class UpsampleHead(nn.Module):
    """Bilinear upsampling and a 3x3 convolution: the simple decoder of ViTPose.

    From Xu et al., ViTPose, NeurIPS 2022, equation 3.

    Args:
        in_channels: channels of the features.
        joints: number of heatmaps, K.
        scale: upsampling factor.
    """

    def __init__(self, in_channels: int, joints: int = 17, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale
        self.final_layer = nn.Conv2d(in_channels, joints, 3, padding=1)
        start_near_zero(self.final_layer)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, scale h, scale w) heatmaps from (B, C, h, w) features."""
        enlarged = F.interpolate(F.relu(features), scale_factor=self.scale, mode="bilinear")
        heatmaps: Tensor = self.final_layer(enlarged)
        return heatmaps


class PixelShuffleHead(nn.Module):
    """MobileNetV2 head of the FiDIP paper: three upsampling blocks and a softmax over pixels.

    Each block multiplies the channels by 4 and rearranges them to twice the resolution (dense
    upsampling convolution), so 256 channels become 128, 64 and 32. Each heatmap sums to 1.

    Args:
        in_channels: channels of the features.
        joints: number of heatmaps, K.
        width: channels after the first convolution.
    """

    def __init__(self, in_channels: int, joints: int = 17, width: int = 256) -> None:
        super().__init__()
        self.compress = nn.Conv2d(in_channels, width, 1, bias=False)
        self.enlarge = nn.Sequential(*(_enlarging(width // 2**i) for i in range(3)))
        self.final_layer = nn.Conv2d(width // 8, joints, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, 8 h, 8 w) heatmaps from (B, C, h, w) features."""
        logits: Tensor = self.final_layer(self.enlarge(self.compress(features)))
        return logits.flatten(2).softmax(-1).view_as(logits)


def _enlarging(channels: int) -> nn.Sequential:
    """Return a block that maps (B, C, h, w) to (B, C/2, 2h, 2w)."""
    return nn.Sequential(
        nn.Conv2d(channels, channels * 2, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels * 2),
        nn.ReLU(inplace=True),
        nn.PixelShuffle(2),
    )


class SimccHead(nn.Module):
    """SimCC head: one linear layer for x and one for y (Li et al., ECCV 2022, section 3).

    A 1x1 convolution computes one map per joint. The two linear layers, shared by all joints,
    classify the pixels of each map.

    Args:
        in_channels: channels of the features.
        grid_wh: (width, height) of the features in px: the crop size divided by the backbone's
            stride.
        bins_wh: number of bins along x and y, as in the codec.
        joints: number of joints, K.
    """

    def __init__(
        self, in_channels: int, grid_wh: Sequence[int], bins_wh: Sequence[int], joints: int = 17
    ) -> None:
        super().__init__()
        self.grid_wh = tuple(grid_wh)
        self.final_layer = nn.Conv2d(in_channels, joints, 1)
        pixels = self.grid_wh[0] * self.grid_wh[1]
        self.x, self.y = (nn.Linear(pixels, bins) for bins in bins_wh)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, Wx + Hy) bin scores from (B, C, h, w) features.

        Raises:
            ArgumentError: the features do not have the size ``grid_wh``.
        """
        height, width = features.shape[2:]
        if (width, height) != self.grid_wh:
            raise ArgumentError(
                "grid_wh",
                self.grid_wh,
                f"the features have {width}x{height} px; expected [{width}, {height}], the crop's "
                "size divided by the backbone's stride",
            )
        maps = self.final_layer(features).flatten(2)
        return torch.cat([self.x(maps), self.y(maps)], dim=2)


def start_near_zero(layer: nn.Conv2d) -> None:
    """Initialise a layer so that its outputs are near zero, the target value of most pixels.

    Args:
        layer: a convolution with a bias; changed in place.
    """
    nn.init.normal_(layer.weight, std=0.001)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
