"""MoveNet: MobileNetV2 with a feature pyramid, and its heads.

The architecture of Google's single-person MoveNet (Lightning and Thunder), after Sandler et al.,
MobileNetV2, CVPR 2018, and Zhou et al., Objects as Points, arXiv:1904.07850. BatchNorm is folded
into the convolutions; padding and upsampling follow TensorFlow, so that converted weights
reproduce the outputs of the original.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fidip.core.errors import ArgumentError

STRIDE = 32
"""Stride of the coarsest feature map in crop px."""

STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
"""Expansion, channels at width 1, blocks and stride of each stage (MobileNetV2, table 2)."""

LAST = 1280
"""Channels of the last convolution of MobileNetV2, independent of the width."""

PYRAMID_BLOCKS = (9, 5, 2)
"""Blocks whose outputs of stride 16, 8 and 4 enter the pyramid, counted from 0."""

PYRAMID = (64, 32, 24)
"""Channels of the pyramid at strides 16, 8 and 4."""

HEAD_WIDTH = 96
RARE = 0.1
"""Initial score of each pixel, low because most pixels show no keypoint."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's ``SAME`` padding, for inputs of even size.

    At stride 2 it pads at the right and bottom only, so the first output pixel is centred on input
    pixel 1.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: kernel size, 1 or 3.
        stride: 1, or 2 with a kernel of 3.
        depthwise: convolve each channel separately.
        bias: add a bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        depthwise: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=kernel // 2 if stride == 1 else 0,
            groups=in_channels if depthwise else 1,
            bias=bias,
        )
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        if self.stride[0] == 2:
            x = F.pad(x, (0, 1, 0, 1))
        return super().forward(x)


def _unit(
    convolution: SameConv2d, norm: bool, activation: type[nn.Module] | None = nn.ReLU6
) -> nn.Sequential:
    """Return a convolution, BatchNorm unless it is folded, and an activation."""
    layers: list[tuple[str, nn.Module]] = [("conv", convolution)]
    if norm:
        layers.append(("norm", nn.BatchNorm2d(convolution.out_channels)))
    if activation is not None:
        layers.append(("activation", activation()))
    return nn.Sequential(OrderedDict(layers))


class InvertedResidual(nn.Module):
    """MobileNetV2 block: expansion, depthwise convolution, projection.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        expansion: expansion factor of the channels; 1 for no expansion.
        stride: 1 or 2.
        norm: insert BatchNorm after each convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, stride: int, norm: bool
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        if expansion > 1:
            self.expand = _unit(SameConv2d(in_channels, width), norm)
        self.depthwise = _unit(SameConv2d(width, width, 3, stride, depthwise=True), norm)
        self.project = _unit(SameConv2d(width, out_channels), norm, activation=None)
        self._expands = expansion > 1
        self._adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        wide = self.expand(x) if self._expands else x
        projected: Tensor = self.project(self.depthwise(wide))
        return x + projected if self._adds else projected


class SeparableConv2d(nn.Module):
    """Depthwise 3x3 convolution without bias, 1x1 convolution and ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        norm: insert BatchNorm before the ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: bool = False) -> None:
        super().__init__()
        self.depthwise = SameConv2d(in_channels, in_channels, 3, depthwise=True, bias=False)
        self.pointwise = _unit(SameConv2d(in_channels, out_channels), norm, nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class MoveNetBackbone(nn.Module):
    """MoveNet backbone: MobileNetV2 and a feature pyramid with 24 channels at stride 4.

    Args:
        width: width multiplier of MobileNetV2: 1 for Lightning, 1.75 for Thunder.
        norm: insert BatchNorm after each convolution, for training from random weights. The
            published weights have it folded into the convolutions and need ``norm=False``.
    """

    def __init__(self, width: float = 1.0, norm: bool = False) -> None:
        super().__init__()
        self.num_features = PYRAMID[-1]
        channels = scaled_channels(32, width)
        self.stem = _unit(SameConv2d(3, channels, 3, stride=2), norm)
        blocks: list[InvertedResidual] = []
        widths: list[int] = []
        for expansion, base, count, stride in STAGES:
            out = scaled_channels(base, width)
            for number in range(count):
                blocks.append(
                    InvertedResidual(channels, out, expansion, 1 if number else stride, norm)
                )
                channels = out
                widths.append(out)
        self.blocks = nn.ModuleList(blocks)
        self.last = _unit(SameConv2d(channels, LAST), norm)
        self.top = SameConv2d(LAST, PYRAMID[0])
        self.laterals = nn.ModuleList(
            SameConv2d(widths[number], out)
            for number, out in zip(PYRAMID_BLOCKS, PYRAMID, strict=True)
        )
        self.merges = nn.ModuleList(
            SeparableConv2d(level, out, norm)
            for level, out in zip(PYRAMID, (*PYRAMID[1:], self.num_features), strict=True)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Compute features.

        Args:
            images: (B, 3, H, W) normalised images; H and W must be divisible by 32.

        Returns:
            (B, 24, H/4, W/4) features.

        Raises:
            ArgumentError: H or W is not divisible by 32.
        """
        height, width = images.shape[-2:]
        if height % STRIDE or width % STRIDE:
            raise ArgumentError(
                "input_wh",
                (width, height),
                f"MoveNet needs sides divisible by {STRIDE}; expected "
                f"[{_multiple(width)}, {_multiple(height)}], for instance",
            )
        x = self.stem(images)
        levels: dict[int, Tensor] = {}
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in PYRAMID_BLOCKS:
                levels[number] = x
        fused: Tensor = self.top(self.last(x))
        for number, lateral, merge in zip(PYRAMID_BLOCKS, self.laterals, self.merges, strict=True):
            enlarged = F.interpolate(fused, scale_factor=2.0, mode="bilinear", align_corners=False)
            fused = merge(enlarged + lateral(levels[number]))
        return fused


def scaled_channels(channels: int, width: float) -> int:
    """Return the multiple of 8 nearest to ``width * channels``, but at least 90 % of it.

    Args:
        channels: number of channels at width 1.
        width: width multiplier.

    Example:
        >>> [scaled_channels(channels, 1.75) for channels in (16, 24, 32, 320)]
        [32, 40, 56, 560]
    """
    nearest = max(8, int(channels * width + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels * width else nearest + 8


def _multiple(side: int) -> int:
    """Return the multiple of the stride nearest to a side in px."""
    return max(STRIDE, round(side / STRIDE) * STRIDE)


def _branch(in_channels: int, out_channels: int, score: bool) -> nn.Sequential:
    """Return the layers of one head; score heads are initialised to output ``RARE``."""
    final = SameConv2d(HEAD_WIDTH, out_channels)
    nn.init.normal_(final.weight, std=0.001)
    assert final.bias is not None
    nn.init.constant_(final.bias, math.log(RARE / (1 - RARE)) if score else 0.0)
    return nn.Sequential(
        OrderedDict(separable=SeparableConv2d(in_channels, HEAD_WIDTH), final=final)
    )


class MoveNetHead(nn.Module):
    """MoveNet keypoint head: heatmaps of scores in [0, 1].

    Args:
        in_channels: channels of the features.
        joints: number of heatmaps, K.
    """

    def __init__(self, in_channels: int, joints: int = 17) -> None:
        super().__init__()
        self.heatmaps = _branch(in_channels, joints, score=True)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, K, h, w) heatmaps from (B, C, h, w) features."""
        heatmaps: Tensor = self.heatmaps(features).sigmoid()
        return heatmaps


class MoveNetFullHead(MoveNetHead):
    """All four heads of MoveNet, for ``fidip.codecs.centernet.MoveNetCodec``.

    Args:
        in_channels: channels of the features.
        joints: number of keypoints, K.
    """

    def __init__(self, in_channels: int, joints: int = 17) -> None:
        super().__init__(in_channels, joints)
        self.center = _branch(in_channels, 1, score=True)
        self.regress = _branch(in_channels, 2 * joints, score=False)
        self.offset = _branch(in_channels, 2 * joints, score=False)

    def forward(self, features: Tensor) -> Tensor:
        """Compute (B, 1 + 5 K, h, w) maps from (B, C, h, w) features.

        The order is: the score of the person centre; K heatmaps; K pairs (y, x) of vectors from the
        centre to the keypoints; K pairs (y, x) of keypoint offsets within their cells.
        """
        scores = self.center(features).sigmoid(), super().forward(features)
        return torch.cat([*scores, self.regress(features), self.offset(features)], dim=1)
