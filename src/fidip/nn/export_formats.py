"""Formats of exported networks, and the check that a file computes what the network does."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from fidip.core.errors import ArgumentError, CheckpointError, ConfigError
from fidip.io.atomic import copy_atomic, disk_errors, require_file
from fidip.nn.onnx_sessions import FACTS, onnx_session, run_onnx
from fidip.nn.portable_export import Portable
from fidip.nn.temporal import SequenceNet

OUTPUT_TOLERANCE = 1e-3
"""The largest difference of a good file, relative to the largest output."""
LARGEST_ONNX = 1_900_000_000
"""Limit in bytes of the weights in one ONNX file, a message of at most 2 GiB."""


@dataclass(frozen=True)
class Deviation:
    """Difference between a written file and the network, on batches of 1 and 3 random images.

    Attributes:
        error: largest absolute difference of an output.
        largest: largest absolute value of an output.
    """

    error: float
    largest: float


RunFile = Callable[[Tensor], list[Tensor]]


def export_net(model: Portable, out: Path, format: str = "onnx") -> Deviation:
    """Write the file of a network, if it computes what the network does.

    Args:
        model: the network.
        out: the file.
        format: one of ``EXPORT_FORMATS``.

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
            found = EXPORT_FORMATS[format][1](model, made)
        if not found.error <= OUTPUT_TOLERANCE * max(found.largest, OUTPUT_TOLERANCE):
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
        format: one of ``EXPORT_FORMATS``.

    Raises:
        ArgumentError: the format is unknown, or ``out`` has another suffix.
        DiskError: the file cannot be written.
    """
    if format not in EXPORT_FORMATS:
        raise ArgumentError("format", format, f"expected one of {', '.join(EXPORT_FORMATS)}")
    suffix = EXPORT_FORMATS[format][0]
    if out.suffix != suffix:
        raise ArgumentError("out", out, f"files of format={format} end in {suffix}")
    require_file(out, f"out={out}")


def measure_deviation(model: Portable, run: RunFile) -> Deviation:
    """Compare the outputs of a written file with those of the network on random images.

    Args:
        model: the network.
        run: runs the written file.
    """
    error = largest = 0.0
    with torch.inference_mode():
        for count in (1, 3):
            images = model.example(count, seed=count)
            expected = model(images)
            wanted = list(expected) if isinstance(expected, tuple) else [expected]
            for ours, theirs in zip(wanted, run(images), strict=True):
                error = max(error, float((ours - theirs).abs().max()))
                largest = max(largest, float(ours.abs().max()))
    return Deviation(error, largest)


def write_onnx(model: Portable, path: Path) -> Deviation:
    """Write an ONNX file for any batch size, with an input named ``images``.

    Args:
        model: the network.
        path: the file.

    Returns:
        The difference between the file and the network.

    Raises:
        ConfigError: the package onnx is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - the exporter needs it
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"ONNX needs the package {error.name}: pip install 'fidip[onnx]'"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            model,
            (model.example(2),),
            str(path),
            dynamo=True,
            input_names=["images"],
            output_names=model.outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=weights > LARGEST_ONNX,
            verbose=False,
        )
    written = onnx.load(path, load_external_data=False)
    written.metadata_props.add(key=FACTS, value=json.dumps(model.facts()))
    onnx.save(written, path)
    session = onnx_session(path)
    return measure_deviation(model, lambda images: run_onnx(session, images))


def write_torchscript(model: Portable, path: Path) -> Deviation:
    """Write a TorchScript file for any batch size.

    Args:
        model: the network.
        path: the file.

    Returns:
        The difference between the file and the network.
    """
    written = io.BytesIO()  # PyTorch's file writer aborts the process if the disk is full
    with torch.no_grad(), _quiet():
        traced = torch.jit.trace(model, model.example(2), check_trace=False)
        torch.jit.save(traced, written, _extra_files={FACTS: json.dumps(model.facts())})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.getvalue())
        loaded = torch.jit.load(str(path))

    def run(images: Tensor) -> list[Tensor]:
        outputs = loaded(images)
        return list(outputs) if isinstance(outputs, tuple) else [outputs]

    return measure_deviation(model, run)


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


EXPORT_FORMATS: dict[str, tuple[str, Callable[[Portable, Path], Deviation]]] = {
    "onnx": (".onnx", write_onnx),
    "torchscript": (".pt", write_torchscript),
    "openvino": (".xml", write_openvino),
}
"""Suffixes and writers of the formats."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress progress and deprecation messages of the exporters inside the block."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
