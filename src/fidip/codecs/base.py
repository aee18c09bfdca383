"""What every codec offers: keypoints in crop px to the maps that a network learns, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.types import ImageSize


class Codec(ABC):
    """Keypoints in crop px as one tensor of maps, and back.

    Attributes:
        input_wh: (width, height) of the crops in px.
        can_turn_back: whether ``turn_back`` is possible.
    """

    input_wh: ImageSize
    can_turn_back: bool = True

    @abstractmethod
    def map_shape(self, joints: int) -> tuple[int, ...]:
        """Shape of the maps of one crop with so many keypoints."""

    @abstractmethod
    def encode(self, joints_crop: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps of (B, K, 2) xy in crop px, and the weights of their losses.

        ``labelled`` is (B, K), 1 where the joint is labelled, else 0.
        """

    @abstractmethod
    def decode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, K, 2) float32 xy in crop px and (B, K) float32 scores."""

    @abstractmethod
    def flip_back(self, maps: Tensor, flip_order: NDArray[np.int64], shift: bool = False) -> Tensor:
        """Return maps of mirrored crops as if the crops were not mirrored.

        Args:
            maps: of mirrored crops.
            flip_order: (K,) permutation that exchanges left and right joints.
            shift: move the result by one pixel; see ``fidip.codecs.gaussian.flip_back``.
        """

    def turn_back(self, maps: Tensor, degrees: Sequence[float]) -> Tensor:
        """Return (A, B, ...) maps of windows turned by A angles as if they were not turned."""
        raise NotImplementedError  # see can_turn_back
