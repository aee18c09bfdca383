"""ViTPose of transformers with random weights, in the folder format of its repositories."""

import torch
from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

TINY = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def write_vitpose(folder, simple=False, experts=1, **size):
    """Write config.json and model.safetensors; returns transformers' own model."""
    torch.manual_seed(0)
    size = size or TINY
    part = size["hidden_size"] // 4
    backbone = VitPoseBackboneConfig(
        **size,
        out_indices=[size["num_hidden_layers"]],
        num_experts=experts,
        part_features=part if experts > 1 else 0,
    )
    config = VitPoseConfig(backbone_config=backbone, num_labels=17, use_simple_decoder=simple)
    model = VitPoseForPoseEstimation(config).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                spread = 0.2 if tensor.ndim > 1 else 0.5
                tensor.normal_(0, spread)
            if "running_var" in name or ("norm" in name and name.endswith("weight")):
                tensor.abs_().add_(0.5)
    model.save_pretrained(folder)
    return model
