"""What a camera makes of linear light: lens, sensor, white balance and tone curve."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Pixels
from fidip.synth.appearance import Look


def any_sensor(look: Look, style: np.random.Generator) -> float:
    """Share of the image's pixels that the sensor has along each side."""
    share = float(style.uniform(look.resolution, 1))
    return share if share < 0.95 else 1.0  # to resample by so little would only blur


def photograph(
    radiance: Pixels, depth: Pixels, focus: float, size_wh: tuple[int, int], sensor: float, look: Look,
    rng: np.random.Generator, style: np.random.Generator,
) -> NDArray[np.uint8]:  # fmt: skip
    """(H, W, 3) sRGB of linear light.

    Args:
        radiance, depth: linear RGB and metres of the view in any number of pixels; ``focus`` is the depth that is sharp.
        size_wh: width and height of the image, px.
        sensor: share of these that the sensor has along each side.
        look: statistics of lens and sensor.
        rng, style: random streams of the first looks' values and of those that came later.
    """
    sensor_wh = (round(sensor * size_wh[0]), round(sensor * size_wh[1]))
    image = cv2.resize(radiance, sensor_wh, interpolation=cv2.INTER_AREA)
    image = _depth_of_field(image, depth, focus, sensor * style.uniform(0, look.depth_of_field))
    defocus, motion = sensor * rng.uniform(0, look.defocus), sensor * rng.uniform(0, look.motion)
    if defocus > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), defocus)
    if motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, rng.uniform(0, np.pi)))
    loss = style.uniform(0, look.vignette)
    gain = 2 ** rng.normal(0, look.exposure) * np.clip(1 + look.tint * rng.normal(size=3), 0.6, 1.5)
    if look.infrared:
        gain[:] = gain[1]
    image = _exposed(image, gain.astype(np.float32), np.float32(loss))
    sigma = rng.uniform(0, look.noise)
    if sigma > 0:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        if look.infrared:
            grain[:] = grain[..., :1]
        _add_grain(image, grain, np.float32(sigma))
    slope = float(np.exp(style.normal(0, look.contrast))) if look.contrast > 0 else 1.0
    out: NDArray[np.uint8] = _developed(image, *_tone_curve(slope))
    if sensor_wh != size_wh:
        out = cv2.resize(out, size_wh, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return out


@njit(cache=True)
def _exposed(image, gain, loss):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(H, W, 3) times a gain (3,), at least 0, darker towards the corners, where ``loss`` of the light is gone; 32-bit."""
    out, one = np.empty_like(image), np.float32(1)
    height, width = image.shape[:2]
    for y in range(height):
        down = np.float32(2 * y / (height - 1) - 1) ** 2
        for x in range(width):
            across = np.float32(2 * x / (width - 1) - 1) ** 2
            kept = one - np.float32(0.5) * loss * (across + down)
            for i in range(3):
                out[y, x, i] = max(image[y, x, i] * kept * gain[i], np.float32(0))
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


@lru_cache(maxsize=1)
def _tone_curve(slope: float) -> tuple[NDArray[np.uint8], Pixels]:
    """What ``_developed`` looks up: bytes by the leading bits of the light, and the least light (256,) of each byte.

    The curve is a power of 1 / 2.2, then a line of this slope through middle grey.
    """
    byte = np.arange(256)
    tone = np.clip(0.5 + ((byte - 0.5) / 255 - 0.5) / slope, 0, None)
    tone[0] = 0
    least = (tone**2.2).astype(np.float32)
    if slope == 1:
        # NumPy's own rounding, to the bit: of the neighbours the first that it gives the byte.
        near = least[1:, None].view(np.int32) + np.arange(-16, 16, dtype=np.int32)
        reached = np.rint(np.float32(255) * near.view(np.float32) ** np.float32(1 / 2.2))
        least[1:] = near.view(np.float32)[byte[:-1], (reached >= byte[1:, None]).argmax(1)]
    starts = (np.arange(_FIRST_BITS, _LAST_BITS + 1, dtype=np.int32) << _CUT_BITS).view(np.float32)
    starts[0] = 0
    return (np.searchsorted(least, starts, side="right") - 1).astype(np.uint8), least


# The leading bits of 32-bit numbers, all but these, tell 128 steps between powers of two; from 2^-28, which is black, to 1.
_CUT_BITS = 16
_FIRST_BITS, _LAST_BITS = (int(np.float32(v).view(np.int32)) >> _CUT_BITS for v in (2.0**-28, 1.0))


@njit(cache=True)
def _developed(image, first, least):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(H, W, 3) uint8 of light by a curve of ``_tone_curve``; a power takes ten times as long."""
    out = np.empty(image.shape, np.uint8)
    light, byte = image.reshape(-1), out.reshape(-1)
    for n in range(len(light)):
        here = min(max(light[n], np.float32(0)), np.float32(1))
        bits = np.float32(here).view(np.int32) >> _CUT_BITS
        value = first[max(bits - _FIRST_BITS, 0)]
        while value < 255 and here >= least[value + 1]:
            value += 1
        byte[n] = value
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
