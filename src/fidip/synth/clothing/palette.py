"""Colours and materials that are common in homes and hospitals."""

from __future__ import annotations

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.clothing.texture import Material, linear

_WHITE_D65 = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = np.array(
    [(3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570)]
)


def skin_of_angle(ita_degrees: float, a: float, b: float) -> Floats:
    """Return the linear RGB of skin with an individual typology angle (Chardon et al. 1991).

    The angle is atan((L* - 50) / b*): skin is very light above 55 degrees, then light to 41,
    intermediate to 28, tan to 10, brown to -30, and dark below.

    Args:
        ita_degrees: the angle.
        a: CIELAB a*.
        b: CIELAB b*.

    Returns:
        (3,) linear RGB, 0 to 1.

    Example:
        >>> skin_of_angle(28.0, 10.0, 16.0).round(3).tolist()
        [0.391, 0.238, 0.166]
    """
    lightness = 50 + b * np.tan(np.deg2rad(ita_degrees))
    fy = (lightness + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = _WHITE_D65 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    rgb: Floats = np.clip(_XYZ_TO_RGB @ xyz, 0.01, 1)
    return rgb


def draw_skin(ita_degrees: Range, rng: np.random.Generator) -> Floats:
    """Draw the linear RGB (3,) of skin, uniform over a range of the typology angle."""
    return skin_of_angle(rng.uniform(*ita_degrees), rng.uniform(7, 13), rng.uniform(13, 19))


_WOODS = ((196, 158, 112), (160, 116, 74), (120, 82, 54), (218, 190, 150), (92, 66, 50))
_CARPETS = ((150, 140, 128), (96, 98, 104), (176, 164, 142), (110, 84, 74), (74, 88, 108))
_BEDDING = ((236, 234, 228), (214, 222, 232), (238, 222, 220), (226, 230, 214), (190, 204, 222))
_WALLS = ((232, 228, 220), (214, 210, 200), (222, 226, 230), (226, 214, 196), (196, 208, 204))


def _shade(colors: tuple[tuple[int, int, int], ...], rng: np.random.Generator) -> Floats:
    return linear(np.clip(rng.choice(colors) * rng.normal(1, 0.06) + rng.normal(0, 6, 3), 10, 250))


def household_floor(rng: np.random.Generator) -> Material:
    """Draw wooden boards or carpet."""
    if rng.random() < 0.5:
        board, turn = _shade(_WOODS, rng), rng.uniform(0, np.pi)
        frame = np.array(
            [(np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)]
        )
        return Material(board, board * 0.55, "planks", rng.uniform(0.06, 0.16), frame, 0.12)
    pile = _shade(_CARPETS, rng)
    return Material(
        pile, pile * rng.uniform(0.5, 0.8), "mottled", rng.uniform(0.008, 0.05), None, 0.25
    )


def bedding(rng: np.random.Generator) -> Material:
    """Draw bedding: pale, plain or with a small print."""
    base = _shade(_BEDDING, rng)
    pattern = str(rng.choice(["plain", "plain", "dots", "stripes", "checks"]))
    second = base * rng.uniform(0.3, 0.8, 3)
    return Material(base, second, pattern, rng.uniform(0.025, 0.09), None, rng.uniform(0, 0.12))


def household_wall(rng: np.random.Generator) -> Material:
    """Draw a painted wall."""
    paint = _shade(_WALLS, rng)
    return Material(paint, paint * 0.92, "mottled", 0.4, None, 0.03)
