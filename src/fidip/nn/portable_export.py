"""Export of pose networks to ONNX and TorchScript, compared with the original.

The expected input and the outputs are stored in the file's metadata, see ``Portable.facts``.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from fidip.codecs.base import Codec
from fidip.codecs.centernet import MoveNetCodec
from fidip.codecs.gaussian import HeatmapCodec, argmax_decode, dark_decode, quarter_decode
from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.arrays import ImageSize
from fidip.core.errors import CheckpointError, ConfigError
from fidip.nn.onnx_sessions import FACTS, onnx_session, run_onnx
from fidip.nn.pose_net import IMAGENET_MEAN, IMAGENET_STD, PoseNet

INPUTS = {
    "pixels": torch.uint8,  # RGB, 0 to 255; the exported network normalises
    "normalized": torch.float32,  # RGB, normalised by the caller
    "rtmlib": torch.float32,  # BGR, normalised with RGB statistics, as rtmlib does
}
LARGEST = 1_900_000_000
"""Limit in bytes of the weights in one ONNX file, a message of at most 2 GiB."""
LARGEST_SIDE = 2048
"""Limit in px of crop and heatmap sides in a file's metadata."""
MOST_BINS = 4 * LARGEST_SIDE
RTMLIB_BINS = 2
"""Bins per pixel that rtmlib's RTMPose class expects."""


class Portable(nn.Module):
    """Pose network from images to maps or keypoints, including normalisation and decoding.

    Args:
        net: the network.
        codec: its codec.
        input: one of ``INPUTS``.
        decode: return keypoints instead of maps.

    Raises:
        ConfigError: rtmlib cannot decode the codec's maps.
    """

    mean: Tensor
    std: Tensor
    columns: Tensor
    rows: Tensor

    def __init__(
        self, net: PoseNet, codec: Codec, input: str = "pixels", decode: bool = False
    ) -> None:
        super().__init__()
        self.net = net.eval()
        self.codec = codec
        self.input = input
        self.decode = decode
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, 255 * torch.tensor(values).view(3, 1, 1), persistent=False)
        self.for_rtmlib = input == "rtmlib" and not decode
        if self.for_rtmlib:
            _check_rtmlib(codec)
        if self.for_rtmlib and isinstance(codec, HeatmapCodec):
            for name, axis in (("columns", 0), ("rows", 1)):
                self.register_buffer(name, rtmlib_resampling(codec, axis), persistent=False)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Compute the tensors that ``outputs`` names.

        Args:
            images: (B, 3, H, W) images of the type ``input``.

        Returns:
            The codec's maps; or, with ``decode``, (B, K, 2) keypoints in crop px and (B, K) scores.
        """
        if self.input == "pixels":
            images = self.net.normalize(images.float())
        elif self.input == "rtmlib":
            images = self.net.normalize((images * self.std + self.mean).flip(1))
        maps: Tensor = self.net(images).heatmaps
        if self.decode:
            return self.codec.decode(maps)
        if not self.for_rtmlib:
            return maps
        if isinstance(self.codec, SimccCodec):
            return self.codec.split(maps)
        return self.rows @ maps @ self.columns.mT

    def example(self, count: int, seed: int = 0) -> Tensor:
        """Return a batch of random smooth images, because peaks are ill-defined in pure noise.

        Args:
            count: number of images.
            seed: seed of the random numbers.

        Returns:
            (count, 3, H, W) input.
        """
        width, height = self.codec.input_wh
        generator = torch.Generator().manual_seed(seed)
        coarse = 64 + 128 * torch.rand(count, 3, height // 16, width // 16, generator=generator)
        pixels = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).round()
        if self.input == "pixels":
            return pixels.to(torch.uint8)
        return ((pixels - self.mean.cpu()) / self.std.cpu()).float()

    def facts(self) -> dict[str, Any]:
        """Return the metadata that a reader of the file needs."""
        return {
            "input": self.input,
            "outputs": self.outputs,
            "codec": describe_codec(self.codec),
        }

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        if self.decode:
            return ["xy", "scores"]
        two_axes = self.for_rtmlib and isinstance(self.codec, SimccCodec)
        return ["simcc_x", "simcc_y"] if two_axes else ["heatmaps"]


def _check_rtmlib(codec: Codec) -> None:
    """Raise a ConfigError if rtmlib cannot decode the codec's maps."""
    if isinstance(codec, SimccCodec):
        is_read = codec.bins_per_px == RTMLIB_BINS
    else:
        is_read = codec.map_shape(1)[0] == 1
    if not is_read:
        raise ConfigError(
            f"input=rtmlib: rtmlib cannot decode the maps of {type(codec).__name__}; expected "
            f"plain heatmaps, or SimCC with {RTMLIB_BINS} bins for each pixel. Give decode=true, "
            "or input=pixels"
        )


def rtmlib_resampling(codec: HeatmapCodec, axis: int) -> Tensor:
    """Return weights that resample heatmaps along one axis to the positions that rtmlib assumes.

    rtmlib's ViTPose class places pixel k of a heatmap of w px at crop position W k / (w - 1), which
    stretches the heatmap over the full crop of W px. A cubic spline interpolates the values at
    these positions.

    Args:
        codec: the codec.
        axis: 0 for x, 1 for y.

    Returns:
        (n, n) weights.
    """
    crop, heatmap = codec.input_wh[axis], codec.heatmap_wh[axis]
    pixels = np.arange(heatmap)
    xy_crop = crop * pixels / (heatmap - 1)
    origin, step = codec.sample_positions(axis)
    spline = CubicSpline(pixels, np.eye(heatmap))
    return torch.tensor(spline((xy_crop - origin) / step), dtype=torch.float32)


CODECS = {codec.__name__: codec for codec in (HeatmapCodec, UdpCodec, MoveNetCodec)}
DECODERS = {f.__name__: f for f in (argmax_decode, quarter_decode, dark_decode, dark_udp_decode)}


def describe_codec(codec: Codec) -> dict[str, Any]:
    """Return the class and numbers of a codec.

    Args:
        codec: the codec.
    """
    about = {"name": type(codec).__name__, "input_wh": list(codec.input_wh)}
    if isinstance(codec, SimccCodec):
        return {**about, "bins_wh": list(codec.bins_wh), "sigma": list(codec.sigma)}
    assert isinstance(codec, HeatmapCodec)
    decoder = codec.decoder if isinstance(codec.decoder, partial) else partial(codec.decoder)
    return {
        **about,
        "heatmap_wh": list(codec.heatmap_wh),
        "sigma": codec.sigma,
        "decoder": decoder.func.__name__,
        "decoder_settings": decoder.keywords,
    }


def codec_of(facts: dict[str, Any], path: Path) -> Codec:
    """Return the codec that the metadata of a file describe.

    Args:
        facts: the metadata.
        path: the file, for the message.

    Raises:
        CheckpointError: the metadata do not describe a codec of fidip.
    """
    try:
        about = facts["codec"]
        is_simcc = about["name"] == SimccCodec.__name__
        return _simcc_codec(about) if is_simcc else _heatmap_codec(about)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, ConfigError) as error:
        raise CheckpointError(
            f"{path}: its metadata do not describe a codec of fidip ({error}); export it again"
        ) from error


def _heatmap_codec(about: dict[str, Any]) -> HeatmapCodec:
    decoder: Callable[..., tuple[Tensor, Tensor]] = DECODERS[about["decoder"]]
    settings = {name: operator.index(value) for name, value in about["decoder_settings"].items()}
    inspect.signature(decoder).bind(None, **settings)
    if not all(3 <= n <= LARGEST_SIDE for n in settings.values()):
        raise ValueError("kernel is out of range")
    make, sigma = CODECS[about["name"]], _finite(about["sigma"])
    sizes = _size(about["input_wh"]), _size(about["heatmap_wh"])
    return make(*sizes, sigma, partial(decoder, **settings))


def _simcc_codec(about: dict[str, Any]) -> SimccCodec:
    sigma_x, sigma_y = about["sigma"]
    sigma = _finite(sigma_x), _finite(sigma_y)
    return SimccCodec(_size(about["input_wh"]), _size(about["bins_wh"], MOST_BINS), sigma)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("sigma is out of range")
    return number


def _size(pair: Any, largest: int = LARGEST_SIDE) -> ImageSize:
    width, height = (operator.index(side) for side in pair)
    if not (1 < width <= largest and 1 < height <= largest):
        raise ValueError(f"size {width}x{height} is out of range")
    return width, height


@dataclass(frozen=True)
class Deviation:
    """Difference between a written file and the network, on batches of 1 and 3 random images.

    Attributes:
        error: largest absolute difference of an output.
        largest: largest absolute value of an output.
    """

    error: float
    largest: float


Run = Callable[[Tensor], list[Tensor]]


def measure_deviation(model: Portable, run: Run) -> Deviation:
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
            external_data=weights > LARGEST,
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


class _quiet(warnings.catch_warnings):  # noqa: N801 - used like a function
    """Suppress progress and deprecation messages of the exporters."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        logging.getLogger("onnx_ir").setLevel(logging.ERROR)
