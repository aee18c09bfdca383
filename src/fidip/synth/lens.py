"""What a camera makes of linear light: lens, sensor, white balance and tone curve."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.synth.look import Look

Pixels = NDArray[np.float32]


def photograph(radiance: Pixels, look: Look, rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera makes of linear light: lens, sensor, white balance and tone curve."""
    image = radiance
    defocus, motion = rng.uniform(0, look.defocus), rng.uniform(0, look.motion)
    if defocus > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), defocus)
    if motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, rng.uniform(0, np.pi)))
    gain = 2 ** rng.normal(0, look.exposure) * np.clip(1 + look.tint * rng.normal(size=3), 0.6, 1.5)
    image = np.clip(image * gain.astype(np.float32), 0, None)
    sigma = rng.uniform(0, look.noise)
    if sigma > 0:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        image += np.float32(sigma) * grain * np.sqrt(0.1 + 0.9 * np.minimum(image, 1))
    return np.rint(255 * np.clip(image, 0, 1) ** np.float32(1 / 2.2)).astype(np.uint8)


def _streak(length: float, angle: float) -> Pixels:
    """A line as a blur kernel, px."""
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    end = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (size - 1) / 2
    start = tuple(int(v) for v in np.rint(middle - end))
    stop = tuple(int(v) for v in np.rint(middle + end))
    cv2.line(kernel, start, stop, 1.0)
    return kernel / kernel.sum()
