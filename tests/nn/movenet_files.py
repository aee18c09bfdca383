"""Generated images for MoveNet, and TF.js files as its converter reads them."""

import json

import numpy as np
import torch

PARTS = (
    (32, 24, 32, 38, 7, (40, 90, 200)),  # trunk: x0, y0, x1, y1, radius, colour
    (28, 40, 26, 50, 3, (50, 50, 60)),
    (26, 50, 26, 60, 3, (50, 50, 60)),
    (36, 40, 38, 50, 3, (50, 50, 60)),
    (38, 50, 38, 60, 3, (50, 50, 60)),
    (26, 20, (20, -1), 28, 2, (220, 170, 140)),  # a pair: the second number is times the seed
    ((20, -1), 28, 18, 36, 2, (220, 170, 140)),
    (38, 20, (44, 1), 28, 2, (220, 170, 140)),
    ((44, 1), 28, 46, 20, 2, (220, 170, 140)),
    (32, 11, 32, 12, 5, (220, 170, 140)),
    (32, 7, 32, 8, 5, (60, 40, 30)),
    (30, 11, 30, 11, 1, (20, 20, 20)),
    (34, 11, 34, 11, 1, (20, 20, 20)),
)


def picture(size, seed):
    """Return the (S, S, 3) uint8 image of ``record.js``, a figure on a pattern, by integers."""
    y, x = np.mgrid[:size, :size]
    colour = np.arange(3)
    steps = x[..., None] * (seed + colour + 1) + y[..., None] * (3 - colour)
    steps = steps + (x * y * (seed + 1) // 64)[..., None]
    image = 60 + abs(steps % 510 - 255) // 3
    scale, shift = size // 64, 2 * seed - 2
    for start, y0, end, y1, radius, paint in PARTS:
        x0, x1 = (v[0] + v[1] * seed if isinstance(v, tuple) else v for v in (start, end))
        for i in range(17):
            at_x = scale * ((16 - i) * (x0 + shift) + i * (x1 + shift)) // 16
            at_y = scale * ((16 - i) * y0 + i * y1) // 16
            image[(x - at_x) ** 2 + (y - at_y) ** 2 <= (radius * scale) ** 2] = paint
    return image.astype(np.uint8)


def crops_of(*images):
    """(B, 3, H, W) uint8 crops, stored channels last."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


ROOT = "StatefulPartitionedCall/"
FPN = f"{ROOT}center_net_mobile_net_v2fpn_feature_extractor/model_1/"
HEADS = {"center": ("center_0", 3, 4), "heatmaps": ("kpt_heatmap_0", 4, 5)}
HEADS |= {"regress": ("kpt_regress_0", 5, 6), "offset": ("kpt_offset_0", 6, 7)}
CONV = {"weight": "Conv2D/ReadVariableOp", "bias": "BiasAdd/ReadVariableOp"}


def theirs(name):
    """The name in the graph of one of our tensors."""
    part, *path, kind = name.split(".")
    end = {"weight": "weights", "bias": "bn_offset"}[kind]
    if part == "head":
        head, separable, final = HEADS[path[0]]
        if path[1] == "final":
            return f"{ROOT}{head}/conv2d_{final}/{CONV[kind]}"
        layer = f"{ROOT}{head}/separable_conv2d_{separable}"
        if path[2] == "depthwise":
            return f"{layer}/separable_conv2d/ReadVariableOp"
        pointwise = {"weight": "separable_conv2d/ReadVariableOp_1", "bias": CONV["bias"]}
        return f"{layer}/{pointwise[kind]}"
    if path[0] in ("stem", "last"):
        return f"{FPN}model/{'Conv1' if path[0] == 'stem' else 'Conv_1'}/Conv2D_{end}"
    if path[0] == "blocks":
        block = "expanded_conv" if path[1] == "0" else f"block_{path[1]}"
        kernel = "depthwise" if path[2] == "depthwise" else "Conv2D"
        return f"{FPN}model/{block}_{path[2]}/{kernel}_{end}"
    if path[0] in ("top", "laterals"):
        number = "" if path[0] == "top" else f"_{int(path[1]) + 1}"
        return f"{FPN}conv2d{number}/{CONV[kind]}"
    number = "" if path[1] == "0" else f"_{path[1]}"
    layer = f"{FPN}separable_conv2d{number}/separable_conv2d"
    return f"{layer}/ReadVariableOp" if path[2] == "depthwise" else f"{layer}_{end}"


def kernel_of(name, tensor):
    """Our tensor as TensorFlow stores it: HWIO, depthwise HWC1."""
    array = tensor.detach().numpy()
    if array.ndim != 4:
        return array
    return array.transpose((2, 3, 0, 1) if ".depthwise." in name else (2, 3, 1, 0))


def write_tfjs(folder, arrays, name="net", shards=1, stored=np.float16):
    """Write a TF.js pair of named arrays; returns its JSON file."""
    specs, data = [], b""
    for key, array in arrays.items():
        spec = {"name": key, "shape": list(array.shape), "dtype": "float32"}
        if array.dtype.kind == "i":
            spec["dtype"], content = "int32", array.astype("<i4")
        else:
            content = array.astype(stored)
            if stored is np.float16:
                spec["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        specs.append(spec)
        data += content.tobytes()
    paths = [f"{name}{number}.bin" for number in range(shards)]
    step = -(-len(data) // shards)
    for number, path in enumerate(paths):
        (folder / path).write_bytes(data[number * step : (number + 1) * step])
    content = {"format": "graph-model", "modelTopology": {"node": []}}
    content["weightsManifest"] = [{"paths": paths, "weights": specs}]
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / f"{name}.json"


def movenet_arrays(net):
    """Return a MoveNet file's content: tensors in reverse order, and constants of the graph."""
    state = dict(reversed(net.state_dict().items()))
    arrays = {theirs(name): kernel_of(name, tensor) for name, tensor in state.items()}
    constants = {f"{ROOT}add_5/y": np.array(1.8), f"{ROOT}floordiv/y": np.array(48)}
    return constants | arrays
