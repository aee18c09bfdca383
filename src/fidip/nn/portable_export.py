"""Pose networks with normalisation and decoding, as they are exported.

The expected input and the outputs are stored in the file's metadata, see ``Portable.facts``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from fidip.codecs.base import Codec
from fidip.codecs.gaussian import HeatmapCodec
from fidip.codecs.simcc import SimccCodec
from fidip.core.errors import ConfigError
from fidip.nn.codec_facts import describe_codec
from fidip.nn.pose_net import IMAGENET_MEAN, IMAGENET_STD, PoseNet

INPUTS = {
    "pixels": torch.uint8,  # RGB, 0 to 255; the exported network normalises
    "normalized": torch.float32,  # RGB, normalised by the caller
    "rtmlib": torch.float32,  # BGR, normalised with RGB statistics, as rtmlib does
}
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
