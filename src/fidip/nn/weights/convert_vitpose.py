"""Names and splitting of ViTPose tensors in files of transformers and mmpose.

``transformers`` stores queries, keys and values separately; mmpose and fidip store them in one
matrix. Both add the position embedding of a class token that does not exist to all patches. In
ViTPose+, the last output channels of a block come from one of several experts, one per training
dataset; with the first expert (COCO), the block equals that of a plain ViTPose.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

GRID_HW = (16, 12)
"""Rows and columns of patches of a 192x256 px crop."""

TRANSFORMERS_VIT = (
    (r"^backbone\.embeddings\.patch_embeddings\.projection\.", "backbone.patch_embed."),
    (r"^backbone\.embeddings\.position_embeddings$", "backbone.pos_embed"),
    (r"^backbone\.layernorm\.", "backbone.norm."),
    (r"^backbone\.encoder\.layer\.", "backbone.blocks."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"^head\.deconv1\.", "head.deconv_layers.0."),
    (r"^head\.batchnorm1\.", "head.deconv_layers.1."),
    (r"^head\.deconv2\.", "head.deconv_layers.3."),
    (r"^head\.batchnorm2\.", "head.deconv_layers.4."),
    (r"^head\.conv\.", "head.final_layer."),
)

MMPOSE_VIT = (
    (r"^keypoint_head\.", "head."),
    (r"^backbone\.patch_embed\.proj\.", "backbone.patch_embed."),
    (r"^backbone\.last_norm\.", "backbone.norm."),
)

Tensors = dict[str, Tensor]


def join_vit(tensors: Tensors) -> Tensors:
    """Join tensors that other files split differently; other experts are left unchanged.

    Args:
        tensors: tensors under fidip's names.
    """
    joined = dict(tensors)
    for name in tensors:
        parts = re.fullmatch(r"(.*\.attn\.)query(\.\w+)", name)
        if parts:
            cut = [joined.pop(f"{parts[1]}{kind}{parts[2]}") for kind in ("query", "key", "value")]
            joined[f"{parts[1]}qkv{parts[2]}"] = torch.cat(cut)
        parts = re.fullmatch(r"(.*\.mlp\.)experts\.0(\.\w+)", name)
        if parts:
            shared = f"{parts[1]}fc2{parts[2]}"
            joined[shared] = torch.cat([joined[shared], joined.pop(name)])
    return joined | _positions(joined)


def _positions(tensors: Tensors) -> Tensors:
    """Return the (1, C, rows, columns) position embeddings, with the class token's added."""
    name = "backbone.pos_embed"
    tokens = tensors.get(name)
    if tokens is None or tokens.ndim != 3 or tokens.shape[1] != 1 + GRID_HW[0] * GRID_HW[1]:
        return {}
    patches = tokens[:, 1:] + tokens[:, :1]
    return {name: patches.mT.reshape(1, -1, *GRID_HW)}
