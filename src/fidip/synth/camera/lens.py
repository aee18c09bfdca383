"""Lens, sensor, white balance and tone curve: linear light to an sRGB image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Pixels
from fidip.synth.appearance import Appearance
from fidip.synth.random_streams import RandomStreams


@dataclass(frozen=True, eq=False)
class LinearView:
    """What reaches the lens, in any number of pixels.

    Attributes:
        radiance: (H, W, 3) linear RGB.
        depth: (H, W) metres along the optical axis.
        focus: depth that is in focus, metres.
    """

    radiance: Pixels
    depth: Pixels
    focus: float


def draw_sensor(appearance: Appearance, style: np.random.Generator) -> float:
    """Draw the number of the sensor's pixels along a side as a fraction of the image's."""
    fraction = float(style.uniform(appearance.resolution, 1))
    return fraction if fraction < 0.95 else 1.0  # resampling by so little would only blur


def photograph(
    view: LinearView,
    size_wh: tuple[int, int],
    sensor: float,
    appearance: Appearance,
    streams: RandomStreams,
) -> NDArray[np.uint8]:
    """Take a picture of a view.

    Args:
        view: light and depth.
        size_wh: image (width, height), px.
        sensor: the sensor's pixels along a side as a fraction of the image's.
        appearance: statistics of lens and sensor.
        streams: random streams.

    Returns:
        (H, W, 3) sRGB.
    """
    rng, style = streams.rng, streams.style
    sensor_wh = (round(sensor * size_wh[0]), round(sensor * size_wh[1]))
    image = cv2.resize(view.radiance, sensor_wh, interpolation=cv2.INTER_AREA)
    image = _depth_of_field(image, view, sensor * style.uniform(0, appearance.depth_of_field))
    image = _blurred(image, sensor, appearance, rng)
    loss = style.uniform(0, appearance.vignette)
    image = _exposed(image, _gain(appearance, rng), np.float32(loss))
    sigma = rng.uniform(0, appearance.noise)
    if sigma > 0:
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        if appearance.infrared:
            grain[:] = grain[..., :1]
        _add_grain(image, grain, np.float32(sigma))
    contrast = appearance.contrast
    slope = float(np.exp(style.normal(0, contrast))) if contrast > 0 else 1.0
    out: NDArray[np.uint8] = _developed(image, *_tone_curve(slope))
    if sensor_wh != size_wh:
        out = cv2.resize(out, size_wh, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return out


def _blurred(
    image: Pixels, sensor: float, appearance: Appearance, rng: np.random.Generator
) -> Pixels:
    """Draw defocus and motion, and blur an image (H, W, 3) of the sensor by them."""
    defocus = sensor * rng.uniform(0, appearance.defocus)
    motion = sensor * rng.uniform(0, appearance.motion)
    if defocus > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), defocus)
    if motion > 1:
        image = cv2.filter2D(image, -1, _streak(motion, rng.uniform(0, np.pi)))
    return image


def _gain(appearance: Appearance, rng: np.random.Generator) -> Pixels:
    """Draw the (3,) factors of exposure and white balance."""
    stops = rng.normal(0, appearance.exposure)
    gain = 2**stops * np.clip(1 + appearance.tint * rng.normal(size=3), 0.6, 1.5)
    if appearance.infrared:
        gain[:] = gain[1]
    return gain.astype(np.float32)


@njit(cache=True)
def _exposed(image, gain, loss):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Multiply an image (H, W, 3) by a gain (3,), and take ``loss`` of the light in the corners."""
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
    """Add noise (H, W, 3) to an image in place, more where it is bright."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for i in range(3):
                light = min(image[y, x, i], np.float32(1))
                level = np.sqrt(np.float32(0.1) + np.float32(0.9) * light)
                image[y, x, i] += sigma * grain[y, x, i] * level


@lru_cache(maxsize=1)
def _tone_curve(slope: float) -> tuple[NDArray[np.uint8], Pixels]:
    """Tabulate a tone curve: a power of 1 / 2.2, then a line of this slope through middle grey.

    Returns:
        The first candidate byte for the leading bits of the light, and the (256,) least light that
        gives each byte.
    """
    byte = np.arange(256)
    tone = np.clip(0.5 + ((byte - 0.5) / 255 - 0.5) / slope, 0, None)
    tone[0] = 0
    least = (tone**2.2).astype(np.float32)
    if slope == 1:
        # The smallest light that NumPy's power rounds to the byte: images of the first version,
        # which took the power itself, stay the same.
        near = least[1:, None].view(np.int32) + np.arange(-16, 16, dtype=np.int32)
        reached = np.rint(np.float32(255) * near.view(np.float32) ** np.float32(1 / 2.2))
        least[1:] = near.view(np.float32)[byte[:-1], (reached >= byte[1:, None]).argmax(1)]
    starts = (np.arange(_FIRST_BITS, _LAST_BITS + 1, dtype=np.int32) << _CUT_BITS).view(np.float32)
    starts[0] = 0
    return (np.searchsorted(least, starts, side="right") - 1).astype(np.uint8), least


# Without these bits a 32-bit float has 128 steps between powers of two; 2^-28 is black.
_CUT_BITS = 16
_FIRST_BITS, _LAST_BITS = (int(np.float32(v).view(np.int32)) >> _CUT_BITS for v in (2.0**-28, 1.0))


@njit(cache=True)
def _developed(image, first, least):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Apply a curve of ``_tone_curve`` to light (H, W, 3); a power takes ten times as long."""
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
    """Convert RGB albedo (H, W, 3) to grey reflectance near 850 nm, where dyes hardly differ."""
    grey = albedo @ np.array([0.5, 0.3, 0.2], np.float32)
    return np.repeat((0.16 + 0.62 * grey)[..., None], 3, axis=2)


def _depth_of_field(image: Pixels, view: LinearView, radius: float) -> Pixels:
    """Blur an image by the distance from the focus; ``radius`` px is reached at infinity."""
    if radius < 0.5:
        return image
    depth = cv2.resize(view.depth, image.shape[1::-1], interpolation=cv2.INTER_AREA)
    weight = np.clip(np.abs(1 - view.focus / np.maximum(depth, 0.1)) * 1.3 - 0.15, 0, 1)
    far = cv2.GaussianBlur(image, (0, 0), radius)
    weight = cv2.GaussianBlur(weight, (0, 0), 0.5 * radius)[..., None]
    return image + weight * (far - image)


def _streak(length: float, angle: float) -> Pixels:
    """Return a blur kernel in the shape of a line, px and radians."""
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    end = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (size - 1) / 2
    start = tuple(int(v) for v in np.rint(middle - end))
    stop = tuple(int(v) for v in np.rint(middle + end))
    cv2.line(kernel, start, stop, 1.0)
    return kernel / kernel.sum()
