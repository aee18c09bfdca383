"""Backbones: networks that map images to one feature map.

A backbone is any module that maps (B, 3, H, W) normalised images to (B, C, h, w) features and has
C as ``num_features``, as timm's models do. Every timm model with ``num_classes=0, global_pool=""``
is a backbone that returns its coarsest feature map; ``TimmPyramid`` returns features of
stride 4.
"""

from __future__ import annotations

import difflib
from typing import Any

import timm
import torch.nn.functional as F
from torch import Tensor, nn

from fidip.core.errors import ArgumentError


class TimmPyramid(nn.Module):
    """timm backbone with a feature pyramid that fuses its levels into one map of stride 4.

    A 1x1 convolution projects each level of stride 4 or more to ``width`` channels. From the
    coarsest level on, the maps are upsampled and added to the next finer level, as in a feature
    pyramid network (Lin et al., CVPR 2017, section 3). A 3x3 convolution smooths the sum.

    Args:
        name: name of a timm model with feature maps of stride 4 and more.
        width: channels of the output features.
        timm_args: further arguments of ``timm.create_model``.

    Raises:
        ArgumentError: timm has no such model, or the model has no feature map of stride 4.
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
        """Compute features.

        Args:
            images: (B, 3, H, W) normalised images.

        Returns:
            (B, width, H/4, W/4) features.
        """
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
