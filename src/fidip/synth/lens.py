"""What a camera makes of linear light: lens, sensor, white balance and tone curve."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.synth.look import Look

Pixels = NDArray[np.float32]


def photograph(
    radiance: Pixels, depth: Pixels, focus: float, look: Look, rng: np.random.Generator,
    style: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """(H, W, 3) sRGB of linear light.

    Args:
        radiance: (H, W, 3) linear RGB.
        depth: metres, of the same view in any number of pixels; ``focus`` is the depth that is sharp.
        look: statistics of lens and sensor.
        rng, style: random streams of the first looks' values and of those that came later.
    """
    image = _depth_of_field(radiance, depth, focus, style.uniform(0, look.depth_of_field))
    defocus, motion = rng.uniform(0, look.defocus), rng.uniform(0, look.motion)
    if defocus > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), defocus)
    if motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, rng.uniform(0, np.pi)))
    image = _vignette(image, style.uniform(0, look.vignette))
    gain = 2 ** rng.normal(0, look.exposure) * np.clip(1 + look.tint * rng.normal(size=3), 0.6, 1.5)
    if look.infrared:
        gain[:] = gain[1]
    image = _exposed(image, gain.astype(np.float32))
    small = style.uniform(look.resolution, 1)
    height, width = image.shape[:2]
    if small < 0.95:
        sensor = (round(small * width), round(small * height))
        image = cv2.resize(image, sensor, interpolation=cv2.INTER_AREA)
    sigma = rng.uniform(0, look.noise)
    if sigma > 0:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        if look.infrared:
            grain[:] = grain[..., :1]
        _add_grain(image, grain, np.float32(sigma))
    tone = np.clip(image, 0, 1) ** np.float32(1 / 2.2)
    if look.contrast > 0:
        slope = np.float32(np.exp(style.normal(0, look.contrast)))
        tone = np.clip(0.5 + slope * (tone - 0.5), 0, 1)
    if small < 0.95:
        tone = np.clip(cv2.resize(tone, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    return _bytes(tone)


@njit(cache=True)
def _exposed(image, gain):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(H, W, 3) times a gain (3,), at least 0; 32-bit."""
    out = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for i in range(3):
                out[y, x, i] = max(image[y, x, i] * gain[i], np.float32(0))
    return out


@njit(cache=True)
def _add_grain(image, grain, sigma):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Add noise (H, W, 3) to an image in place, more where it is light; 32-bit."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for i in range(3):
                light = min(image[y, x, i], np.float32(1))
                level = np.sqrt(np.float32(0.1) + np.float32(0.9) * light)
                image[y, x, i] += sigma * grain[y, x, i] * level


@njit(cache=True)
def _bytes(tone):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(H, W, 3) uint8 of 32-bit values from 0 to 1."""
    out = np.empty(tone.shape, np.uint8)
    for y in range(tone.shape[0]):
        for x in range(tone.shape[1]):
            for i in range(3):
                out[y, x, i] = np.uint8(np.rint(np.float32(255) * tone[y, x, i]))
    return out


def infrared(albedo: Pixels) -> Pixels:
    """Reflectance near 850 nm, one grey: dyes and skin tones nearly vanish, everything is brighter."""
    grey = albedo @ np.array([0.5, 0.3, 0.2], np.float32)
    return np.repeat((0.16 + 0.62 * grey)[..., None], 3, axis=2)


def _depth_of_field(image: Pixels, depth: Pixels, focus: float, radius: float) -> Pixels:
    """Blur by distance from the plane of focus; ``radius`` px is reached at infinity."""
    if radius < 0.5:
        return image
    depth = cv2.resize(depth, image.shape[1::-1], interpolation=cv2.INTER_AREA)
    share = np.clip(np.abs(1 - focus / np.maximum(depth, 0.1)) * 1.3 - 0.15, 0, 1)
    far = cv2.GaussianBlur(image, (0, 0), radius)
    share = cv2.GaussianBlur(share, (0, 0), 0.5 * radius)[..., None]
    return image + share * (far - image)


def _vignette(image: Pixels, loss: float) -> Pixels:
    """Darken towards the corners, where ``loss`` of the light is gone."""
    if loss == 0:
        return image
    height, width = image.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return image * (1 - loss * (x**2 + y**2) / 2).astype(np.float32)[..., None]


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
