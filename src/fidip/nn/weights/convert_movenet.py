"""Names and memory layout of MoveNet tensors in TF.js files."""

from __future__ import annotations

import re

from torch import Tensor

GRAPH = r"^StatefulPartitionedCall/"
PYRAMID_NAME = rf"{GRAPH}center_net_mobile_net_v2fpn_feature_extractor/model_1/"

MARK = PYRAMID_NAME[1:]
"""Name of MoveNet's feature extractor, by which its files are recognised."""

HEADS = (
    ("center_0", "center", 3, 4),
    ("kpt_heatmap_0", "heatmaps", 4, 5),
    ("kpt_regress_0", "regress", 5, 6),
    ("kpt_offset_0", "offset", 6, 7),
)
"""TensorFlow's and fidip's name of each head, with its separable and final convolution numbers."""

LATERALS = {
    "conv2d": "top",
    "conv2d_1": "laterals.0",
    "conv2d_2": "laterals.1",
    "conv2d_3": "laterals.2",
}

WEIGHT_OR_BIAS = (
    (r"/(?:Conv2D|depthwise)_weights$", ".conv.weight"),
    (r"/(?:Conv2D|depthwise)_bn_offset$", ".conv.bias"),
    (r"/Conv2D/ReadVariableOp$", ".weight"),
    (r"/BiasAdd/ReadVariableOp$", ".bias"),
)

MOVENET = (
    *WEIGHT_OR_BIAS,
    (rf"{PYRAMID_NAME}model/Conv1\.", "backbone.stem."),
    (rf"{PYRAMID_NAME}model/Conv_1\.", "backbone.last."),
    (rf"{PYRAMID_NAME}model/expanded_conv_(\w+)\.", r"backbone.blocks.0.\1."),
    (rf"{PYRAMID_NAME}model/block_(\d+)_(\w+)\.", r"backbone.blocks.\1.\2."),
    *((rf"{PYRAMID_NAME}{theirs}\.", f"backbone.{ours}.") for theirs, ours in LATERALS.items()),
    *(
        (rf"{PYRAMID_NAME}{theirs}/separable_conv2d{end}", f"backbone.merges.{number}.{ours}")
        for number, theirs in enumerate(
            ("separable_conv2d", "separable_conv2d_1", "separable_conv2d_2")
        )
        for end, ours in (
            (r"/ReadVariableOp$", "depthwise.weight"),
            (r"_weights$", "pointwise.conv.weight"),
            (r"_bn_offset$", "pointwise.conv.bias"),
        )
    ),
    *(
        (rf"{GRAPH}{theirs}/{layer}", f"head.{ours}.{name}")
        for theirs, ours, separable, final in HEADS
        for layer, name in (
            (
                rf"separable_conv2d_{separable}/separable_conv2d/ReadVariableOp$",
                "separable.depthwise.weight",
            ),
            (
                rf"separable_conv2d_{separable}/separable_conv2d/ReadVariableOp_1$",
                "separable.pointwise.conv.weight",
            ),
            (rf"separable_conv2d_{separable}\.bias$", "separable.pointwise.conv.bias"),
            (rf"conv2d_{final}\.", "final."),
        )
    ),
)  # fmt: skip

Tensors = dict[str, Tensor]


def join_movenet(tensors: Tensors) -> Tensors:
    """Convert convolutions to PyTorch's layout and drop the constants of the graph.

    Args:
        tensors: tensors under fidip's names, in TensorFlow's layout.
    """
    ours = {n: t for n, t in tensors.items() if n.startswith(("backbone.", "head."))}
    return {name: _as_torch(name, tensor) for name, tensor in ours.items()}


def _as_torch(name: str, tensor: Tensor) -> Tensor:
    """Transpose kernels (H, W, I, O) to (O, I, H, W); depthwise (H, W, C, 1) to (C, 1, H, W)."""
    if tensor.ndim != 4:
        return tensor
    is_depthwise = re.search(r"\bdepthwise\.", name)
    return tensor.permute(2, 3, 0, 1) if is_depthwise else tensor.permute(3, 2, 0, 1)
