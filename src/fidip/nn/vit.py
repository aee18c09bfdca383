"""Vision transformer of ViTPose as a backbone."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from timm.layers import trunc_normal_
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from fidip.core.arrays import ImageSize

PATCH = 16
"""Width and height of a patch in px, and the stride of the features."""


class ViT(nn.Module):
    """Plain vision transformer that returns its tokens as a feature map of stride 16.

    From Xu et al., ViTPose: Simple Vision Transformer Baselines for Human Pose Estimation, NeurIPS
    2022. Images are padded by two pixels, and position embeddings are learned; for inputs of
    another size than ``input_wh`` they are interpolated.

    Args:
        width: channels.
        depth: number of blocks.
        heads: attention heads per block.
        input_wh: (width, height) in px of the inputs that the position embeddings are made for.
        drop_path: stochastic depth rate of the last block; it grows linearly from 0 in the first.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        input_wh: ImageSize = (192, 256),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_features = width
        self.patch_embed = nn.Conv2d(3, width, PATCH, stride=PATCH, padding=2)
        columns, rows = (side // PATCH for side in input_wh)
        self.pos_embed = nn.Parameter(torch.zeros(1, width, rows, columns))
        norm = partial(nn.LayerNorm, eps=1e-12)
        self.blocks = nn.Sequential(
            *(
                Block(width, heads, qkv_bias=True, norm_layer=norm, drop_path=drop_path * fraction)
                for fraction in torch.linspace(0, 1, depth, device="cpu").tolist()
            )
        )
        self.norm = norm(width)
        trunc_normal_(self.pos_embed, std=0.02)
        self.apply(_initialize)

    def forward(self, images: Tensor) -> Tensor:
        """Compute features.

        Args:
            images: (B, 3, H, W) normalised images; H and W must be divisible by 16.

        Returns:
            (B, C, H/16, W/16) features.
        """
        patches = self.patch_embed(images)
        positions: Tensor = self.pos_embed
        if positions.shape[2:] != patches.shape[2:]:
            positions = F.interpolate(positions, size=patches.shape[2:], mode="bicubic")
        tokens = (patches + positions).flatten(2).transpose(1, 2)
        tokens = self.norm(self.blocks(tokens))
        features: Tensor = tokens.transpose(1, 2).reshape(patches.shape)
        return features


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
