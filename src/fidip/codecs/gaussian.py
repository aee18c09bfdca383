"""Codec of Gaussian heatmaps: batched, on any device, in float32 also under autocast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fidip.codecs.base import Codec, gaussian_samples
from fidip.codecs.decoders import Decoder
from fidip.core.arrays import ImageSize
from fidip.core.errors import ArgumentError, ConfigError


@dataclass(frozen=True)
class HeatmapCodec(Codec):
    """Keypoints in crop px as Gaussians on heatmaps, and back.

    A similarity transform maps the crop to the heatmap: centre to centre, (w - 1) / 2, and width to
    width.

    Attributes:
        input_wh: (width, height) of the crops in px.
        heatmap_wh: (width, height) of the heatmaps in px, with the same aspect ratio.
        sigma: standard deviation of the Gaussians in heatmap px.
        decoder: finds the keypoints in heatmaps.

    Raises:
        ConfigError: the aspect ratios differ, or sigma is not positive.

    Example:
        >>> from fidip.codecs.decoders import dark_decode
        >>> codec = HeatmapCodec((192, 256), (48, 64), sigma=2.0, decoder=dark_decode)
        >>> maps, weights = codec.encode(torch.tensor([[[100.0, 120.0]]]), torch.ones(1, 1))
        >>> maps.shape, weights
        (torch.Size([1, 1, 64, 48]), tensor([[1.]]))
        >>> xy, scores = codec.decode(maps)
        >>> [round(value) for value in xy[0, 0].tolist()]
        [100, 120]
    """

    input_wh: ImageSize
    heatmap_wh: ImageSize
    sigma: float
    decoder: Decoder

    def __post_init__(self) -> None:
        self._unwrap()
        (input_w, input_h), (heatmap_w, heatmap_h) = self.input_wh, self.heatmap_wh
        if input_w * heatmap_h != input_h * heatmap_w:
            raise ArgumentError(
                "heatmap_wh",
                (heatmap_w, heatmap_h),
                f"aspect ratio differs from input_wh={[input_w, input_h]}; expected both sides of "
                "input_wh divided by the stride of the network",
            )
        if self.sigma <= 0:
            raise ArgumentError("sigma", self.sigma, "expected more than 0 heatmap px")

    def _unwrap(self) -> None:
        """Replace configuration lists by plain tuples and partials, which are faster to access."""
        for name in ("input_wh", "heatmap_wh"):
            width, height = getattr(self, name)
            object.__setattr__(self, name, (width, height))
        if isinstance(self.decoder, partial):
            plain = partial(self.decoder.func, *self.decoder.args, **self.decoder.keywords)
            object.__setattr__(self, "decoder", plain)

    def encode(self, joints_crop: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """Draw joints as Gaussians of height 1 with subpixel centres and without truncation.

        Args:
            joints_crop: (B, K, 2) xy in crop px.
            labelled: (B, K), 1 where the joint is labelled, else 0.

        Returns:
            (B, K, h, w) float32 heatmaps, zero where the weight is zero, and (B, K) float32
            weights: 0 where a joint is not labelled or more than three sigma outside the heatmap,
                else 1.
        """
        xy = joints_crop.float()
        xy = (xy - xy.new_tensor(self._origin)) / xy.new_tensor(self._crop_px)
        size_wh = xy.new_tensor(list(self.heatmap_wh))
        reach = 3 * self.sigma
        # FiDIP's code tests int(xy + reach + 1) >= 0, and int rounds towards zero.
        on_map = ((xy - reach < size_wh) & (xy + reach + 2 > 0)).all(dim=2)
        weights = labelled.float() * on_map
        columns, rows = (
            gaussian_samples(center, length, self.sigma)
            for center, length in zip(xy.unbind(dim=2), self.heatmap_wh, strict=True)
        )
        return (rows * weights[..., None])[..., :, None] * columns[..., None, :], weights

    def decode(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keypoints in heatmaps.

        Args:
            heatmaps: (B, K, h, w) heatmaps.

        Returns:
            (B, K, 2) float32 xy in crop px and (B, K) float32 scores.

        Raises:
            ConfigError: the maps do not have four dimensions.
        """
        if heatmaps.ndim != 4:
            raise ConfigError(
                f"net: gives maps of shape {tuple(heatmaps.shape[1:])}; expected (maps, height, "
                f"width) of {type(self).__name__}. Use codec=simcc_192x256, or another net="
            )
        xy, scores = self.decoder(heatmaps)
        return xy * xy.new_tensor(self._crop_px) + xy.new_tensor(self._origin), scores

    def map_shape(self, joints: int) -> tuple[int, ...]:
        """Return (K, h, w)."""
        return joints, *self.heatmap_wh[::-1]

    def flip_back(
        self, heatmaps: Tensor, flip_order: NDArray[np.int64], shift: bool = False
    ) -> Tensor:
        """Convert heatmaps of mirrored crops; see the function ``flip_back``.

        Args:
            heatmaps: (B, K, h, w) heatmaps of mirrored crops.
            flip_order: (K,) permutation that exchanges left and right joints.
            shift: move the result one pixel to the right.

        Returns:
            (B, K, h, w) heatmaps.
        """
        return flip_back(heatmaps, flip_order, shift)

    def turn_back(self, heatmaps: Tensor, degrees: Sequence[float]) -> Tensor:
        """Convert heatmaps of rotated windows; see the function ``turn_back``.

        Args:
            heatmaps: (A, B, K, h, w) heatmaps of windows turned clockwise by each of the angles.
            degrees: A angles in degrees.

        Returns:
            (A, B, K, h, w) heatmaps.
        """
        return turn_back(heatmaps, degrees)

    def sample_positions(self, axis: int) -> tuple[float, float]:
        """Return the position of the first heatmap pixel and the pixel spacing.

        Args:
            axis: 0 for x, 1 for y.

        Returns:
            Coordinate of the first pixel, and distance of two pixels, in crop px.

        Example:
            >>> from fidip.codecs.decoders import argmax_decode
        >>> codec = HeatmapCodec((192, 256), (48, 64), sigma=2.0, decoder=argmax_decode)
            >>> [round(value, 3) for value in codec.sample_positions(axis=1)]
            [-0.511, 4.064]
        """
        return self._origin[axis], self._crop_px[axis]

    @property
    def _crop_px(self) -> list[float]:
        """Distance of two heatmap pixels along x and y, in crop px."""
        return 2 * [(self.input_wh[0] - 1) / (self.heatmap_wh[0] - 1)]

    @property
    def _origin(self) -> list[float]:
        """Position xy of the first heatmap pixel, in crop px."""
        return [
            (crop - 1) / 2 - px * (heatmap - 1) / 2
            for crop, heatmap, px in zip(self.input_wh, self.heatmap_wh, self._crop_px, strict=True)
        ]


def flip_back(heatmaps: Tensor, flip_order: NDArray[np.int64], shift: bool = False) -> Tensor:
    """Convert heatmaps of mirrored images to those of the original images.

    Heatmaps are mirrored, and left and right joints are exchanged.

    Args:
        heatmaps: (B, K, h, w) heatmaps of mirrored images.
        flip_order: (K,) permutation that exchanges left and right joints.
        shift: move the result one pixel to the right, repeating the first column. This compensates
            for coordinates that are not mirrored at (w - 1) / 2, as in the first version of HRNet's
            code. Coordinates in fidip are mirrored there, so the default is no shift.

    Returns:
        (B, K, h, w) heatmaps.

    Example:
        >>> heatmaps = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
        >>> flip_back(heatmaps, np.array([1, 0])).flatten().tolist()
        [4.0, 3.0, 2.0, 1.0]
    """
    back = heatmaps[:, torch.as_tensor(flip_order, device=heatmaps.device)].flip(-1)
    return torch.cat([back[..., :1], back[..., :-1]], dim=-1) if shift else back


def turn_back(heatmaps: Tensor, degrees: Sequence[float]) -> Tensor:
    """Convert heatmaps of rotated windows to those of the original windows.

    Args:
        heatmaps: (A, B, K, h, w) heatmaps of windows turned clockwise by each of the angles.
        degrees: A angles in degrees.

    Returns:
        (A, B, K, h, w) heatmaps with bilinear interpolation, 0 outside the rotated window.

    Example:
        >>> heatmaps = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> turn_back(heatmaps.view(1, 1, 1, 3, 3), [90]).round(decimals=3).view(3, 3).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    height, width = heatmaps.shape[-2:]
    back = []
    for turned, angle in zip(heatmaps, np.deg2rad(degrees).tolist(), strict=True):
        cos, sin, aspect = math.cos(angle), math.sin(angle), (height - 1) / (width - 1)
        # Position of each pixel in the turned window; both axes run from -1 to 1.
        place = turned.new_tensor([[cos, sin * aspect, 0.0], [-sin / aspect, cos, 0.0]])
        grid = F.affine_grid(
            place.expand(len(turned), 2, 3), list(turned.shape), align_corners=True
        )
        back.append(F.grid_sample(turned, grid, align_corners=True))
    return torch.stack(back)
