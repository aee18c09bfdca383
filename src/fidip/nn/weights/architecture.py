"""Recognition of the network that weights belong to, from their names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

HRNETS = {
    (16, 2): "hrnet_w18_small",
    (18, 4): "hrnet_w18",
    (32, 4): "hrnet_w32",
    (48, 4): "hrnet_w48",
}
"""Nets by channels, and number of blocks, of the finest branch."""

RESNETS = {6: "resnet50", 23: "resnet101", 36: "resnet152"}
"""Nets by number of blocks, of three convolutions each, in the third stage."""

VITS = {384: "vitpose_s", 768: "vitpose_b", 1024: "vitpose_l", 1280: "vitpose_h"}
"""Nets by channels."""

MOVENETS = {32: "movenet_lightning", 56: "movenet_thunder"}
"""Nets by channels of the stem."""


def net_of(weights: Mapping[str, Tensor]) -> str | None:
    """Return the name of the net in ``conf/net`` that weights belong to; None if it is unknown.

    Only a few characteristic tensors are checked; loading the weights checks all of them.

    Args:
        weights: tensors under fidip's names.
    """
    stage4 = _shape(weights, "backbone.stage4.0.branches.0.0.conv1.weight", 4)
    if stage4:
        width = stage4[0]
        return HRNETS.get((width, _count(weights, r"backbone\.stage4\.0\.branches\.0\.(\d+)\.")))
    if "backbone.layer4.0.conv3.weight" in weights:
        return RESNETS.get(_count(weights, r"backbone\.layer3\.(\d+)\."))
    if "backbone.blocks.6.0.conv_pwl.weight" in weights:
        deconvolves = "head.deconv_layers.0.weight" in weights
        return "mobilenetv2_deconv" if deconvolves else "mobilenetv2"
    stem = _shape(weights, "backbone.stem.conv.weight", 4)
    if stem and "backbone.merges.0.depthwise.weight" in weights and _lacks_norm(weights):
        name = MOVENETS.get(stem[0])
        return f"{name}_full" if name and "head.center.final.weight" in weights else name
    attention = _shape(weights, "backbone.blocks.0.attn.qkv.weight", 2)
    if attention:
        name = VITS.get(attention[1])
        simple = _shape(weights, "head.final_layer.weight", 4)[-1:] == (3,)
        return f"{name}_simple" if name and simple else name
    return None


def _lacks_norm(weights: Mapping[str, Tensor]) -> bool:
    """Return whether a MoveNet's BatchNorm is folded, as in the nets of ``conf/net``."""
    return "backbone.stem.norm.weight" not in weights


def _shape(weights: Mapping[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    """Return the shape of a tensor; empty if it is missing or has another number of dimensions."""
    shape = tuple(weights[name].shape) if name in weights else ()
    return shape if len(shape) == dimensions else ()


def _count(names: Mapping[str, Tensor], pattern: str) -> int:
    """Return one more than the highest number that the pattern's group matches."""
    matches = (re.match(pattern, name) for name in names)
    return 1 + max((int(match[1]) for match in matches if match), default=-1)
