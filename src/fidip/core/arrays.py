"""Short names of array types, and a check of shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB image."""
Pixels = NDArray[np.float32]
"""(H, W, 3) RGB or (H, W) float32 image with values from 0 to 1."""
Scores = NDArray[np.float32]
"""(..., K) float32 keypoint confidences."""
ImageSize = tuple[int, int]
"""(width, height) in px."""


def check_shape(owner: object, name: str, expected: tuple[int | str, ...]) -> None:
    """Check the shape of an array attribute.

    Args:
        owner: object that has the attribute.
        name: name of the attribute.
        expected: expected size of each dimension; a string stands for any size.

    Raises:
        ValueError: the shape differs.

    Example:
        >>> from fidip.core.poses import Poses
        >>> poses = Poses.of_keypoints(np.ones((2, 17, 2)), np.ones((2, 17), np.float32))
        >>> check_shape(poses, "xy", ("N", 17, 2))
    """
    shape = tuple(getattr(owner, name).shape)
    agrees = len(shape) == len(expected) and all(
        isinstance(want, str) or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not agrees:
        kind = type(owner).__name__
        raise ValueError(f"{kind}.{name} has shape {shape}, expected {expected}")
