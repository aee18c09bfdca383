"""Short names of array types, for type hints."""

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
