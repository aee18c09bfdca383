"""Formats of exported networks, and the check that a file computes what the network does."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from fidip.core.errors import ArgumentError, CheckpointError, ConfigError
from fidip.io.atomic import copy_atomic, disk_errors, require_file
from fidip.nn.portable_export import (
    Deviation,
    Portable,
    measure_deviation,
    write_onnx,
    write_torchscript,
)
from fidip.nn.temporal import SequenceNet

TOLERANCE = 1e-3
"""The largest difference of a good file, relative to the largest output."""


def export_net(model: Portable, out: Path, format: str = "onnx") -> Deviation:
    """Write the file of a network, if it computes what the network does.

    Args:
        model: the network.
        out: the file.
        format: one of ``FORMATS``.

    Returns:
        The difference between the file and the network.

    Raises:
        ArgumentError: the format is unknown, or ``out`` has another suffix.
        CheckpointError: the file does not compute what the network does.
        ConfigError: the network takes several frames.
        DiskError: the file cannot be written.
    """
    require_exportable(out, format)
    if isinstance(model.net, SequenceNet):
        raise ConfigError(
            f"ckpt: is a network for windows of {model.net.fusion.frames} frames; expected one for "
            "single frames. Export the run it was trained from, or use it with fidip predict"
        )
    with TemporaryDirectory() as folder:
        made = Path(folder) / out.name
        with disk_errors(made, f"out={out}"):
            found = FORMATS[format][1](model, made)
        if not found.error <= TOLERANCE * max(found.largest, TOLERANCE):
            raise CheckpointError(
                f"out={out}: not written, because the file would not compute what the network does "
                f"(error {found.error:.1e}); report versions and command as a bug"
            )
        for file in sorted(made.parent.iterdir(), key=lambda file: file == made):
            copy_atomic(file, out.with_name(file.name))
    return found


def require_exportable(out: Path, format: str) -> None:
    """Check that a network can be written to a file, before it is loaded.

    Args:
        out: the file.
        format: one of ``FORMATS``.

    Raises:
        ArgumentError: the format is unknown, or ``out`` has another suffix.
        DiskError: the file cannot be written.
    """
    if format not in FORMATS:
        raise ArgumentError("format", format, f"expected one of {', '.join(FORMATS)}")
    suffix = FORMATS[format][0]
    if out.suffix != suffix:
        raise ArgumentError("out", out, f"files of format={format} end in {suffix}")
    require_file(out, f"out={out}")


def write_openvino(model: Portable, path: Path) -> Deviation:
    """Write OpenVINO's .xml and .bin files, converted from ONNX.

    Args:
        model: the network.
        path: the .xml file.

    Returns:
        The difference between the files and the network.

    Raises:
        ConfigError: the package openvino is not installed.
    """
    if find_spec("openvino") is None:
        raise ConfigError("OpenVINO needs the package openvino: pip install openvino")
    import openvino

    with TemporaryDirectory() as folder:
        write_onnx(model, Path(folder) / "net.onnx")
        converted = openvino.convert_model(str(Path(folder) / "net.onnx"))
        openvino.save_model(converted, str(path), compress_to_fp16=False)
    # "f32", because some processors compute in half precision by default
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: Tensor) -> list[Tensor]:
        outputs = compiled(images.numpy())
        return [torch.from_numpy(outputs[port]) for port in compiled.outputs]

    return measure_deviation(model, run)


FORMATS: dict[str, tuple[str, Callable[[Portable, Path], Deviation]]] = {
    "onnx": (".onnx", write_onnx),
    "torchscript": (".pt", write_torchscript),
    "openvino": (".xml", write_openvino),
}
"""Suffixes and writers of the formats."""
