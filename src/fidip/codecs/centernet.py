"""Codec of MoveNet: the centre of a person, and keypoints by heatmap, regression and offset.

From Zhou et al., Objects as Points, arXiv:1904.07850, with the two priors of Google's MoveNet: the
person is near the middle of the crop, and a joint is near the position that the centre predicts.

Maps have one pixel, a cell, for 4x4 px of the crop. Cell coordinates are crop px / 4, and the cell
of a joint is their integer part: cell j contains crop px 4 j to 4 j + 4, and a peak of its heatmap
stands for 4 j + 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.codecs.decoders import Decoder, argmax_decode
from fidip.codecs.gaussian import HeatmapCodec, flip_back, turn_back
from fidip.core.errors import ConfigError

NEAR = 1.7998046875
"""Added to distances, so that nearby cells have similar weights: 1.8 cells in half precision."""

CENTER_REACH, OFFSET_REACH = 2.0, 1.0
"""Distance in cells from a centre or a keypoint up to which vectors are trained."""


class Maps(NamedTuple):
    """Maps of ``fidip.nn.MoveNetFullHead``; vectors are in cells.

    Attributes:
        center: (B, 1, h, w) scores of the centre of the person.
        heatmaps: (B, K, h, w) scores of keypoints.
        regress: (B, K, 2, h, w) yx from each cell to the keypoints of a person centred there.
        offset: (B, K, 2, h, w) yx from each cell to the keypoint in it.
    """

    center: Tensor
    heatmaps: Tensor
    regress: Tensor
    offset: Tensor

    @classmethod
    def split(cls, maps: Tensor) -> Maps:
        """Return the maps in one tensor.

        Args:
            maps: (B, 1 + 5 K, h, w) maps.

        Raises:
            ConfigError: the number of maps is not 1 + 5 K.

        Example:
            >>> Maps.split(torch.zeros(1, 86, 48, 48)).regress.shape
            torch.Size([1, 17, 2, 48, 48])
        """
        joints, rest = divmod(maps.shape[1] - 1, 5)
        if rest or not joints:
            raise ConfigError(
                f"codec: MoveNetCodec cannot read {maps.shape[1]} maps; expected 1 + 5 K for K "
                "joints. Use net=movenet_lightning_full or movenet_thunder_full, or another codec"
            )
        center, heatmaps, regress, offset = maps.split([1, joints, 2 * joints, 2 * joints], dim=1)
        return cls(center, heatmaps, *(v.unflatten(1, (joints, 2)) for v in (regress, offset)))

    def join(self) -> Tensor:
        """Return the maps as one (B, 1 + 5 K, h, w) tensor; inverse of ``split``."""
        vectors = (vector.flatten(1, 2) for vector in (self.regress, self.offset))
        return torch.cat([self.center, self.heatmaps, *vectors], dim=1)


@dataclass(frozen=True)
class MoveNetCodec(HeatmapCodec):
    """Keypoints in crop px as the 1 + 5 K maps of MoveNet, and back.

    Attributes:
        input_wh: (width, height) of the crops in px.
        heatmap_wh: (width, height) of the maps in cells, with the same aspect ratio.
        sigma: standard deviation of the Gaussians in cells.
        decoder: finds the cell of each keypoint on its score map.

    Example:
        >>> codec = MoveNetCodec((192, 192), (48, 48), sigma=2.0)
        >>> maps, _ = codec.encode(torch.tensor([[[100.0, 121.0]]]), torch.ones(1, 1))
        >>> codec.decode(maps)[0]
        tensor([[[100., 121.]]])
    """

    decoder: Decoder = argmax_decode

    def map_shape(self, joints: int) -> tuple[int, ...]:
        """Return (1 + 5 K, h, w)."""
        return 1 + 5 * joints, *self.heatmap_wh[::-1]

    def encode(self, joints_crop: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the centre and the joints as Gaussians, and vectors to the joints around them.

        The centre is the mean of the labelled joints.

        Args:
            joints_crop: (B, K, 2) xy in crop px.
            labelled: (B, K), 1 where the joint is labelled, else 0.

        Returns:
            (B, 1 + 5 K, h, w) float32 maps, and weights of the same shape. Weights of scores are 0
            where a joint is not labelled or not near the map, else 1. Weights of vectors are also 0
            away from the centre or the joint.
        """
        labelled = labelled.float()
        count = labelled.sum(dim=1, keepdim=True)
        center = (joints_crop * labelled[..., None]).sum(dim=1, keepdim=True)
        center = center / count[..., None].clamp(min=1)
        points = torch.cat([center, joints_crop], dim=1).float()
        scores, weights = super().encode(points, torch.cat([count.clamp(max=1), labelled], dim=1))
        vectors = self._vectors(points)
        far = (vectors - 0.5).abs().amax(dim=2, keepdim=True)
        at_center = (far[:, :1] <= CENTER_REACH) * labelled[..., None, None, None]
        at_joint = (far[:, 1:] <= OFFSET_REACH) * weights[:, 1:, None, None, None]
        target = Maps(scores[:, :1], scores[:, 1:], vectors[:, 1:], vectors[:, 1:])
        of_scores = weights[..., None, None].expand_as(scores)
        of_vectors = (each.expand_as(vectors[:, 1:]) for each in (at_center, at_joint))
        weight = Maps(of_scores[:, :1], of_scores[:, 1:], *of_vectors)
        return target.join(), weight.join()

    def decode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keypoints in maps.

        Args:
            maps: (B, 1 + 5 K, h, w) maps.

        Returns:
            (B, K, 2) float32 xy in crop px and (B, K) float32 scores.

        Raises:
            ConfigError: the number of maps is not 1 + 5 K.
        """
        center, heatmaps, regress, offset = Maps.split(maps.float())
        cell_xy, _ = argmax_decode(center * _center_prior(center))
        expected_yx = cell_xy.flip(2) + _at(regress, cell_xy)
        cells_xy, _ = self.decoder(heatmaps / _distances(heatmaps, expected_yx).add_(NEAR))
        cells_xy = cells_xy.round()
        xy = (cells_xy + _at(offset, cells_xy).flip(2)) * self._crop_px[0]
        return xy, _at(heatmaps[:, :, None], cells_xy).squeeze(2)

    def flip_back(
        self, heatmaps: Tensor, flip_order: NDArray[np.int64], shift: bool = False
    ) -> Tensor:
        """Convert maps of mirrored images to those of the original images, including the vectors.

        Args:
            heatmaps: (B, 1 + 5 K, h, w) maps of mirrored images.
            flip_order: (K,) permutation that exchanges left and right joints.
            shift: not supported.

        Returns:
            (B, 1 + 5 K, h, w) maps.

        Raises:
            ConfigError: ``shift`` is set.
        """
        if shift:
            raise ConfigError(
                "flip_shift=true: MoveNet's maps are mirrored exactly; set flip_shift=false"
            )
        # Crop px x becomes W - 1 - x, and cell j becomes w - 1 - j.
        start = 1 - 1 / self._crop_px[0]
        order = torch.as_tensor(flip_order, device=heatmaps.device)
        center, scores, *vectors = Maps.split(heatmaps)
        sign, add = (heatmaps.new_tensor(v).view(2, 1, 1) for v in ([1.0, -1.0], [0.0, start]))
        mirrored = (vector[:, order].flip(-1) * sign + add for vector in vectors)
        return Maps(center.flip(-1), flip_back(scores, flip_order), *mirrored).join()

    def turn_back(self, heatmaps: Tensor, degrees: Sequence[float]) -> Tensor:
        """Convert maps of rotated windows to those of the original windows, including the vectors.

        Args:
            heatmaps: (A, B, 1 + 5 K, h, w) maps of windows turned clockwise by each of the angles.
            degrees: A angles in degrees.

        Returns:
            (A, B, 1 + 5 K, h, w) maps.
        """
        turned = turn_back(heatmaps, degrees)
        # Crops turn around (W - 1) / 2 px, and maps around cell (w - 1) / 2.
        fixed = (1 - 1 / self._crop_px[0]) / 2
        back = (
            _turn_vectors(maps, math.radians(angle), fixed)
            for maps, angle in zip(turned, degrees, strict=True)
        )
        return torch.stack(list(back))

    def _vectors(self, points: Tensor) -> Tensor:
        """Return (B, N, 2, h, w) yx vectors in cells, from each cell to points xy in crop px."""
        at = points.flip(2)[..., None, None] / self._crop_px[0]
        return at - _grid(self.heatmap_wh[1], self.heatmap_wh[0], points.device)

    @property
    def _crop_px(self) -> list[float]:
        return 2 * [self.input_wh[0] / self.heatmap_wh[0]]

    @property
    def _origin(self) -> list[float]:
        return [px / 2 for px in self._crop_px]


def _turn_vectors(maps: Tensor, angle: float, fixed: float) -> Tensor:
    """Rotate the vectors of (B, 1 + 5 K, h, w) maps by an angle in rad.

    Args:
        maps: the maps.
        angle: angle in rad.
        fixed: both coordinates in cells of the vector that remains the same.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    turn = maps.new_tensor([[cos, sin], [-sin, cos]])  # of yx
    center, scores, *vectors = Maps.split(maps)
    turned = (torch.einsum("ij,bkjhw->bkihw", turn, v - fixed) + fixed for v in vectors)
    return Maps(center, scores, *turned).join()


def _grid(height: int, width: int, device: torch.device) -> Tensor:
    """Return (2, h, w) float32 yx of cells."""
    y = torch.arange(height, dtype=torch.float32, device=device)
    x = torch.arange(width, dtype=torch.float32, device=device)
    return torch.stack([y[:, None].expand(height, width), x.expand(height, width)])


def _distances(maps: Tensor, points_yx: Tensor) -> Tensor:
    """Return (B, K, h, w) distances of all cells from (B, K, 2) points, in cells."""
    rows, columns = (
        torch.arange(n, dtype=torch.float32, device=maps.device) for n in maps.shape[2:]
    )
    y, x = points_yx.unsqueeze(-1).unbind(dim=2)  # (B, K, 1)
    squares = (rows - y).square()[..., None] + (columns - x).square()[..., None, :]
    return squares.sqrt_()


def _center_prior(maps: Tensor) -> Tensor:
    return torch.tensor(prior_rows(*maps.shape[2:]), dtype=torch.float32, device=maps.device)


@lru_cache
def prior_rows(height: int, width: int) -> list[list[float]]:
    """Return weights that decrease with the distance from the middle, as stored in MoveNet.

    Args:
        height: number of rows of cells.
        width: number of columns of cells.

    Returns:
        (h, w) weights in half precision.

    Example:
        >>> rows = prior_rows(48, 48)
        >>> rows[24][24], rows[0][0]
        (0.5556640625, 0.027984619140625)
    """
    y, x = np.ogrid[:height, :width]
    weights = 1 / (np.hypot(y - height / 2, x - width / 2) + 1.8)
    rows: list[list[float]] = weights.astype(np.float16).astype(np.float64).tolist()
    return rows


def _at(maps: Tensor, cells_xy: Tensor) -> Tensor:
    """Return (B, K, n) values of (B, K, n, h, w) maps at (B, K, 2) or (B, 1, 2) cells."""
    x, y = cells_xy.long().unbind(dim=2)
    index = (y * maps.shape[4] + x)[..., None, None].expand(*maps.shape[:3], 1)
    return maps.flatten(3).gather(3, index).squeeze(3)
