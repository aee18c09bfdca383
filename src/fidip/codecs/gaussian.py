"""Gaussian heatmaps of keypoints: batched, on any device, in float32 also under autocast.

A decoder maps (B, K, h, w) heatmaps to (B, K, 2) float32 xy in heatmap px and (B, K) float32
scores, the maxima of the heatmaps. If a maximum is not positive there is no keypoint: xy is (0, 0),
and the score is still the maximum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from fidip.codecs.base import Codec, gaussian_samples
from fidip.core.arrays import ImageSize
from fidip.core.errors import ArgumentError, ConfigError

Decoder = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Maps (B, K, h, w) heatmaps to (B, K, 2) xy in heatmap px and (B, K) scores."""

CENTRAL_DIFFERENCES = (
    (0.0, 0.0, 1.0, 0.0, 0.0),
    (0.0, -0.5, 0.0, 0.5, 0.0),
    (0.25, 0.0, -0.5, 0.0, 0.25),
)
"""Weights of five samples that give value, slope and curvature at the middle one."""

SINGULAR = 1e-6
"""Hessians with a smaller determinant are singular up to float32 rounding: ridges and plateaus."""


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


def argmax_decode(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixel with the maximum of each heatmap, the first one in reading order.

    Args:
        heatmaps: (B, K, h, w) heatmaps.

    Returns:
        (B, K, 2) float32 xy in heatmap px and (B, K) float32 scores.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 4, 5)
        >>> heatmaps[0, 0, 1, 3] = 0.5
        >>> argmax_decode(heatmaps)
        (tensor([[[3., 1.]]]), tensor([[0.5000]]))
    """
    # The row with the maximum, then the pixel in it: faster than one argmax over the map.
    row_maxima = heatmaps.amax(dim=3)
    y = row_maxima.argmax(dim=2, keepdim=True)
    row = heatmaps.gather(2, y[..., None].expand(-1, -1, -1, heatmaps.shape[3]))
    x = row.argmax(dim=3)
    scores = row_maxima.gather(2, y).float()
    return torch.cat([x, y], dim=2) * (scores > 0).float(), scores.squeeze(2)


def quarter_decode(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maximum, moved by 1/4 px towards the higher neighbour along each axis.

    From Newell et al., Stacked Hourglass Networks for Human Pose Estimation, ECCV 2016.

    Args:
        heatmaps: (B, K, h, w) heatmaps.

    Returns:
        (B, K, 2) float32 xy in heatmap px and (B, K) float32 scores.

    Example:
        >>> heatmaps = torch.zeros(1, 1, 7, 7)
        >>> heatmaps[0, 0, 3, 3], heatmaps[0, 0, 3, 4] = 0.5, 0.2
        >>> quarter_decode(heatmaps)[0]
        tensor([[[3.2500, 3.0000]]])
    """
    peaks, scores = argmax_decode(heatmaps)
    around = _patches(heatmaps, peaks, radius=1)
    right_left = around[..., 1, 2] - around[..., 1, 0]
    down_up = around[..., 2, 1] - around[..., 0, 1]
    step = torch.stack([right_left, down_up], dim=2).sign() / 4
    return torch.where(_inside(heatmaps, peaks, 1), peaks + step, peaks), scores


def dark_decode(heatmaps: Tensor, kernel: int = 11) -> tuple[Tensor, Tensor]:
    """Return the maximum, refined by a Gaussian fit to its neighbourhood (DARK).

    From Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation, CVPR
    2020: the Newton step m - H⁻¹ g from the maximum m of the heatmap, with gradient g and Hessian H
    of the logarithm of the blurred heatmap. Maxima at the border, where differences would leave the
    map, are not refined.

    Only 5x5 px around a maximum are blurred. The paper also rescales the blurred map to the
    original maximum, but a factor does not change the derivatives of a logarithm.

    Args:
        heatmaps: (B, K, h, w) heatmaps.
        kernel: width of the blur in heatmap px, odd; 11 for sigma 2, 17 for sigma 3.

    Returns:
        (B, K, 2) float32 xy in heatmap px and (B, K) float32 scores.

    Raises:
        ConfigError: the kernel is not odd.

    Example:
        >>> y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        >>> squared = (x - 15.3).square() + (y - 12.0).square()
        >>> heatmaps = torch.exp(-squared / 8).view(1, 1, 32, 32)
        >>> [round(value, 2) for value in dark_decode(heatmaps)[0][0, 0].tolist()]
        [15.3, 12.0]
    """
    peaks, scores = argmax_decode(heatmaps)
    with torch.autocast(heatmaps.device.type, enabled=False):
        patches = _patches(heatmaps, peaks, radius=kernel // 2 + 2)
        blur = patches.new_tensor(_blur_rows(kernel))
        blurred = blur @ patches @ blur.mT
        step = _newton_step(blurred.clamp(min=1e-10).log())
    return torch.where(_inside(heatmaps, peaks, 2), peaks + step, peaks), scores


def _newton_step(values: Tensor) -> Tensor:
    """Return (B, K, 2) xy steps from the middle of (B, K, 5, 5) values to their extremum.

    Zero where the Hessian is singular.
    """
    differences = values.new_tensor(CENTRAL_DIFFERENCES)
    # [i, j]: differentiated i times along y and j times along x
    derivatives = differences @ values @ differences.mT
    (_, x, xx), (y, xy, _), (yy, _, _) = (row.unbind(-1) for row in derivatives.unbind(-2))
    determinant = xx * yy - xy * xy
    step = torch.stack([xy * y - yy * x, xy * x - xx * y], dim=-1) / determinant[..., None]
    return torch.where(determinant[..., None].abs() > SINGULAR, step, 0)


@lru_cache
def _blur_rows(kernel: int) -> list[list[float]]:
    """Return (5, kernel + 4) weights that blur a row of pixels at its five middle ones."""
    if kernel < 3 or kernel % 2 == 0:
        raise ArgumentError("kernel", kernel, "expected an odd number, 3 or more")
    radius = kernel // 2
    sigma = 0.3 * (radius - 1) + 0.8  # OpenCV's default for a kernel of this width
    distance = np.arange(kernel + 4) - np.arange(radius, radius + 5)[:, None]
    weights = np.exp(-(distance**2) / (2 * sigma**2)) * (abs(distance) <= radius)
    rows: list[list[float]] = (weights / weights.sum(axis=1, keepdims=True)).tolist()
    return rows


def _patches(heatmaps: Tensor, centers: Tensor, radius: int) -> Tensor:
    """Return the float32 neighbourhood of one pixel of every heatmap, zero outside the map.

    Args:
        heatmaps: (B, K, h, w) heatmaps.
        centers: (B, K, 2) xy of pixels.
        radius: number of pixels on every side.

    Returns:
        (B, K, 2 radius + 1, 2 radius + 1) values.
    """
    height, width = heatmaps.shape[2:]
    offsets = torch.arange(-radius, radius + 1, device=heatmaps.device)
    columns, rows = (centers.long()[..., None] + offsets).unbind(dim=2)
    on_map = ((rows >= 0) & (rows < height))[..., :, None]
    on_map = on_map & ((columns >= 0) & (columns < width))[..., None, :]
    index = rows[..., :, None] * width + columns[..., None, :]
    index = index.clamp(0, height * width - 1)
    patches = heatmaps.flatten(2).gather(2, index.flatten(2)).view_as(index)
    return patches.float() * on_map


def _inside(heatmaps: Tensor, xy: Tensor, margin: int) -> Tensor:
    """Return whether pixels are inside the border, as in the code of the papers.

    The border is two pixels wide at the left and top, and ``margin`` pixels at the right and
    bottom.

    Returns:
        (B, K, 1) bool.
    """
    height, width = heatmaps.shape[2:]
    end = xy.new_tensor([width - margin, height - margin])
    return ((xy > 1) & (xy < end)).all(dim=2, keepdim=True)
