"""A pose network as other programs run it: an ONNX or TorchScript file, checked against the original.

What a file expects and gives is written into it, see ``Portable.facts``.
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
from fidip.core.errors import CheckpointError, ConfigError
from fidip.core.types import ImageSize
from fidip.nn.onnx_sessions import FACTS, onnx_session, run_onnx
from fidip.nn.pose_net import IMAGENET_MEAN, IMAGENET_STD, PoseNet

INPUTS = {
    "pixels": torch.uint8,  # RGB of 0 to 255: normalisation is inside
    "normalized": torch.float32,  # RGB as the network takes them: normalisation is outside
    "rtmlib": torch.float32,  # BGR, normalised by the RGB statistics, as rtmlib feeds OpenCV's images
}
LARGEST = 1_900_000_000
"""Bytes of weights that one ONNX file can hold, which is a message of at most 2 GiB."""
LARGEST_SIDE = 2048
"""Px of a crop or heatmap that a file's metadata may ask for."""
MOST_BINS = 4 * LARGEST_SIDE
RTMLIB_BINS = 2
"""Bins for one pixel that rtmlib's RTMPose class expects."""


class Portable(nn.Module):
    """Images to maps or keypoints, with nothing left for the caller to know of the network.

    Args:
        net: the network.
        codec: its codec.
        input: one of ``INPUTS``.
        decode: give keypoints instead of maps.

    Raises:
        ConfigError: rtmlib cannot read the codec's maps.
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
        """(B, 3, H, W) images to what ``outputs`` names.

        Maps are those of the codec; xy are (B, K, 2) in crop px, scores (B, K).
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
        """(count, 3, H, W) input of random soft blotches: in noise, peaks are ill defined."""
        width, height = self.codec.input_wh
        generator = torch.Generator().manual_seed(seed)
        coarse = 64 + 128 * torch.rand(count, 3, height // 16, width // 16, generator=generator)
        pixels = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).round()
        if self.input == "pixels":
            return pixels.to(torch.uint8)
        return ((pixels - self.mean.cpu()) / self.std.cpu()).float()

    def facts(self) -> dict[str, Any]:
        """What a reader of the file needs to know."""
        return {
            "input": self.input,
            "outputs": self.outputs,
            "codec": describe_codec(self.codec),
        }

    @property
    def outputs(self) -> list[str]:
        if self.decode:
            return ["xy", "scores"]
        two_axes = self.for_rtmlib and isinstance(self.codec, SimccCodec)
        return ["simcc_x", "simcc_y"] if two_axes else ["heatmaps"]


def _check_rtmlib(codec: Codec) -> None:
    """Raise a ConfigError where rtmlib cannot decode the codec's maps."""
    if isinstance(codec, SimccCodec):
        is_read = codec.bins_per_px == RTMLIB_BINS
    else:
        is_read = codec.map_shape(1)[0] == 1
    if not is_read:
        raise ConfigError(
            f"input=rtmlib: rtmlib cannot decode the maps of {type(codec).__name__}; expected "
            f"plain heatmaps, or SimCC with {RTMLIB_BINS} bins for each pixel. Give decode=true, or "
            "input=pixels"
        )


def rtmlib_resampling(codec: HeatmapCodec, axis: int) -> Tensor:
    """(n, n) weights that move a heatmap's samples along x or y to where rtmlib takes them to be.

    Its ViTPose class crops so that a crop of W px shows W px, and reads heatmaps as if their w px
    lay from the crop's one end to the other: pixel k at W k / (w - 1), which is 3 % wider than the
    crop's own pixels at 32 px. A cubic spline finds the values there.
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
    """Return a codec as names and numbers."""
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
    """Return the codec that a file's facts describe.

    Raises:
        CheckpointError: they do not describe a codec of fidip.
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
class Check:
    """How a written file differs from the network, on batches of 1 and 3 random images.

    Attributes:
        error: the largest absolute difference of an output.
        largest: the largest absolute value of an output.
    """

    error: float
    largest: float


Run = Callable[[Tensor], list[Tensor]]


def compare(model: Portable, run: Run) -> Check:
    """Compare what ``run`` makes of random images with what ``model`` does."""
    error = largest = 0.0
    with torch.inference_mode():
        for count in (1, 3):
            images = model.example(count, seed=count)
            expected = model(images)
            wanted = list(expected) if isinstance(expected, tuple) else [expected]
            for ours, theirs in zip(wanted, run(images), strict=True):
                error = max(error, float((ours - theirs).abs().max()))
                largest = max(largest, float(ours.abs().max()))
    return Check(error, largest)


def write_onnx(model: Portable, path: Path) -> Check:
    """Write an ONNX file of any batch size, its input named ``images``.

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
    return compare(model, lambda images: run_onnx(session, images))


def write_torchscript(model: Portable, path: Path) -> Check:
    """Write a TorchScript file of any batch size."""
    written = io.BytesIO()  # PyTorch's own writer ends the process where a disk is full
    with torch.no_grad(), _quiet():
        traced = torch.jit.trace(model, model.example(2), check_trace=False)
        torch.jit.save(traced, written, _extra_files={FACTS: json.dumps(model.facts())})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.getvalue())
        loaded = torch.jit.load(str(path))

    def run(images: Tensor) -> list[Tensor]:
        outputs = loaded(images)
        return list(outputs) if isinstance(outputs, tuple) else [outputs]

    return compare(model, run)


class _quiet(warnings.catch_warnings):  # noqa: N801 - used like a function
    """The exporters' progress and their deprecations are not the user's."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        logging.getLogger("onnx_ir").setLevel(logging.ERROR)
