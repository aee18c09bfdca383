"""SimCC: keypoint coordinates by two classifications, one over x and one over y.

From Li et al., SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation,
ECCV 2022, arXiv:2107.03332, with the labels of Jiang et al., RTMPose, arXiv:2303.07399: Gaussians
of height 1 with standard deviation sqrt(n / 16) for n bins.

The maps of a crop are (K, Wx + Hy): for each joint the scores of the Wx bins along x, then those of
the Hy bins along y. Bin i is at i / r crop px, where r is the number of bins per pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.codecs.base import Codec, gaussian_samples
from fidip.core.arrays import ImageSize
from fidip.core.errors import ArgumentError, ConfigError


@dataclass(frozen=True)
class SimccCodec(Codec):
    """Keypoints in crop px as Gaussians over the bins of x and y, and back.

    Attributes:
        input_wh: (width, height) of the crops in px.
        bins_wh: number of bins along x and y: the same multiple of both sides.
        sigma: standard deviations of the Gaussians along x and y in bins.

    Raises:
        ConfigError: the aspect ratios differ, or a sigma is not positive.

    Example:
        >>> codec = SimccCodec((192, 256), (384, 512), sigma=(4.9, 5.66))
        >>> maps, _ = codec.encode(torch.tensor([[[100.0, 120.5]]]), torch.ones(1, 1))
        >>> maps.shape, codec.decode(maps)[0].tolist()
        (torch.Size([1, 1, 896]), [[[100.0, 120.5]]])
    """

    input_wh: ImageSize
    bins_wh: ImageSize
    sigma: tuple[float, float]

    can_turn_back = False

    def __post_init__(self) -> None:
        for name in (
            "input_wh",
            "bins_wh",
            "sigma",
        ):  # plain tuples instead of configuration lists
            along_x, along_y = getattr(self, name)
            object.__setattr__(self, name, (along_x, along_y))
        (width, height), (bins_x, bins_y) = self.input_wh, self.bins_wh
        if width * bins_y != height * bins_x:
            raise ArgumentError(
                "bins_wh",
                (bins_x, bins_y),
                f"aspect ratio differs from input_wh={[width, height]}; expected both sides of "
                "input_wh multiplied by the same number",
            )
        if min(self.sigma) <= 0:
            raise ArgumentError("sigma", self.sigma, "expected more than 0 bins")

    @property
    def bins_per_px(self) -> float:
        """Number of bins per crop pixel, called split ratio in the papers."""
        return self.bins_wh[0] / self.input_wh[0]

    def map_shape(self, joints: int) -> tuple[int, ...]:
        """Return (K, Wx + Hy)."""
        return joints, sum(self.bins_wh)

    def encode(self, joints_crop: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """Encode coordinates as Gaussians of height 1 with subbin centres.

        Args:
            joints_crop: (B, K, 2) xy in crop px.
            labelled: (B, K), 1 where the joint is labelled, else 0.

        Returns:
            (B, K, Wx + Hy) float32 maps, zero where the weight is zero, and (B, K) float32 weights:
            0 where a joint is not labelled or more than three sigma outside the bins, else 1.
        """
        at = joints_crop.float() * self.bins_per_px
        reach, size = 3 * at.new_tensor(self.sigma), at.new_tensor(self.bins_wh)
        weights = labelled.float() * ((at - reach < size) & (at + reach + 1 >= 0)).all(dim=2)
        axes = zip(at.unbind(dim=2), self.bins_wh, self.sigma, strict=True)
        maps = torch.cat([gaussian_samples(*axis) for axis in axes], dim=2)
        return maps * weights[..., None], weights

    def decode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bins with the highest scores.

        Args:
            maps: (B, K, Wx + Hy) maps.

        Returns:
            (B, K, 2) float32 xy in crop px, 0 where the score is not positive, and (B, K) float32
            scores: the mean of the maxima along both axes, as in rtmlib. (MMPose uses the smaller
                one.)

        Raises:
            ConfigError: the maps have another shape.
        """
        along_x, along_y = (axis.float().max(dim=2) for axis in self.split(maps))
        scores = (along_x.values + along_y.values) / 2
        bins = torch.stack([along_x.indices, along_y.indices], dim=2).float()
        return bins / self.bins_per_px * (scores > 0)[..., None], scores

    def flip_back(self, maps: Tensor, flip_order: NDArray[np.int64], shift: bool = False) -> Tensor:
        """Convert maps of mirrored crops to those of the original crops.

        Crop px x becomes W - 1 - x, and bin i becomes r (W - 1) - i. The last r - 1 bins have no
        counterpart and get the score of the first bin.

        Args:
            maps: (B, K, Wx + Hy) maps of mirrored crops.
            flip_order: (K,) permutation that exchanges left and right joints.
            shift: not supported.

        Returns:
            (B, K, Wx + Hy) maps.

        Raises:
            ConfigError: ``shift`` is set.
        """
        if shift:
            raise ConfigError(
                "flip_shift=true: SimCC's maps are mirrored exactly; set flip_shift=false"
            )
        x, y = self.split(maps[:, torch.as_tensor(flip_order, device=maps.device)])
        bins = torch.arange(self.bins_wh[0], device=maps.device)
        last = round(self.bins_per_px * (self.input_wh[0] - 1))
        return torch.cat([x[..., (last - bins).clamp(min=0)], y], dim=-1)

    def split(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Split maps by axis.

        Args:
            maps: (B, K, Wx + Hy) maps.

        Returns:
            (B, K, Wx) maps along x and (B, K, Hy) maps along y.

        Raises:
            ConfigError: the maps have another shape.
        """
        if maps.ndim != 3 or maps.shape[2] != sum(self.bins_wh):
            raise ConfigError(
                f"net: gives maps of shape {tuple(maps.shape[1:])}; expected "
                f"{self.map_shape(maps.shape[1])} (joints, bins) of SimccCodec. Choose a net with "
                "fidip.nn.SimccHead, such as net=resnet50_simcc, or another codec="
            )
        x, y = maps.split(self.bins_wh, dim=2)
        return x, y
