"""Names of HRNet and ResNet tensors in files of their authors, DarkPose, FiDIP and mmpose."""

from __future__ import annotations

BACKBONE_AND_HEAD = (
    (r"^(deconv_layers|final_layer)\.", r"head.\1."),
    (r"^(?!head\.)", "backbone."),
)

MMPOSE_HEAD = ((r"^keypoint_head\.", "head."),)

DOMAIN_CLASSIFIER = (
    (r"^conv_layer\.", "convolutions."),
    (r"^layer\.", "decision."),
)
