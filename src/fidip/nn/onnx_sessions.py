"""Run ONNX files, both those of ``fidip.nn.portable_export`` and those of other programs."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fidip.core.errors import ArgumentError, CheckpointError, ConfigError, DataError, reason
from fidip.io.json import parse_json

FACTS = "fidip"
"""Metadata key of the facts about the network's input and output."""


def onnx_session(path: Path, device: str = "cpu") -> Any:
    """Open an ONNX Runtime session.

    Args:
        path: the ONNX file.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        ConfigError: the package onnxruntime is not installed, or does not support the device.
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
    kind, _, index = device.partition(":")
    provider = f"{kind.upper()}ExecutionProvider"
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise ArgumentError(
            "device",
            device,
            f"the installed onnxruntime cannot compute there, only with {', '.join(available)}",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Spinning threads would take CPU time from decoding and drawing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    chosen = (provider, {"device_id": int(index)} if index else {})
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[chosen])
    except Exception as error:  # ONNX Runtime has many exception classes without a common base
        raise CheckpointError(f"{path}: not an ONNX file that can be run, or cut short") from error


def run_onnx(session: Any, images: Tensor) -> list[Tensor]:
    """Run a session that has one input.

    Args:
        session: an ONNX Runtime session.
        images: the input batch.

    Returns:
        All outputs, on the CPU.
    """
    outputs = session.run(None, {session.get_inputs()[0].name: images.cpu().numpy()})
    return [torch.from_numpy(output) for output in outputs]


def try_onnx(session: Any, path: Path, images: Tensor) -> list[Tensor]:
    """Run a session once to check that it accepts its declared input.

    Args:
        session: an ONNX Runtime session.
        path: its file, for error messages.
        images: an input batch of the declared shape.

    Returns:
        All outputs, on the CPU.

    Raises:
        CheckpointError: the session fails, or its outputs are not finite.
    """
    try:
        outputs = run_onnx(session, images)
    except Exception as error:  # ONNX Runtime has many exception classes without a common base
        why = reason(error, 200)
        raise CheckpointError(
            f"{path}: does not run on images {tuple(images.shape)} ({why}); export it again"
        ) from error
    if not all(bool(output.isfinite().all()) for output in outputs):
        raise CheckpointError(
            f"{path}: gives NaN or infinity; expected finite outputs. Its weights are damaged, or "
            "training diverged: export another checkpoint"
        )
    return outputs


def read_facts(session: Any, path: Path) -> dict[str, Any] | None:
    """Return the facts that ``fidip.nn.portable_export.Portable`` stored in the file's metadata.

    Args:
        session: an ONNX Runtime session.
        path: its file, for error messages.

    Returns:
        The facts by name; None if another program wrote the file.

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
            f"{path}: its metadata are {reprlib.repr(facts)}; expected a JSON object. Export it "
            "again"
        )
    return facts
