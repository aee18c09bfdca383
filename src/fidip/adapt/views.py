"""Random views of crops: affine maps and colours, and warping by them.

A view is a crop that is rotated, sheared and scaled around its middle, with other colours. All
affines map crop px of the original crop to crop px of the view; pixel centres are integers, as in
``fidip.core.geometry``. Draws are functions of seed, update and sample only, so they do not depend
on the number of processes or on the composition of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.arrays import Floats, ImageSize
from fidip.core.errors import ArgumentError
from fidip.core.geometry import invert_affine

DRAWS = 6
"""Random numbers of one view."""

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma of ITU-R BT.601."""


class View(NamedTuple):
    """Views of B crops.

    Attributes:
        affine: (B, 2, 3) float64 affines from the crops to their views, in crop px.
        colour: (B, 3) float64 factors of brightness, contrast and saturation.
    """

    affine: Floats
    colour: Floats


@dataclass(frozen=True)
class AffineViews:
    """Ranges that views are drawn from, uniformly; the defaults are those of UDAPE.

    From Kim et al., A Unified Framework for Domain Adaptive Pose Estimation, ECCV 2022.

    Attributes:
        rotation_deg: largest rotation to either side.
        shear_deg: largest shear angle along x to either side, before the rotation; less than 90.
        scale: smallest and largest magnification.
        colour: largest relative change of brightness, contrast and saturation, 0 to 1.

    Raises:
        ArgumentError: a range is empty, or a view could be singular.
    """

    rotation_deg: float = 60.0
    shear_deg: float = 30.0
    scale: tuple[float, float] = (0.6, 1.3)
    colour: float = 0.25

    def __post_init__(self) -> None:
        lowest, highest = self.scale
        object.__setattr__(self, "scale", (lowest, highest))
        if not 0 < lowest <= highest:
            raise ArgumentError("scale", [lowest, highest], "expected 0 < smallest <= largest")
        if not 0 <= self.shear_deg < 90:
            raise ArgumentError("shear_deg", self.shear_deg, "expected 0 to less than 90 degrees")

    def draw(self, uniform: Floats, crop_wh: ImageSize) -> View:
        """Return the views for random numbers.

        Args:
            uniform: (B, 6) numbers from 0 to 1 for rotation, shear, scale, brightness, contrast and
                saturation, see ``uniform_draws``; .5 is the middle of a range.
            crop_wh: (width, height) of the crops in px.

        Returns:
            The views.

        Example:
            >>> views = AffineViews(rotation_deg=90, scale=(1.0, 1.0))
            >>> view = views.draw(np.array([[1.0, 0.5, 0.5, 0.5, 0.5, 1.0]]), (5, 3))
            >>> view.affine.round(6), view.colour
            (array([[[ 0., -1.,  3.],
                    [ 1.,  0., -1.]]]), array([[1.  , 1.  , 1.25]]))
        """
        signed = 2 * np.asarray(uniform, dtype=np.float64) - 1
        rotation = np.deg2rad(self.rotation_deg * signed[:, 0])
        shear = np.tan(np.deg2rad(self.shear_deg * signed[:, 1]))
        lowest, highest = self.scale
        scale = lowest + (highest - lowest) * np.asarray(uniform)[:, 2]
        affine = _around_middle(rotation, shear, scale, crop_wh)
        return View(affine, 1 + self.colour * signed[:, 3:DRAWS])


def _around_middle(rotation: Floats, shear: Floats, scale: Floats, crop_wh: ImageSize) -> Floats:
    """Return (B, 2, 3) affines that shear along x, rotate by an angle in rad, and scale."""
    cos, sin = scale * np.cos(rotation), scale * np.sin(rotation)
    rows = [[cos, cos * shear - sin], [sin, sin * shear + cos]]
    linear = np.moveaxis(np.array(rows), -1, 0)
    middle = (np.array(crop_wh, dtype=np.float64) - 1) / 2
    return np.concatenate([linear, (middle - linear @ middle)[..., None]], axis=-1)


def uniform_draws(seed: int, update: int, indices: Iterable[int], count: int) -> Floats:
    """Return random numbers for the samples of an update.

    Args:
        seed: seed of the run.
        update: number of the update.
        indices: positions of the B samples in their dataset.
        count: number of draws for each sample.

    Returns:
        (B, count) numbers, 0 to less than 1; a row depends on seed, update and its index only.

    Example:
        >>> first = uniform_draws(0, 7, [3, 5], 2)
        >>> first.shape, bool((first[1] == uniform_draws(0, 7, [5], 2)[0]).all())
        ((2, 2), True)
    """
    rows = [np.random.default_rng((seed, update, int(i))).random(count) for i in indices]
    return np.array(rows, dtype=np.float64).reshape(-1, count)


def apply_views(crops: Tensor, view: View) -> Tensor:
    """Return views of crops, black where a view leaves its crop.

    Args:
        crops: (B, 3, H, W) RGB crops, values 0 to 255.
        view: the views.

    Returns:
        (B, 3, H, W) RGB views of the dtype of ``crops``, or float32 for integers; 0 to 255.

    Example:
        >>> still = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> brighter = View(still, np.array([[2.0, 1.0, 1.0]]))
        >>> apply_views(torch.full((1, 3, 2, 2), 100), brighter).unique()
        tensor([200.])
    """
    values = crops if crops.is_floating_point() else crops.float()
    return warp(recolour(values, view.colour), view.affine)


def recolour(crops: Tensor, colour: Floats) -> Tensor:
    """Scale brightness, then contrast, then saturation.

        x <- b x,  x <- m + c (x - m),  x <- g + s (x - g)

    m is the mean luma of the crop, and g the luma of the pixel.

    Args:
        crops: (B, 3, H, W) RGB crops, values 0 to 255.
        colour: (B, 3) factors b, c and s.

    Returns:
        (B, 3, H, W) crops, clipped to 0 to 255.

    Example:
        >>> grey = torch.tensor([100.0, 200.0]).expand(1, 3, 1, 2)
        >>> recolour(grey, np.array([[1.0, 0.5, 9.0]]))[0, 0].round()
        tensor([[125., 175.]])
    """
    factors = torch.as_tensor(colour).to(crops)
    brightness, contrast, saturation = factors[..., None, None, None].unbind(1)
    values = brightness * crops
    mean = _luma(values).mean(dim=(2, 3), keepdim=True)
    values = mean + contrast * (values - mean)
    luma = _luma(values)
    return (luma + saturation * (values - luma)).clamp(0, 255)


def _luma(crops: Tensor) -> Tensor:
    """Return the (B, 1, H, W) luma of crops."""
    return (crops * crops.new_tensor(GREY).view(3, 1, 1)).sum(dim=1, keepdim=True)


def warp(images: Tensor, affine: Floats) -> Tensor:
    """Move the content of images by affines: out(A x) = in(x), 0 outside the images.

    Args:
        images: (B, C, H, W) images or heatmaps.
        affine: (B, 2, 3) affines A in their px.

    Returns:
        (B, C, H, W) images with bilinear interpolation.

    Example:
        >>> right = np.array([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
        >>> warp(torch.tensor([[[[1.0, 2.0, 3.0]] * 2]]), right)[0, 0, 0]
        tensor([0., 1., 2.])
    """
    height, width = images.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([x, y], dim=-1).view(1, -1, 2).to(images)
    source = move_points(pixels, invert_affine(affine))
    # Both axes of grid_sample run from -1 to 1 between the first and the last pixel centre.
    last = images.new_tensor([width - 1, height - 1]).clamp(min=1)
    grid = (2 * source / last - 1).view(len(images), height, width, 2)
    return F.grid_sample(images, grid, align_corners=True)


def heatmap_affine(affine: Floats, codec: HeatmapCodec) -> Floats:
    """Return affines between crops as affines between their heatmaps.

    Args:
        affine: (..., 2, 3) affines in crop px.
        codec: knows where the pixels of a heatmap are in the crop.

    Returns:
        (..., 2, 3) affines in heatmap px.

    Example:
        >>> from fidip.codecs.decoders import argmax_decode
        >>> codec = HeatmapCodec((9, 9), (5, 5), sigma=1.0, decoder=argmax_decode)
        >>> heatmap_affine(np.array([[1.0, 0.0, 4.0], [0.0, 1.0, 0.0]]), codec)
        array([[1., 0., 2.],
               [0., 1., 0.]])
    """
    origin, spacing = np.array([codec.sample_positions(axis) for axis in (0, 1)]).T
    linear = affine[..., :2] * spacing / spacing[:, None]
    moved = affine[..., :2] @ origin + affine[..., 2] - origin
    return np.concatenate([linear, (moved / spacing)[..., None]], axis=-1)


def compose_affines(after: Floats, before: Floats) -> Floats:
    """Return affines that apply one affine after another.

    Args:
        after: (..., 2, 3) affines that are applied second.
        before: (..., 2, 3) affines that are applied first.

    Returns:
        (..., 2, 3) affines.

    Example:
        >>> double = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
        >>> compose_affines(double, np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]]))
        array([[2., 0., 6.],
               [0., 2., 0.]])
    """
    moved: Floats = after[..., :2] @ before
    moved[..., 2] += after[..., 2]
    return moved


def move_points(xy: Tensor, affine: Floats) -> Tensor:
    """Map points by affines, on the device of the points.

    Args:
        xy: (B, K, 2) points, or (1, K, 2) for the same ones in all affines.
        affine: (B, 2, 3) affines.

    Returns:
        (B, K, 2) points.

    Example:
        >>> move_points(torch.ones(1, 1, 2), np.array([[[2.0, 0.0, 5.0], [0.0, 3.0, 0.0]]]))
        tensor([[[7., 3.]]])
    """
    matrix = torch.as_tensor(affine).to(xy)
    # Not a matrix product, which automatic mixed precision would round to 8 or 11 bits.
    return (xy[..., None, :] * matrix[:, None, :, :2]).sum(dim=-1) + matrix[:, None, :, 2]
