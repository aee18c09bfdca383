"""Running ONNX files that ``fidip.nn.portable`` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fidip.errors import CheckpointError, ConfigError

FACTS = "fidip"
"""Name under which a file keeps what it expects and gives."""


def onnx_session(path: Path, device: str = "cpu") -> Any:
    """An ONNX Runtime session on a device: ``cpu`` or ``cuda``.

    Raises:
        ConfigError: the package onnxruntime is not installed, or has no such device.
        CheckpointError: the file is missing or not ONNX.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ConfigError(
            "ONNX needs the package onnxruntime: pip install 'fidip[onnx]'"
        ) from error
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    provider = f"{device.partition(':')[0].upper()}ExecutionProvider"
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise ConfigError(
            f"device={device}: the installed onnxruntime cannot compute there, only with "
            f"{', '.join(available)}"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # a class of its own for every kind of damage
        raise CheckpointError(f"{path}: not an ONNX file that can be run, or cut short") from error


def run_onnx(session: Any, images: Tensor) -> list[Tensor]:
    """Every output of a file with one input, on the CPU."""
    outputs = session.run(None, {session.get_inputs()[0].name: images.cpu().numpy()})
    return [torch.from_numpy(output) for output in outputs]


def read_facts(session: Any, path: Path) -> dict[str, Any]:
    """What ``fidip.nn.portable.Portable.facts`` said of the network.

    Raises:
        CheckpointError: the file does not tell.
    """
    text = session.get_modelmeta().custom_metadata_map.get(FACTS)
    if text is None:
        raise CheckpointError(f"{path}: was not written by fidip export, so its input is not known")
    facts: dict[str, Any] = json.loads(text)
    return facts
