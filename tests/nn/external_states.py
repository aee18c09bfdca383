"""{name: shape} of every family's checkpoints, under their own names.

mmpose's MobileNetV2 is written out from its paper's table 2 and mmpose's module names; the other
families name the layers of the official nets, recorded in tests/golden, in their ways.
"""

import re

from tests.nn.golden_nets import official_state

NORM = ("weight", "bias", "running_mean", "running_var")


def wider(shapes, width):
    """HRNet-W48's shapes at another width: only the stem, layer1 and the joints keep theirs."""

    def scaled(name, shape):
        if re.match(r"(conv|bn)\d|layer1", name):
            return shape
        keep = {1: 256} if re.match(r"transition1\.\d\.(0\.)?0\.weight", name) else {}
        return tuple(
            n if n in (1, 3, 17) or keep.get(i) == n else n * width // 48
            for i, n in enumerate(shape)
        )

    return {name: scaled(name, shape) for name, shape in shapes.items()}


def deeper(shapes, blocks):
    """ResNet-50's shapes with this many blocks in the third stage."""
    last = {n: s for n, s in shapes.items() if n.startswith("layer3.5.")}
    more = {n.replace(".5.", f".{b}.", 1): s for b in range(6, blocks) for n, s in last.items()}
    return shapes | more


def mmpose(shapes, head):
    """The official names below ``backbone`` and one of mmpose's names of the head."""
    return {
        f"{head if re.match('deconv|final', name) else 'backbone'}.{name}": shape
        for name, shape in shapes.items()
    }


def mmpose_mobilenet(head):
    """MobileNetV2 with three transposed convolutions, as mmpose names them."""
    state = {}

    def module(name, out, into, kernel):
        state[f"{name}.conv.weight"] = (out, into, kernel, kernel)
        state.update({f"{name}.bn.{part}": (out,) for part in NORM})
        state[f"{name}.bn.num_batches_tracked"] = ()

    module("backbone.conv1", 32, 3, 3)
    before = 32
    rows = [(1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)]
    for layer, (factor, channels, blocks) in enumerate(rows, start=1):
        for block in range(blocks):
            name, inner = f"backbone.layer{layer}.{block}.conv", before * factor
            parts = [(inner, before, 1)] if factor > 1 else []
            parts += [(inner, 1, 3), (channels, inner, 1)]
            for i, part in enumerate(parts):
                module(f"{name}.{i}", *part)
            before = channels
    module("backbone.conv2", 1280, 320, 1)
    resnet = official_state("resnet50")
    of_head = {name: shape for name, shape in resnet.items() if re.match("deconv|final", name)}
    of_head["deconv_layers.0.weight"] = (1280, 256, 4, 4)
    return state | {f"{head}.{name}": shape for name, shape in of_head.items()}


hrnet, resnet = official_state("hrnet_w48"), official_state("resnet50")

STATES = {  # file: (the net it is for, its names and shapes)
    "FiDIP, DarkPose and zoo W48": ("hrnet_w48", hrnet),
    "zoo W32": ("hrnet_w32", wider(hrnet, 32)),
    "FiDIP and SimpleBaseline ResNet-50": ("resnet50", resnet),
    "SimpleBaseline ResNet-101": ("resnet101", deeper(resnet, 23)),
    "FiDIP MobileNetV2": ("mobilenetv2", official_state("mobile")),
    "mmpose 0.x W48": ("hrnet_w48", mmpose(hrnet, "keypoint_head")),
    "mmpose 0.x W32": ("hrnet_w32", mmpose(wider(hrnet, 32), "keypoint_head")),
    "mmpose 0.x ResNet-50": ("resnet50", mmpose(resnet, "keypoint_head")),
    "mmpose 0.x MobileNetV2": ("mobilenetv2_deconv", mmpose_mobilenet("keypoint_head")),
    "mmpose 1.x W48": ("hrnet_w48", mmpose(hrnet, "head")),
    "mmpose 1.x ResNet-50": ("resnet50", mmpose(resnet, "head")),
    "mmpose 1.x MobileNetV2": ("mobilenetv2_deconv", mmpose_mobilenet("head")),
}
