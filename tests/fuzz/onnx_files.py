"""Bad ONNX files: cut, with other inputs and outputs, with odd metadata."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random
from typing import Any

from onnx import TensorProto

from .case import BAD, OK, Box, Case, expected
from .checkpoints import flipped
from .documents import replaced
from .onnx_model import FACTS, make_onnx, with_outside_weights
from .stage import Stage

NAN = float("nan")
NO_SIZE = (
    None, 5, [], [96], [96, 96, 96], [0, 0], [-96, 96], ["a", "b"], [NAN, 1], [1.5, 96], {},
    [[96, 96]],
    [10**30, 10**30], [10**400, 96], [64, 64], "96",
)  # fmt: skip
NO_FACTS: dict[tuple[str, ...], tuple[Any, ...]] = {
    ("input",): ("normalized", "rtmlib", "nope", None, 5, [], {}),
    ("outputs",): (["xy", "scores"], [], None, "heatmaps", ["heatmaps", "more"], 5, {}),
    ("codec",): (None, 5, [], "text", {}, [{}]),
    ("codec", "name"): ("nope", None, 5, [], {}, "os.system", "PoseNet"),
    ("codec", "decoder"): ("nope", None, 5, [], {}, "eval", "os.system"),
    ("codec", "decoder_settings"): (
        None, 5, [], "x", {"nope": 1}, {"kernel": -1}, {"kernel": 0}, {"kernel": "x"},
        {"kernel": NAN},
        {"kernel": 4}, {"kernel": 10**9}, {"kernel": None}, {"kernel": []},
        {"_target_": "os.system"},
        {"heatmaps": 1},
    ),
    ("codec", "sigma"): (None, "x", 0, -1, NAN, [], {}, 10**400),
    ("codec", "input_wh"): NO_SIZE,
    ("codec", "heatmap_wh"): NO_SIZE,
}  # fmt: skip

NO_METADATA: dict[str, dict[str, str]] = {
    "no metadata": {},
    "metadata of another program": {"author": "me"},
    "metadata is empty": {"fidip": ""},
    "metadata is no JSON": {"fidip": "{nonsense"},
    "metadata is deep": {"fidip": "[" * 100_000},
    "metadata has 5000 digits": {"fidip": '{"input": ' + "9" * 5000 + "}"},
    **{
        f"metadata is {text}": {"fidip": text}
        for text in ("null", "5", "[]", '"text"', "{}", "true", "NaN")
    },
}
OTHERS: dict[str, Callable[[], bytes]] = {
    "16 joints": lambda: make_onnx(joints=16),
    "stride 8": lambda: make_onnx(stride=8),
    "NaN weights": lambda: make_onnx(weight=NAN),
    "infinite weights": lambda: make_onnx(weight=float("inf")),
    "takes floats": lambda: make_onnx(input_type=TensorProto.FLOAT),
    "takes text": lambda: make_onnx(input_type=TensorProto.STRING),
    "two outputs": lambda: make_onnx(extra_output=True),
    "takes three dimensions": lambda: make_onnx(input_shape=(3, 96, 96)),
    "takes other sizes": lambda: make_onnx(input_shape=("batch", 3, 64, 64)),
    "takes one channel": lambda: make_onnx(input_shape=("batch", 1, 96, 96)),
    "takes seven images": lambda: make_onnx(input_shape=(7, 3, 96, 96)),
    "unknown operator": lambda: make_onnx(domain="com.example"),
    "weights in /etc/passwd": lambda: with_outside_weights("/etc/passwd"),
    "weights outside the folder": lambda: with_outside_weights("../kept/results.json"),
    "weights that are missing": lambda: with_outside_weights("nope.bin"),
}
BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "empty file": lambda data, rng: b"",
    "cut short": lambda data, rng: data[: rng.randrange(1, len(data) - 1)],
    "front missing": lambda data, rng: data[rng.randrange(1, len(data)) :],
    "text": lambda data, rng: b"a network",
    "random bytes": lambda data, rng: rng.randbytes(2000),
    "zeros": lambda data, rng: bytes(2000),
    "JSON": lambda data, rng: b'{"graph": {}}',
    "a web page": lambda data, rng: b"<!doctype html>",
    "bit flipped": flipped,
}


def draw_pose_net(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad file as ``ckpt=``."""
    title, content, is_known = _content(rng, stage)
    box.file("in/net.onnx", content)
    statuses = frozenset({BAD}) if is_known else frozenset({OK, BAD})
    arguments = [
        f"source={stage.photo}",
        "ckpt=in/net.onnx",
        "out=out",
        "save=[coco]",
        "rotations=[0]",
    ]
    return Case(f"pose net, {title}", "predict", arguments, expected("net.onnx"), statuses)


def draw_detector(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad file as ``detector.path=``."""
    title, content, _ = _content(rng, stage)  # a pose net is no detector, even a good one
    box.file("in/net.onnx", content)
    arguments = [
        f"source={stage.photo}", f"ckpt={stage.run}", "out=out", "save=[coco]", "detector=onnx",
        "detector.path=in/net.onnx",
    ]  # fmt: skip
    return Case(f"detector, {title}", "predict", arguments, expected("net.onnx"))


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """A file that is right."""
    arguments = [
        f"source={stage.photo}",
        f"ckpt={stage.onnx}",
        "out=out",
        "save=[coco]",
        "rotations=[0]",
    ]
    return Case("good ONNX", "predict", arguments, (), frozenset({OK}))


def _content(rng: Random, stage: Stage) -> tuple[str, bytes, bool]:
    """What is wrong, the file, and whether it is surely wrong."""
    kind = rng.choice(["facts", "facts", "metadata", "others", "bytes"])
    if kind == "facts":
        path = rng.choice(list(NO_FACTS))
        value = rng.choice(NO_FACTS[path])
        facts = replaced(copy.deepcopy(FACTS), path, value)
        return f"{'.'.join(path)} = {str(value)[:40]}", make_onnx(facts), True
    if kind == "metadata":
        name = rng.choice(list(NO_METADATA))
        return name, make_onnx(metadata=NO_METADATA[name]), True
    if kind == "others":
        name = rng.choice(list(OTHERS))
        return name, OTHERS[name](), True
    name = rng.choice(list(BYTES))
    return name, BYTES[name](stage.onnx.read_bytes(), rng), name not in ("bit flipped", "cut short")
