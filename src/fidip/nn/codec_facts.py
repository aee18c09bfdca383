"""Codecs as facts in the metadata of an exported file, and back."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from fidip.codecs.base import Codec
from fidip.codecs.centernet import MoveNetCodec
from fidip.codecs.decoders import argmax_decode, dark_decode, quarter_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.arrays import ImageSize
from fidip.core.errors import CheckpointError, ConfigError

LARGEST_SIDE = 2048
"""Limit in px of crop and heatmap sides in a file's metadata."""
MOST_BINS = 4 * LARGEST_SIDE
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
