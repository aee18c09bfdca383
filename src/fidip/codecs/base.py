"""Interface of codecs, which convert keypoints in crop px to the maps of a network and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.arrays import ImageSize


def gaussian_samples(center: Tensor, length: int, sigma: float) -> Tensor:
    """Return samples of Gaussians at 0, 1, ...

    Args:
        center: (B, K) centres.
        length: number of samples.
        sigma: standard deviation.

    Returns:
        (B, K, length) samples.

    Example:
        >>> gaussian_samples(torch.ones(1, 1), 3, sigma=1.0)
        tensor([[[0.6065, 1.0000, 0.6065]]])
    """
    distance = torch.arange(length, device=center.device) - center[..., None]
    return torch.exp(-distance.square() / (2 * sigma**2))


class Codec(ABC):
    """Conversion of keypoints in crop px to one tensor of maps, and back.

    Attributes:
        input_wh: (width, height) of the crops in px.
        can_turn_back: whether ``turn_back`` is implemented.
    """

    input_wh: ImageSize
    can_turn_back: bool = True

    @abstractmethod
    def map_shape(self, joints: int) -> tuple[int, ...]:
        """Return the shape of the maps of one crop.

        Args:
            joints: number of keypoints.
        """

    @abstractmethod
    def encode(self, joints_crop: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """Return the target maps of keypoints and their loss weights.

        Args:
            joints_crop: (B, K, 2) xy in crop px.
            labelled: (B, K), 1 where the joint is labelled, else 0.

        Returns:
            Maps of shape ``(B, *map_shape(K))``, and weights that depend on the codec.
        """

    @abstractmethod
    def decode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keypoints in maps.

        Args:
            maps: maps of shape ``(B, *map_shape(K))``.

        Returns:
            (B, K, 2) float32 xy in crop px and (B, K) float32 scores.
        """

    @abstractmethod
    def flip_back(self, maps: Tensor, flip_order: NDArray[np.int64], shift: bool = False) -> Tensor:
        """Convert maps of mirrored crops to those of the original crops.

        Args:
            maps: maps of mirrored crops, shape ``(B, *map_shape(K))``.
            flip_order: (K,) permutation that exchanges left and right joints.
            shift: move the result by one pixel; see ``fidip.codecs.gaussian.flip_back``.

        Returns:
            Maps of the same shape.
        """

    def turn_back(self, maps: Tensor, degrees: Sequence[float]) -> Tensor:
        """Convert maps of rotated windows to those of the original windows.

        Args:
            maps: (A, B, ...) maps of windows that were turned clockwise by A angles.
            degrees: A angles in degrees.

        Returns:
            Maps of the same shape.

        Raises:
            NotImplementedError: ``can_turn_back`` is false.
        """
        raise NotImplementedError
