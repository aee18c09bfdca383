"""Solid textures: colour as a function of a point in space, so that meshes need no unwrapping."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels

PATTERNS = ("plain", "mottled", "stripes", "checks", "dots", "planks", "patches")

_PATTERNED = np.array(PATTERNS[1:])

# Skin from light to dark, sRGB; equal steps along this list are about equal steps of lightness.
_SKIN = np.array(
    [(247, 217, 199), (228, 181, 151), (201, 146, 110), (160, 105, 73), (112, 71, 50), (72, 46, 36)]
)


@dataclass(frozen=True, eq=False)
class Material:
    """Two colours and a pattern that mixes them.

    Attributes:
        base, second: (3,) linear RGB albedo.
        pattern: one of ``PATTERNS``.
        scale: size of the pattern's repeat, metres.
        frame: (3, 3) rotation of the pattern.
        grain: relative strength of fine mottling.
    """

    base: Floats
    second: Floats
    pattern: str = "plain"
    scale: float = 0.05
    frame: Floats | None = None
    grain: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the material has one colour."""
        return self.pattern == "plain" and not self.grain

    def albedo(self, points: Pixels) -> Pixels:
        """Return the linear RGB (N, 3) at texture points (N, 3), metres."""
        base, second = self.base.astype(np.float32), self.second.astype(np.float32)
        if self.is_plain:
            return np.tile(base, (len(points), 1))
        frame = np.eye(3) if self.frame is None else self.frame
        local = points @ (frame.T / self.scale).astype(np.float32)
        mix = _mix(local, PATTERNS.index(self.pattern))
        mottle = noise(local / np.float32(0.3), 2) if self.grain else mix
        color: Pixels = _dyed(base, second, mix, np.float32(self.grain), mottle)
        return color


def linear(srgb: NDArray[np.generic] | tuple[float, float, float]) -> Floats:
    """Convert sRGB values, 0 to 255, to linear RGB, 0 to 1, by a power of 2.2.

    Example:
        >>> linear((0, 128, 255)).round(4).tolist()
        [0.0, 0.2195, 1.0]
    """
    return (np.asarray(srgb, dtype=np.float64) / 255) ** 2.2


def skin_tone(rng: np.random.Generator) -> Floats:
    """Draw a skin albedo, linear RGB (3,), uniform from light to dark; the hue varies."""
    at = rng.uniform(0, len(_SKIN) - 1)
    low = min(int(at), len(_SKIN) - 2)
    tone = _SKIN[low] + (at - low) * (_SKIN[low + 1] - _SKIN[low])
    return linear(np.clip(tone * rng.normal(1, 0.02, 3), 20, 255))


def draw_color(
    rng: np.random.Generator, saturation: tuple[float, float], brightness: tuple[float, float]
) -> Floats:
    """Draw a colour, linear RGB (3,), of any hue; the ranges are within 0 to 1."""
    hue, value, strength = rng.uniform(0, 6), rng.uniform(*brightness), rng.uniform(*saturation)
    # Python's floats: for three numbers NumPy takes ten times as long.
    ramps = (min(max(abs((hue + shift) % 6 - 3) - 1, 0.0), 1.0) for shift in (0, 4, 2))
    red, green, blue = (255 * value * (1 - strength * (1 - ramp)) for ramp in ramps)
    return linear((red, green, blue))


def draw_material(
    rng: np.random.Generator,
    patterned: float,
    scale: tuple[float, float],
    saturation: tuple[float, float],
    brightness: tuple[float, float],
) -> Material:
    """Draw a material.

    Args:
        rng: random stream.
        patterned: chance that it is not plain.
        scale: range of the pattern's repeat, metres.
        saturation: range for both colours, 0 to 1.
        brightness: range for both colours, 0 to 1.
    """
    turn = rng.normal(size=(3, 3))
    pattern = str(rng.choice(_PATTERNED)) if rng.random() < patterned else "plain"
    material = Material(
        base=draw_color(rng, saturation, brightness),
        second=draw_color(rng, saturation, brightness),
        pattern=pattern,
        scale=float(np.exp(rng.uniform(*np.log(scale)))),
        grain=rng.uniform(0, 0.25) if rng.random() < patterned else 0.0,
    )
    return material if material.is_plain else replace(material, frame=np.linalg.qr(turn)[0])


@njit(cache=True)
def put_rows(out, rows, values):  # pragma: no cover - compiled
    """Set rows of ``out`` (M, 3) to values (N, 3) or (1, 3); NumPy takes five times as long."""
    single = values.shape[0] == 1
    for n in range(len(rows)):
        for i in range(3):
            out[rows[n], i] = values[0 if single else n, i]


@njit(cache=True)
def _scrambled(h):  # pragma: no cover - compiled
    """Return a number in [0, 1) from 32 bits; the same on every machine."""
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    return np.float32((h ^ (h >> np.uint32(16))) & np.uint32(0xFFFFFF)) / np.float32(16777216)


@njit(cache=True)
def _hash(x, y, z):  # pragma: no cover - compiled
    """Return a number in [0, 1) for a lattice point."""
    return _scrambled(np.uint32(x * 374761393 + y * 668265263 + z * 2147483647))


@njit(cache=True)
def _value_noise(x, y, z):  # pragma: no cover - compiled
    # Without loops, branches or 64-bit integers, so that loops over points are vectorised.
    fx, fy, fz = np.floor(x), np.floor(y), np.floor(z)
    ix, iy, iz = np.int32(fx), np.int32(fy), np.int32(fz)
    # Quintic interpolation has no creases at the lattice; linear interpolation shows a grid.
    tx, ty, tz = x - fx, y - fy, z - fz
    tx = tx * tx * tx * (tx * (tx * 6 - 15) + 10)
    ty = ty * ty * ty * (ty * (ty * 6 - 15) + 10)
    tz = tz * tz * tz * (tz * (tz * 6 - 15) + 10)
    sx, sy, sz = 1 - tx, 1 - ty, 1 - tz
    x0, y0, z0 = np.uint32(ix * 374761393), np.uint32(iy * 668265263), np.uint32(iz * 2147483647)
    x1, y1, z1 = np.uint32(x0 + 374761393), np.uint32(y0 + 668265263), np.uint32(z0 + 2147483647)
    total = sx * sy * sz * _scrambled(np.uint32(x0 + y0 + z0))
    total += tx * sy * sz * _scrambled(np.uint32(x1 + y0 + z0))
    total += sx * ty * sz * _scrambled(np.uint32(x0 + y1 + z0))
    total += tx * ty * sz * _scrambled(np.uint32(x1 + y1 + z0))
    total += sx * sy * tz * _scrambled(np.uint32(x0 + y0 + z1))
    total += tx * sy * tz * _scrambled(np.uint32(x1 + y0 + z1))
    total += sx * ty * tz * _scrambled(np.uint32(x0 + y1 + z1))
    total += tx * ty * tz * _scrambled(np.uint32(x1 + y1 + z1))
    return total


@njit(cache=True, error_model="numpy")
def noise(points, octaves):  # pragma: no cover - compiled
    """Return smooth noise (N,) in [0, 1] at points (N, 3); the coarsest lattice has pitch 1."""
    out, total = np.empty(len(points), np.float32), np.zeros(len(points))
    largest, amplitude, frequency = 0.0, 1.0, 1.0
    for k in range(octaves):
        shift = 17.3 * k
        for n in range(len(points)):
            total[n] += amplitude * _value_noise(
                points[n, 0] * frequency + shift,
                points[n, 1] * frequency + shift,
                points[n, 2] * frequency,
            )
        largest += amplitude
        amplitude *= 0.5
        frequency *= 2.0
    for n in range(len(points)):
        out[n] = total[n] / largest
    return out


@njit(cache=True)
def _dyed(base, second, mix, grain, mottle):  # pragma: no cover - compiled
    """Mix two colours (3,) by ``mix`` (N,), and vary their brightness by ``mottle`` (N,)."""
    out = np.empty((len(mix), 3), np.float32)
    one, two = np.float32(1), np.float32(2)
    r, g, b = second - base
    base_r, base_g, base_b = base
    for n in range(len(mix)):
        shade = one + grain * (two * mottle[n] - one) if grain > 0 else one
        out[n, 0] = (base_r + r * mix[n]) * shade
        out[n, 1] = (base_g + g * mix[n]) * shade
        out[n, 2] = (base_b + b * mix[n]) * shade
    return out


@njit(cache=True)
def _mix(points, pattern):  # pragma: no cover - compiled
    """Return the fraction (N,) of the second colour; ``pattern`` indexes ``PATTERNS``."""
    out = np.zeros(len(points), np.float32)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        if pattern == 1:  # mottled
            value = _value_noise(x, y, z) + 0.5 * _value_noise(2 * x, 2 * y, 2 * z)
            out[n] = min(1.0, max(0.0, (value / 1.5 - 0.5) * 2.2 + 0.5))
        elif pattern == 2:  # stripes
            out[n] = 1.0 if x - np.floor(x) < 0.45 else 0.0
        elif pattern == 3:  # checks: two sets of stripes, darker where they cross
            out[n] = 0.5 * (x - np.floor(x) < 0.5) + 0.5 * (y - np.floor(y) < 0.5)
        elif pattern == 4:  # dots
            u, v = x - np.floor(x) - 0.5, y - np.floor(y) - 0.5
            out[n] = 1.0 if u * u + v * v < 0.08 else 0.0
        elif pattern == 5:  # planks: boards of one shade each, dark joints
            row = np.floor(y)
            board = np.floor(0.22 * x + 0.37 * row)
            joint = y - row < 0.05
            out[n] = 1.0 if joint else 0.6 * _hash(int(board), int(row), 3)
        elif pattern == 6:  # patches: blobs of random tint
            out[n] = 1.0 if _value_noise(x, y, z) > 0.55 else 0.0
    return out
