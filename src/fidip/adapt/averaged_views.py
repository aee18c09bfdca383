"""A teacher that averages over views: rotated, mirrored and enlarged crops.

The mean of a network's predictions in several views of a crop is better than one prediction, as in
test-time augmentation. A student that sees one view can learn from it.

Source: data distillation, Radosavovic et al., "Data Distillation: Towards Omni-Supervised
Learning", CVPR 2018, with the teacher of the update instead of a fixed one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fidip.adapt.agreement import FixedView
from fidip.adapt.views import warp
from fidip.codecs.base import Codec
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.arrays import ImageSize
from fidip.core.errors import ArgumentError, ConfigError
from fidip.core.skeleton import COCO17
from fidip.nn.pose_net import PoseNet

STRIDE = 32
"""Networks take crops whose sides are multiples of this number of px."""


@dataclass(frozen=True)
class AveragedViews:
    """Views of a crop whose predictions are averaged.

    Attributes:
        rotations_deg: rotations of the crop in degrees, each of which is a view.
        mirrored: whether each view is mirrored as well.
        zoom: magnification of the crops, rounded so that both sides are multiples of 32 px. A
            network that was trained on small people can be better on enlarged crops.

    Raises:
        ArgumentError: there is no rotation, or one that is more than 180 degrees.
    """

    rotations_deg: Sequence[float] = (0.0, -25.0, 25.0)
    mirrored: bool = True
    zoom: float = 1.25

    def __post_init__(self) -> None:
        object.__setattr__(self, "rotations_deg", tuple(self.rotations_deg))
        if not self.rotations_deg or max(map(abs, self.rotations_deg)) > 180:
            raise ArgumentError(
                "rotations_deg", list(self.rotations_deg), "expected angles from -180 to 180"
            )

    @torch.no_grad()
    def predict(self, net: PoseNet, codec: Codec, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return the joints in the mean of the maps of all views.

        Args:
            net: network in eval mode.
            codec: codec of its maps.
            crops: (B, 3, H, W) RGB crops, 0 to 255.

        Returns:
            (B, K, 2) xy in px of the crops, and (B, K) confidences.

        Raises:
            ConfigError: the maps of the codec cannot be turned, or not be enlarged.
        """
        if not codec.can_turn_back and self.rotations_deg != (0.0,):
            raise ConfigError(
                f"rotations_deg={list(self.rotations_deg)}: the maps of {type(codec).__name__} "
                "cannot be turned back; expected [0]. Choose another codec=, or no rotations"
            )
        if not len(crops):
            none = crops.new_zeros(0, len(COCO17), 3, dtype=torch.float32)
            return none[..., :2], none[..., 2]
        zoomed = enlarged(codec, self.zoom)
        width, height = zoomed.input_wh
        images = crops.float()
        if zoomed is not codec:
            images = F.interpolate(images, (height, width), mode="bilinear", antialias=True)
        maps = self._maps(net, zoomed, images)
        joints, confidence = zoomed.decode(maps)
        scale = joints.new_tensor(
            [side / size for side, size in zip(codec.input_wh, (width, height), strict=True)]
        )
        return (joints + 0.5) * scale - 0.5, confidence

    def _maps(self, net: PoseNet, codec: Codec, images: Tensor) -> Tensor:
        """Return the mean of the maps of the views of (B, 3, H, W) RGB images."""
        turned = [self._maps_of_turned(net, codec, images, angle) for angle in self.rotations_deg]
        if self.rotations_deg == (0.0,):
            return turned[0]
        return codec.turn_back(torch.stack(turned), self.rotations_deg).mean(dim=0)

    def _maps_of_turned(self, net: PoseNet, codec: Codec, images: Tensor, angle: float) -> Tensor:
        """Return the maps of images in a rotated window, averaged with the mirrored ones."""
        affine = FixedView(rotation_deg=angle).affine(codec.input_wh)
        views = warp(images, np.tile(affine, (len(images), 1, 1))) if angle else images
        maps: Tensor = net(net.normalize(views)).heatmaps.float()
        if not self.mirrored:
            return maps
        mirrored = net(net.normalize(views.flip(-1))).heatmaps.float()
        return (maps + codec.flip_back(mirrored, COCO17.flip_order)) / 2


def enlarged(codec: Codec, zoom: float) -> Codec:
    """Return a codec for larger crops and maps of the same stride.

    Args:
        codec: codec of the crops.
        zoom: magnification, rounded so that both sides are multiples of 32 px.

    Returns:
        The codec, or another one of its type.

    Raises:
        ConfigError: the codec has maps of a fixed size.

    Example:
        >>> codec = HeatmapCodec((96, 128), (24, 32), sigma=1.0, decoder=lambda maps: maps)
        >>> enlarged(codec, 1.8).input_wh, enlarged(codec, 1.8).heatmap_wh
        ((192, 256), (48, 64))
        >>> enlarged(codec, 1.2) is codec
        True
    """
    wh = enlarged_size(codec.input_wh, zoom)
    if wh == tuple(codec.input_wh):
        return codec
    if not isinstance(codec, HeatmapCodec):
        raise ConfigError(
            f"zoom={zoom}: the maps of {type(codec).__name__} cannot be enlarged; expected "
            "HeatmapCodec, UdpCodec or MoveNetCodec. Choose another codec=, or zoom=1"
        )
    stride = codec.input_wh[0] // codec.heatmap_wh[0]
    return replace(codec, input_wh=wh, heatmap_wh=(wh[0] // stride, wh[1] // stride))


def enlarged_size(size_wh: ImageSize, zoom: float) -> ImageSize:
    """Return the size nearest to an enlarged one whose sides are multiples of 32 px.

    Args:
        size_wh: (width, height) in px.
        zoom: magnification.

    Returns:
        (width, height) in px of the same aspect ratio; the size itself if its sides are not
        multiples of 32 px.

    Example:
        >>> enlarged_size((128, 128), 1.25), enlarged_size((288, 384), 1.25)
        ((160, 160), (384, 512))
    """
    width, height = size_wh
    steps = math.gcd(width, height) // STRIDE if not (width % STRIDE or height % STRIDE) else 0
    if not steps:
        return width, height
    number = max(1, math.floor(steps * zoom + 0.5))
    return width // steps * number, height // steps * number
