"""Names of foreign checkpoints: whose they are, and what they are called here.

A family is told from the names of a file's tensors alone, never from the name of the file. Its
renames are regular expressions, applied one after another; a name that none of them knows keeps
what it has, and is reported as unused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from fidip.nn.weights.movenet_graph import MARK, MOVENET, join_movenet
from fidip.nn.weights.vitpose import MMPOSE_VIT, TRANSFORMERS_VIT, join_vit

Renames = tuple[tuple[str, str], ...]


def _as_they_are(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors


@dataclass(frozen=True)
class Family:
    """Files whose tensors are named alike.

    Attributes:
        title: whose files these are.
        mark: a regular expression that the beginning of at least one name matches.
        renames: regular expressions, and what takes the place of their matches.
        join: makes renamed tensors those of ``PoseNet``, where the file cuts them otherwise.
    """

    title: str
    mark: str
    renames: Renames = ()
    join: Callable[[dict[str, Tensor]], dict[str, Tensor]] = _as_they_are

    def ours(self, name: str) -> str:
        """The name that a tensor of such a file has in ``PoseNet``, or in a domain head."""
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


def family_of(names: Iterable[str]) -> Family:
    """The first family that one of the names belongs to."""
    names = list(names)
    return next(f for f in FAMILIES if any(re.match(f.mark, name) for name in names))


BACKBONE_AND_HEAD: Renames = (
    (r"^(deconv_layers|final_layer)\.", r"head.\1."),
    (r"^(?!head\.)", "backbone."),
)

STAGES = (1, 2, 3, 4, 3, 3, 1)
"""Blocks in each stage of MobileNetV2 (Sandler et al., CVPR 2018, table 2)."""

BLOCKS = tuple((stage, block) for stage, blocks in enumerate(STAGES) for block in range(blocks))


def _layers(stage: int) -> tuple[tuple[str, str], ...]:
    """timm's names of a block's convolutions and normalisations; the first stage expands nothing."""
    if stage == 0:
        return ("conv_dw", "bn1"), ("conv_pw", "bn2")
    return ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")


FIDIP_MOBILENET: Renames = (
    (r"^features\.0\.0\.", "backbone.conv_stem."),
    (r"^features\.0\.1\.", "backbone.bn1."),
    (r"^features\.18\.0\.", "backbone.conv_head."),
    (r"^features\.18\.1\.", "backbone.bn2."),
    *(
        (rf"^features\.{number}\.conv\.{3 * i + j}\.", f"backbone.blocks.{stage}.{block}.{layer}.")
        for number, (stage, block) in enumerate(BLOCKS, start=1)
        for i, layers in enumerate(_layers(stage))
        for j, layer in enumerate(layers)
    ),
    (r"^conv_compress\.", "head.compress."),
    *(
        (rf"^duc{i + 1}\.{layer}\.", f"head.enlarge.{i}.{j}.")
        for i in range(3)
        for j, layer in enumerate(("conv", "bn"))
    ),
    (r"^hm_conv\.", "head.final_layer."),
)

MMPOSE_HEAD: Renames = ((r"^keypoint_head\.", "head."),)

MMPOSE_MOBILENET: Renames = (
    *MMPOSE_HEAD,
    (r"^backbone\.conv1\.conv\.", "backbone.conv_stem."),
    (r"^backbone\.conv1\.bn\.", "backbone.bn1."),
    (r"^backbone\.conv2\.conv\.", "backbone.conv_head."),
    (r"^backbone\.conv2\.bn\.", "backbone.bn2."),
    *(
        (
            rf"^backbone\.layer{stage + 1}\.(\d)\.conv\.{i}\.{kind}\.",
            rf"backbone.blocks.{stage}.\1.{layer}.",
        )
        for stage in range(len(STAGES))
        for i, layers in enumerate(_layers(stage))
        for kind, layer in zip(("conv", "bn"), layers, strict=True)
    ),
)

DOMAIN_CLASSIFIER: Renames = (
    (r"^conv_layer\.", "convolutions."),
    (r"^layer\.", "decision."),
)

FAMILIES = (
    Family("a checkpoint of fidip train", r"net\.", ((r"^net\.", ""),)),
    Family("MoveNet of TF.js", MARK, MOVENET, join_movenet),
    Family("FiDIP's MobileNetV2", r"features\.0\.0\.", FIDIP_MOBILENET),
    Family("mmpose's MobileNetV2", r"backbone\.conv1\.conv\.", MMPOSE_MOBILENET),
    Family("ViTPose of transformers", r"backbone\.embeddings\.", TRANSFORMERS_VIT, join_vit),
    Family("ViTPose of mmpose", r"backbone\.last_norm\.", MMPOSE_VIT, join_vit),
    Family("mmpose 0.x", r"keypoint_head\.", MMPOSE_HEAD),
    Family("HRNet of the zoo, DarkPose or FiDIP", r"stage2\.", BACKBONE_AND_HEAD),
    Family("ResNet of SimpleBaseline or FiDIP", r"layer4\.", BACKBONE_AND_HEAD),
    Family("FiDIP's domain classifier", r"layer\.0\.", DOMAIN_CLASSIFIER),
    Family("fidip or mmpose 1.x", r"backbone\."),  # which name tensors alike
    Family("unknown origin", r""),
)
"""The most telling marks first."""
