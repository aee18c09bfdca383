"""``fidip export``: export the network of a checkpoint for other programs."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("export")

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from omegaconf import DictConfig
from torch import Tensor

from fidip.cli.loading import load_net
from fidip.core.errors import CheckpointError, ConfigError
from fidip.io.atomic import copy_atomic, disk_errors, require_file
from fidip.nn.portable_export import (
    INPUTS,
    Deviation,
    Portable,
    measure_deviation,
    write_onnx,
    write_torchscript,
)

TOLERANCE = 1e-3
"""The largest difference of a good file, relative to the largest output."""


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
        raise ConfigError("format=openvino needs the package openvino: pip install openvino")
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


def export(config: DictConfig) -> None:
    """Load the network, export it, compare the file with it, and print its input and outputs."""
    check(config)
    path = Path(config.out)
    net, codec = load_net(str(config.ckpt), config)
    model = Portable(net, codec, config.input, config.decode)
    with TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        with disk_errors(made, f"out={path}"):
            found = FORMATS[config.format][1](model, made)
        if not found.error <= TOLERANCE * max(found.largest, TOLERANCE):
            raise CheckpointError(
                f"out={path}: not written, for the file would not compute what the network does "
                f"(error {found.error:.1e}); report versions and command as a bug"
            )
        for file in sorted(made.parent.iterdir(), key=lambda file: file == made):
            copy_atomic(file, path.with_name(file.name))
    width, height = codec.input_wh
    print(
        f"written: {path} ({path.stat().st_size / 1e6:.1f} MB); takes images (N, 3, {height}, "
        f"{width}), {str(INPUTS[config.input]).removeprefix('torch.')}, N any; "
        f"gives {' and '.join(model.outputs)}"
    )
    print(
        f"checked on random images, N = 1 and 3: largest error {found.error:.1e} "
        f"of outputs up to {found.largest:.2g}"
    )


def check(config: DictConfig) -> None:
    """Check ``out``.

    Raises:
        FidipError: it does not fit the format, or cannot be written.
    """
    suffix = FORMATS[config.format][0]
    if Path(config.out).suffix != suffix:
        raise ConfigError(f"out={config.out}: files of format={config.format} end in {suffix}")
    require_file(Path(config.out), f"out={config.out}")


@command("export")
def main(config: DictConfig) -> None:
    """Run the command."""
    export(config)


if __name__ == "__main__":
    main()
