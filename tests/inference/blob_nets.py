"""ONNX files of other programs: joints 0, 1 and 2 lie where red, green and blue are brightest."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper, save
from torch import nn

WH = (192, 256)
SPOTS = {0: (110.0, 90.0), 1: (170.0, 200.0), 2: (90.0, 260.0)}
"""xy in image px of the red, the green and the blue spot."""
BOXES = ((60.0, 40.0, 170.0, 260.0), (80.0, 70.0, 130.0, 210.0), (10.0, 60.0, 250.0, 230.0))
"""Boxes xywh in image px that hold the spots."""


def spotted_image(wh=(280, 340), width=9.0):
    """(H, W, 3) RGB image of three soft spots."""
    y, x = np.mgrid[: wh[1], : wh[0]]
    image = np.zeros((wh[1], wh[0], 3))
    for channel, (at_x, at_y) in SPOTS.items():
        image[..., channel] = 255 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 2 / width**2)
    return image.round().astype(np.uint8)


class Blobs(nn.Module):
    """Smoothed colours, which the joints take in turn; they start above zero."""

    def __init__(self, joints=17):
        super().__init__()
        self.colours = [joint % 3 for joint in range(joints)]

    def smooth(self, images):
        pooled = F.avg_pool2d(images, 9, stride=1, padding=4, count_include_pad=False)
        return (pooled + 3)[:, self.colours] / 6


class BlobHeatmaps(Blobs):
    def forward(self, images):
        return F.interpolate(self.smooth(images), (64, 48), mode="bilinear", align_corners=True)


class BlobSimcc(Blobs):
    def forward(self, images):
        maps = self.smooth(images)
        axes = (maps.amax(dim) for dim in (2, 3))
        x, y = (
            F.interpolate(axis, scale_factor=2.0, mode="linear", align_corners=False)
            for axis in axes
        )
        return x, y


def write_blobs(path, kind="simcc", joints=17, batch=None):
    """Write a net that responds to spots: SimCC or heatmaps, of any batch size or a fixed one."""
    net = {"simcc": BlobSimcc, "heatmaps": BlobHeatmaps}[kind](joints).eval()
    names = {"simcc": ["simcc_x", "simcc_y"], "heatmaps": ["output"]}[kind]
    torch.onnx.export(
        net,
        (torch.zeros(batch or 2, 3, WH[1], WH[0]),),
        str(path),
        dynamo=True,
        external_data=False,
        input_names=["input"],
        output_names=names,
        dynamic_shapes=None if batch else ({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    return path


def write_constant(path, outputs, input_shape=("batch", 3, 256, 192), input_type=TensorProto.FLOAT):
    """Write a file whose outputs have the given names and shapes after the batch, whatever it sees.

    Args:
        outputs: pairs of a name and a shape.
    """
    nodes, constants, infos = [], [], []
    for name, shape in outputs:
        values = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(1, *shape)
        constants += [numpy_helper.from_array(values, f"{name}_values")]
        constants += [numpy_helper.from_array(np.array([1] * len(shape), np.int64), f"{name}_ones")]
        nodes += [
            helper.make_node("Concat", ["count", f"{name}_ones"], [f"{name}_size"], axis=0),
            helper.make_node("Expand", [f"{name}_values", f"{name}_size"], [name]),
        ]
        infos += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)]
    nodes.insert(0, helper.make_node("Shape", ["input"], ["count"], start=0, end=1))
    given = helper.make_tensor_value_info("input", input_type, input_shape)
    graph = helper.make_graph(nodes, "net", [given], infos, constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
