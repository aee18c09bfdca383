"""Running ONNX files, those that ``fidip.nn.portable_export`` wrote and others."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fidip.core.errors import CheckpointError, ConfigError, DataError
from fidip.io.json import parse_json

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
    # Threads that wait in a loop take the processor from those that decode and draw.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # a class of its own for every kind of damage
        raise CheckpointError(f"{path}: not an ONNX file that can be run, or cut short") from error


def run_onnx(session: Any, images: Tensor) -> list[Tensor]:
    """Every output of a file with one input, on the CPU."""
    outputs = session.run(None, {session.get_inputs()[0].name: images.cpu().numpy()})
    return [torch.from_numpy(output) for output in outputs]


def try_onnx(session: Any, path: Path, images: Tensor) -> list[Tensor]:
    """Run a file once, to see whether it takes what it says; return its outputs.

    Args:
        session: of the file.
        path: the file, for the message.
        images: what it should take.

    Raises:
        CheckpointError: it does not run, or its outputs are not finite.
    """
    try:
        outputs = run_onnx(session, images)
    except Exception as error:  # a class of its own for every kind of damage
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path}: does not run on images {tuple(images.shape)} ({reason}); export it again"
        ) from error
    if not all(bool(output.isfinite().all()) for output in outputs):
        raise CheckpointError(
            f"{path}: gives NaN or infinity; expected finite outputs. Its weights are damaged, or "
            "training diverged: export another checkpoint"
        )
    return outputs


def read_facts(session: Any, path: Path) -> dict[str, Any] | None:
    """Return what ``fidip.nn.portable_export.Portable.facts`` said of the network.

    Returns:
        None where another program wrote the file.

    Raises:
        CheckpointError: the metadata cannot be read.
    """
    text = session.get_modelmeta().custom_metadata_map.get(FACTS)
    if text is None:
        return None
    try:
        facts = parse_json(text.encode(), path, "export it again")
    except DataError as error:
        raise CheckpointError(f"{error} (metadata)") from error
    if not isinstance(facts, dict):
        raise CheckpointError(
            f"{path}: its metadata are {reprlib.repr(facts)}; expected a JSON object. Export it again"
        )
    return facts
