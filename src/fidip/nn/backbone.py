"""Backbones: images to one feature map.

A backbone is any module that takes (B, 3, H, W) normalised images to (B, C, h, w) features and
tells C as ``num_features``, as timm's models do. With ``num_classes=0, global_pool=""`` every
timm model is one (its last, coarsest feature); the two classes here give features of stride 4.
"""

from __future__ import annotations

import difflib
from typing import Any

import timm
import torch.nn.functional as F
from timm.models.hrnet import HighResolutionNetFeatures, cfg_cls
from torch import Tensor, nn

from fidip.core.errors import ArgumentError


class HRNet(HighResolutionNetFeatures):
    """The HRNet that pose estimation uses: the stride-4 branch of the last stage.

    timm's layers and parameter names are those of Sun et al., CVPR 2019.

    Args:
        name: timm's name, such as ``hrnet_w48``.
    """

    def __init__(self, name: str = "hrnet_w48") -> None:
        if name not in cfg_cls:
            raise ArgumentError("name", name, f"expected one of {', '.join(cfg_cls)}")
        super().__init__(cfg_cls[name], feature_location="", out_indices=(1,))
        # The coarser branches' last fusions would get no gradient: DDP rejects that.
        self.stage4[-1].fuse_layers = self.stage4[-1].fuse_layers[:1]
        self.num_features: int = self.feature_info.channels()[0]

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) images to (B, C, H/4, W/4) features."""
        features: Tensor = super().forward(images)[0]
        return features


class TimmPyramid(nn.Module):
    """Any timm backbone, its levels fused top-down into one feature of stride 4.

    Every level of stride 4 or more is brought to ``width`` channels by a 1x1 convolution and,
    from the coarsest on, enlarged and added to the next (Lin et al., CVPR 2017). One 3x3
    convolution smooths the sum.

    Args:
        name: timm's name of a model that gives feature maps of stride 4 and up.
        width: channels of the feature.
        timm_args: further arguments of ``timm.create_model``.

    Raises:
        ConfigError: timm has no such model, or it has no feature of stride 4.
    """

    def __init__(self, name: str, width: int = 128, **timm_args: Any) -> None:
        super().__init__()
        if not timm.is_model(name):
            near = difflib.get_close_matches(name, timm.list_models()) or ["resnet18"]
            raise ArgumentError("name", name, f"not a timm model; near: {', '.join(near)}")
        self.num_features = width
        self.body = timm.create_model(name, features_only=True, **timm_args)
        info = self.body.feature_info
        self._first = _level_of_stride_4(name, info.reduction())
        channels = info.channels()[self._first :]
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) images to (B, width, H/4, W/4) features."""
        levels = self.body(images)[self._first :]
        fused, *finer = [lateral(x) for lateral, x in zip(self.laterals, levels, strict=True)][::-1]
        for level in finer:
            fused = level + F.interpolate(fused, size=level.shape[-2:])
        smooth: Tensor = self.smooth(fused)
        return smooth


def _level_of_stride_4(name: str, strides: list[int]) -> int:
    if 4 not in strides:
        raise ArgumentError(
            "name", name, f"gives features of strides {strides}; expected one of stride 4"
        )
    return strides.index(4)
