"""Bad checkpoints: cut, flipped, of wrong shapes, with NaN, with code, and nothing of the kind."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from .case import BAD, OK, Box, Case, expected
from .stage import TRAINING, Stage

EITHER = frozenset({OK, BAD})
State = dict[str, Tensor]


class Touch:
    """An object whose pickle makes a file when it is read."""

    def __init__(self, path: Path, how: str) -> None:
        self.path, self.how = str(path), how

    def __reduce__(self) -> tuple[Any, ...]:
        if self.how == "os.system":
            return os.system, (f"touch {self.path}",)
        if self.how == "eval":
            return eval, (f"open({self.path!r}, 'w').close()",)
        if self.how == "open":
            return open, (self.path, "w")
        return Path.touch, (Path(self.path),)


CODE = ("os.system", "eval", "open", "Path.touch")


def draw_bytes(rng: Random, box: Box, stage: Stage) -> Case:
    """Bytes that are no checkpoint."""
    kind = rng.choice(list(BYTES))
    content = BYTES[kind](stage.weights.read_bytes(), rng)
    suffix = rng.choice([".ckpt", ".pth", ".pt", ".safetensors", ".bin"])
    statuses = EITHER if kind in ("bit flipped", "bytes overwritten") else frozenset({BAD})
    return _used(rng, box, stage, kind, content, suffix, statuses)


def draw_code(rng: Random, box: Box, stage: Stage) -> Case:
    """A pickle that makes a file when it is read as one."""
    how, form = rng.choice(CODE), rng.choice(list(FORMS))
    content = FORMS[form](Touch(box.canary, how), stage)
    suffix = rng.choice([".ckpt", ".pth", ".safetensors"])
    return _used(rng, box, stage, f"{how} in {form}", content, suffix)


def draw_state(rng: Random, box: Box, stage: Stage) -> Case:
    """Weights that are read, and that no network can have."""
    kind = rng.choice(list(STATES))
    state = STATES[kind](_state(stage), rng)
    return _used(rng, box, stage, kind, _saved(state), rng.choice([".ckpt", ".pth"]))


def draw_safetensors(rng: Random, box: Box, stage: Stage) -> Case:
    """A .safetensors file with a bad header or bad tensors."""
    kind = rng.choice(list(SAFETENSORS))
    content = SAFETENSORS[kind](_state(stage), rng)
    return _used(rng, box, stage, kind, content, ".safetensors")


def draw_path(rng: Random, box: Box, stage: Stage) -> Case:
    """A name with something behind it that is no file to read."""
    kind = rng.choice(list(PATHS))
    PATHS[kind](box)
    return _command(rng, stage, "in/net.ckpt", f"{kind} for a checkpoint", frozenset({BAD}))


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """Weights that are right, in another form."""
    state = _state(stage)
    kind = rng.choice(["half precision", "module.", "state_dict", "more entries", "legacy"])
    content: object = {
        "half precision": {
            name: t.half() if t.is_floating_point() else t for name, t in state.items()
        },
        "module.": {f"module.{name}": tensor for name, tensor in state.items()},
        "state_dict": {"state_dict": state},
        "more entries": {"state_dict": state, "epoch": 3, "note": "text"},
        "legacy": state,
    }[kind]
    box.file("in/net.pth", _saved(content, zipped=kind != "legacy"))
    arguments = ["src=in/net.pth", "net=movenet_lightning", "out=out/net.safetensors"]
    return Case(f"good weights: {kind}", "convert", arguments, (), frozenset({OK}))


def _used(
    rng: Random,
    box: Box,
    stage: Stage,
    kind: str,
    content: bytes,
    suffix: str,
    statuses: frozenset[int] = frozenset({BAD}),
) -> Case:
    """The file given to one of the commands that read weights."""
    if rng.random() < 0.25:
        box.copy(stage.run, "in/run")
        box.file("in/run/checkpoints/last.ckpt", content)
        return _command(rng, stage, "in/run", f"{kind} in a run directory", statuses)
    box.file(f"in/net{suffix}", content)
    return _command(rng, stage, f"in/net{suffix}", f"{kind}, {suffix}", statuses)


def _command(rng: Random, stage: Stage, path: str, title: str, statuses: frozenset[int]) -> Case:
    in_run = "run" in path
    experiment = [] if in_run else ["experiment=scratch_demo"]
    commands = {
        "predict": [f"source={stage.photo}", "out=out", "save=[coco]", *experiment, f"ckpt={path}"],
        "convert": [
            "net=movenet_lightning",
            "out=out/net.safetensors",
            f"src={path}/checkpoints/last.ckpt" if in_run else f"src={path}",
        ],
        "export": ["out=out/net.pt", "format=torchscript", *experiment, f"ckpt={path}"],
        "evaluate": ["out=out", f"data.root={stage.data}", *experiment, f"ckpt={path}"],
        "train": [*TRAINING, f"data.root={stage.data}", "hydra.run.dir=out/run", f"ckpt={path}"],
        "detector": [
            f"source={stage.photo}",
            f"ckpt={stage.run}",
            "out=out",
            "detector=torchvision",
            f"detector.weights={path}",
        ],
    }
    likely = ["predict"] * 4 + ["convert"] * 5 + ["export"] * 2 + ["evaluate", "train", "detector"]
    name = rng.choice(likely)
    if in_run and name in ("detector", "train"):
        name = "predict"
    command = "predict" if name == "detector" else name
    if name == "detector":
        statuses = frozenset({BAD})
    words = ("net.", "last.ckpt", "in/run")
    return Case(
        f"{name}: {title}",
        command,
        commands[name],
        expected(*words),
        statuses,
        is_late=name == "train",
    )


def _state(stage: Stage) -> State:
    content = torch.load(stage.weights, map_location="cpu", weights_only=True)
    return {
        name.removeprefix("net."): tensor
        for name, tensor in content["state_dict"].items()
        if isinstance(tensor, Tensor) and name.startswith("net.")
    }


def _saved(content: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def _floats(state: State) -> list[str]:
    return [name for name, tensor in state.items() if tensor.is_floating_point()]


def _filled(value: float) -> Callable[[State, Random], State]:
    """Weights with ``value`` somewhere in one tensor."""

    def fill(state: State, rng: Random) -> State:
        name = rng.choice([n for n in _floats(state) if "running" not in n])
        tensor = state[name].contiguous().clone()
        tensor.view(-1)[rng.randrange(tensor.numel())] = value
        return {**state, name: tensor}

    return fill


def _reshaped(state: State, rng: Random) -> State:
    name = rng.choice(_floats(state))
    return {**state, name: torch.cat([state[name], state[name]])}


def _without_one(state: State, rng: Random) -> State:
    name = rng.choice(_floats(state))
    return {key: tensor for key, tensor in state.items() if key != name}


def _recursive(state: State, rng: Random) -> Any:
    content: dict[str, Any] = {}
    content["state_dict"] = content
    return content


def _as_type(dtype: torch.dtype) -> Callable[[State, Random], State]:
    def cast(state: State, rng: Random) -> State:
        name = rng.choice(_floats(state))
        return {**state, name: state[name].to(dtype)}

    return cast


STATES: dict[str, Callable[[State, Random], Any]] = {
    "NaN": _filled(float("nan")),
    "infinite": _filled(float("inf")),
    "all NaN": lambda state, rng: {
        n: t * float("nan") if t.is_floating_point() else t for n, t in state.items()
    },
    "wrong shape": _reshaped,
    "one missing": _without_one,
    "no dimensions": lambda state, rng: {**state, rng.choice(_floats(state)): torch.tensor(1.0)},
    "empty tensors": lambda state, rng: {name: torch.zeros(0) for name in state},
    "empty": lambda state, rng: {},
    "empty state_dict": lambda state, rng: {"state_dict": {}},
    "list": lambda state, rng: list(state.values()),
    "a tensor": lambda state, rng: next(iter(state.values())),
    "a number": lambda state, rng: 5,
    "nothing": lambda state, rng: None,
    "a text": lambda state, rng: "weights",
    "names that are numbers": lambda state, rng: dict(enumerate(state.values())),
    "names that are tuples": lambda state, rng: {(n, 1): t for n, t in state.items()},
    "state_dict of lists": lambda state, rng: {
        "state_dict": {n: t.tolist() for n, t in list(state.items())[:3]}
    },
    "state_dict in itself": _recursive,
    "other names": lambda state, rng: {f"x.{name}": tensor for name, tensor in state.items()},
    "complex": _as_type(torch.complex64),
    "stride 0 of 10^10": lambda state, rng: {
        **state,
        _floats(state)[0]: torch.zeros(1).expand(10**10),
    },
    "sparse": lambda state, rng: {**state, (n := _floats(state)[0]): state[n].to_sparse()},
    "half an HRNet": lambda state, rng: {
        "backbone.stage4.0.branches.0.0.conv1.weight": torch.tensor(1.0)
    },
    "half a ViT": lambda state, rng: {"backbone.blocks.0.attn.qkv.weight": torch.zeros(2304)},
    "half a ViT, half a head": lambda state, rng: {
        "backbone.blocks.0.attn.qkv.weight": torch.zeros(2304, 768),
        "keypoint_head.final_layer.weight": torch.tensor(1.0),
    },
    "half a ResNet": lambda state, rng: {
        "layer4.0.conv3.weight": torch.zeros(1),
        "layer3.99999999999.conv1.weight": torch.zeros(1),
    },
    "long names": lambda state, rng: {n + "x" * 100_000: t for n, t in list(state.items())[:2]},
    "line breaks in names": lambda state, rng: {n + "\nerror: \n": t for n, t in state.items()},
    "best_state_dict of text": lambda state, rng: {
        "best_state_dict": {"a": "b"},
        "state_dict": state,
        "x": 1,
    },
    "meta tensors": lambda state, rng: {n: t.to("meta") for n, t in state.items()},
}


def _zip(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    return file.getvalue()


def _overwritten(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) - 64)
    return data[:at] + rng.randbytes(64) + data[at + 64 :]


def flipped(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "empty file": lambda data, rng: b"",
    "cut short": lambda data, rng: data[: rng.randrange(1, len(data) - 1)],
    "end missing": lambda data, rng: data[: -rng.randrange(1, 60)],
    "front missing": lambda data, rng: data[rng.randrange(1, 5000) :],
    "bit flipped": flipped,
    "bytes overwritten": _overwritten,
    "text": lambda data, rng: b"these are the weights\n" * 9,
    "one byte": lambda data, rng: rng.randbytes(1),
    "nine bytes": lambda data, rng: bytes(8) + b"{",
    "JSON": lambda data, rng: b'{"state_dict": {}}',
    "a web page": lambda data, rng: b"<!doctype html><html>sign in</html>",
    "random bytes": lambda data, rng: rng.randbytes(5000),
    "zeros": lambda data, rng: bytes(5000),
    "empty zip": lambda data, rng: _zip(),
    "zip of text": lambda data, rng: _zip(readme=b"text"),
    "zip with an empty pickle": lambda data, rng: _zip(
        **{"archive/data.pkl": b"", "archive/version": b"3"}
    ),
    "zip bomb": lambda data, rng: _zip(
        **{"archive/data.pkl": bytes(100_000_000), "archive/version": b"3"}
    ),
    "pickle bomb": lambda data, rng: _zip(
        **{"archive/data.pkl": b"\x80\x02" + b"]" * 1_000_000 + b".", "archive/version": b"3"}
    ),
    "deep pickle": lambda data, rng: _zip(
        **{
            "archive/data.pkl": b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
            "archive/version": b"3",
        }
    ),
    "tar": lambda data, rng: _tar(),
    "pickle cut short": lambda data, rng: pickle.dumps({"a": [1] * 100})[:40],
    "a pointer of Git LFS": lambda data, rng: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    ),
    "pickle of a text": lambda data, rng: pickle.dumps("weights"),
    "a PNG": lambda data, rng: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "HDF5": lambda data, rng: b"\x89HDF\r\n\x1a\n" + bytes(500),
}
"""Files that are no checkpoint; where a bit is flipped, one that may still be read."""

FORMS: dict[str, Callable[[Touch, Stage], bytes]] = {
    "a pickle": lambda code, stage: pickle.dumps(code, 2),
    "a pickle of protocol 4": lambda code, stage: pickle.dumps({"state_dict": code}, 4),
    "a pickle of protocol 0": lambda code, stage: pickle.dumps({"state_dict": code}, 0),
    "a checkpoint": lambda code, stage: _saved({"state_dict": {"a": code}}),
    "a checkpoint, old": lambda code, stage: _saved({"state_dict": code}, zipped=False),
    "good weights": lambda code, stage: _saved(
        {"state_dict": _state(stage), "hyper_parameters": code}
    ),
    "good weights, old": lambda code, stage: _saved(
        {"state_dict": _state(stage), "x": code}, zipped=False
    ),
}


def _header(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _entry(**values: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **values}}


def _nan(state: State, rng: Random) -> bytes:
    return save({k: v.contiguous() for k, v in _filled(float("nan"))(state, rng).items()})


SAFETENSORS: dict[str, Callable[[State, Random], bytes]] = {
    "header of 2^63": lambda state, rng: _header({}, length=2**63),
    "header longer than the file": lambda state, rng: _header({}, length=10**6),
    "header is no JSON": lambda state, rng: _header(b"{nonsense}"),
    "header is deep": lambda state, rng: _header(b'{"a":' * 50_000),
    "header is a list": lambda state, rng: _header([]),
    "header is empty": lambda state, rng: _header({}),
    "offsets outside": lambda state, rng: _header(_entry(data_offsets=[0, 4000]), bytes(4)),
    "offsets turned": lambda state, rng: _header(_entry(data_offsets=[4, 0]), bytes(4)),
    "offsets negative": lambda state, rng: _header(_entry(data_offsets=[-4, 0]), bytes(4)),
    "no such type": lambda state, rng: _header(_entry(dtype="F7"), bytes(4)),
    "wrong length": lambda state, rng: _header(_entry(shape=[2]), bytes(4)),
    "huge shape": lambda state, rng: _header(_entry(shape=[2**40, 2**40]), bytes(4)),
    "negative shape": lambda state, rng: _header(_entry(shape=[-1]), bytes(4)),
    "shape is text": lambda state, rng: _header(_entry(shape="x"), bytes(4)),
    "surrogate in a name": lambda state, rng: _header(b'{"\\ud800": 1}'),
    "no tensors of ours": lambda state, rng: save({"a": torch.zeros(1)}),
    "NaN": _nan,
    "cut short": lambda state, rng: save({k: v.contiguous() for k, v in state.items()})[
        : rng.randrange(9, 10**6)
    ],
    "wrong shape": lambda state, rng: save(
        {k: v.contiguous() for k, v in _reshaped(state, rng).items()}
    ),
    "one missing": lambda state, rng: save(
        {k: v.contiguous() for k, v in _without_one(state, rng).items()}
    ),
}


def _link(target: str) -> Callable[[Box], None]:
    def make(box: Box) -> None:
        (box.work / "in").mkdir(exist_ok=True)
        (box.work / "in" / "net.ckpt").symlink_to(target)

    return make


def _fifo(box: Box) -> None:
    (box.work / "in").mkdir(exist_ok=True)
    os.mkfifo(box.work / "in" / "net.ckpt")


PATHS: dict[str, Callable[[Box], Any]] = {
    "an empty folder": lambda box: (box.work / "in" / "net.ckpt").mkdir(parents=True),
    "a folder": lambda box: box.file("in/net.ckpt/readme.txt", b"text"),
    "a folder of a bad model": lambda box: box.file("in/net.ckpt/model.safetensors", b"text"),
    "a folder with a bad config": lambda box: box.file("in/net.ckpt/config.yaml", b"["),
    "a link to nothing": _link("nothing"),
    "a link to itself": _link("net.ckpt"),
    "a link to a folder": _link(".."),
    "a link to /dev/zero": _link("/dev/zero"),
    "a pipe": _fifo,
}
