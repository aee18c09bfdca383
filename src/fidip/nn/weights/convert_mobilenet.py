"""Names of MobileNetV2 tensors in files of FiDIP and mmpose."""

from __future__ import annotations

STAGE_LENGTHS = (1, 2, 3, 4, 3, 3, 1)
"""Blocks in each stage of MobileNetV2 (Sandler et al., CVPR 2018, table 2)."""

BLOCKS = tuple(
    (stage, block) for stage, blocks in enumerate(STAGE_LENGTHS) for block in range(blocks)
)


def _layers(stage: int) -> tuple[tuple[str, str], ...]:
    """Return timm's names of a block's convolutions and norms; blocks of stage 0 do not expand."""
    if stage == 0:
        return ("conv_dw", "bn1"), ("conv_pw", "bn2")
    return ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")


FIDIP_MOBILENET = (
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

MMPOSE_MOBILENET = (
    (r"^keypoint_head\.", "head."),
    (r"^backbone\.conv1\.conv\.", "backbone.conv_stem."),
    (r"^backbone\.conv1\.bn\.", "backbone.bn1."),
    (r"^backbone\.conv2\.conv\.", "backbone.conv_head."),
    (r"^backbone\.conv2\.bn\.", "backbone.bn2."),
    *(
        (
            rf"^backbone\.layer{stage + 1}\.(\d)\.conv\.{i}\.{kind}\.",
            rf"backbone.blocks.{stage}.\1.{layer}.",
        )
        for stage in range(len(BLOCKS))
        for i, layers in enumerate(_layers(stage))
        for kind, layer in zip(("conv", "bn"), layers, strict=True)
    ),
)
