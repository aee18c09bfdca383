"""Decoders of heatmaps: batched, on any device, in float32 also under autocast.

A decoder maps (B, K, h, w) heatmaps to (B, K, 2) float32 xy in heatmap px and (B, K) float32
scores, the maxima of the heatmaps. If a maximum is not positive there is no keypoint: xy is (0, 0),
and the score is still the maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from fidip.core.errors import ArgumentError

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
