"""The smallest network that ``fidip predict`` takes as an ONNX file, with any part exchanged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FACTS: dict[str, Any] = {
    "input": "pixels",
    "outputs": ["heatmaps"],
    "codec": {
        "name": "HeatmapCodec",
        "input_wh": [96, 96],
        "heatmap_wh": [24, 24],
        "sigma": 1.5,
        "decoder": "dark_decode",
        "decoder_settings": {"kernel": 7},
    },
}
"""What ``fidip export`` writes about the network of the demo."""


def make_onnx(
    facts: object = FACTS,
    *,
    metadata: dict[str, str] | None = None,
    joints: int = 17,
    stride: int = 4,
    weight: float = 0.01,
    input_type: int = TensorProto.UINT8,
    input_shape: tuple[Any, ...] = ("batch", 3, 96, 96),
    output: str = "heatmaps",
    extra_output: bool = False,
    domain: str = "",
) -> bytes:
    """One convolution from images to heatmaps.

    Args:
        facts: value of the metadata entry ``fidip``, as JSON.
        metadata: all metadata entries instead.
        domain: of the convolution's operator.
    """
    kernel = np.full((joints, 3, stride, stride), weight, np.float32)
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node(
            "Conv", ["floats", "kernel"], [output], strides=[stride, stride], domain=domain
        ),
    ]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    if extra_output:
        nodes.append(helper.make_node("Identity", ["floats"], ["more"]))
        outputs.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, None))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", input_type, input_shape)],
        outputs,
        [numpy_helper.from_array(kernel, "kernel")],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    for key, value in ({"fidip": json.dumps(facts)} if metadata is None else metadata).items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


def with_outside_weights(location: str) -> bytes:
    """A network whose weights are in another file, which may be private."""
    model = onnx.load_model_from_string(make_onnx())
    kernel = model.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    kernel.external_data.add(key="location", value=location)
    return bytes(model.SerializeToString())
