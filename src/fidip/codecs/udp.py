"""Unbiased data processing (UDP), the codec of ViTPose.

From Huang et al., The Devil Is in the Details: Delving Into Unbiased Data Processing for Human Pose
Estimation, CVPR 2020. It differs from ``fidip.codecs.gaussian`` in two ways: corners map to
corners, so the pixel spacing of a heatmap differs slightly between x and y; and the maximum is
refined on the whole blurred heatmap, including its border.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import pad

from fidip.codecs.decoders import argmax_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ArgumentError

LOWEST, HIGHEST = 0.001, 50.0
"""Limits of the blurred heatmap before the logarithm."""

BLUR_SIGMA = 0.8
"""Standard deviation of the blur in heatmap px."""
EPSILON = float(np.finfo(np.float32).eps)
"""Added to second derivatives, so that the Hessian is not singular."""


class UdpCodec(HeatmapCodec):
    """Heatmap codec that aligns the corner pixels of heatmap and crop.

    Example:
        >>> codec = UdpCodec((192, 256), (48, 64), sigma=2.0, decoder=dark_udp_decode)
        >>> origin, spacing = codec.sample_positions(axis=1)
        >>> origin, round(origin + 63 * spacing, 3)
        (0.0, 255.0)
    """

    @property
    def _crop_px(self) -> list[float]:
        sides = zip(self.input_wh, self.heatmap_wh, strict=True)
        return [(crop - 1) / (heatmap - 1) for crop, heatmap in sides]


def dark_udp_decode(heatmaps: Tensor, kernel: int = 11) -> tuple[Tensor, Tensor]:
    """Return the maximum, refined by one Newton step on the logarithm of the blurred heatmap.

    The step of DARK (see ``dark_decode``), also at the border. The results equal those of the
    ViTPose image processor in ``transformers``, computed for all maps at once.

    Args:
        heatmaps: (B, K, h, w) heatmaps.
        kernel: width of the blur in heatmap px, odd.

    Returns:
        (B, K, 2) float32 xy in heatmap px and (B, K) float32 scores.

    Raises:
        ConfigError: the kernel is not odd.

    Example:
        >>> y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        >>> squared = (x - 15.3).square() + (y - 12.0).square()
        >>> heatmaps = torch.exp(-squared / 8).view(1, 1, 32, 32)
        >>> [round(value, 1) for value in dark_udp_decode(heatmaps)[0][0, 0].tolist()]
        [15.3, 12.0]
    """
    peaks, scores = argmax_decode(heatmaps)
    height, width = heatmaps.shape[2:]
    values = heatmaps.float()
    rows, columns = (
        torch.from_numpy(_blur(length, kernel)).to(values.device) for length in (height, width)
    )
    logs = (rows @ values @ columns.mT).clamp(LOWEST, HIGHEST).log()
    around = _surroundings(logs, peaks)
    return torch.where(scores[..., None] > 0, peaks - _newton(around), peaks), scores


def _surroundings(values: Tensor, peaks: Tensor) -> Tensor:
    """Return (B, K, 9) values of 3x3 px around (B, K, 2) pixels; borders are replicated."""
    width = values.shape[3] + 2
    flat = pad(values, (1, 1, 1, 1), mode="replicate").flatten(2)
    x, y = peaks.long().unbind(dim=2)
    middle = (y + 1) * width + x + 1
    steps = torch.tensor([dy * width + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    return flat.gather(2, middle[..., None] + steps.to(middle.device))


def _newton(around: Tensor) -> Tensor:
    """Return (B, K, 2) inverse Hessian times gradient at the middle of (B, K, 9) values."""
    up_left, up, _, left, middle, right, _, down, down_right = around.unbind(dim=-1)
    dx, dy = (right - left) / 2, (down - up) / 2
    xx = right - 2 * middle + left + EPSILON
    yy = down - 2 * middle + up + EPSILON
    xy = (down_right - right - down + middle + middle - left - up + up_left) / 2
    determinant = xx * yy - xy * xy
    return torch.stack([yy * dx - xy * dy, xx * dy - xy * dx], dim=-1) / determinant[..., None]


@lru_cache
def _blur(length: int, kernel: int) -> NDArray[np.float32]:
    """Return (length, length) weights that blur a row of pixels, mirrored at its ends."""
    if kernel < 3 or kernel % 2 == 0:
        raise ArgumentError("kernel", kernel, "expected an odd number, 3 or more")
    blurred = gaussian_filter1d(np.eye(length), BLUR_SIGMA, axis=0, radius=kernel // 2)
    return np.asarray(blurred, dtype=np.float32)
