"""Collages of overlapping shapes, in place of a modelled room.

Such "dead leaves" images have the edges and the spectrum of natural images (Lee, Mumford and Huang,
IJCV 2001), and features learned from them transfer to photographs (Baradad et al., NeurIPS 2021).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.clothing.palette import draw_skin
from fidip.synth.clothing.texture import draw_color

_THINGS = 250
_CORNERS = 32
_TEXTURES = 5
_SKINS = 0.12  # fraction of shapes coloured like skin, so that skin colour does not identify people
_SKIN_ANGLES = (-55.0, 62.0)


def collage(size_wh: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Draw a collage of blobs, boxes and strips, each with a colour, texture and shading.

    Returns:
        (H, W, 3) linear RGB albedo.
    """
    width, height = size_wh
    middles = rng.uniform(-0.1, 1.1, (_THINGS, 2)) * size_wh
    radii = _radii(rng, 0.5 * max(size_wh))
    thing = np.zeros((height, width), np.int32)
    for number, outline in enumerate(_outlines(middles, radii, rng)):
        cv2.fillPoly(thing, [outline], number)
    textures = np.stack([_texture(size_wh, rng) for _ in range(_TEXTURES)])
    y, x = np.indices(thing.shape)
    tone = rng.exponential(0.25, _THINGS).astype(np.float32)[thing]
    tone *= textures[rng.integers(_TEXTURES, size=_THINGS)[thing], y, x]
    slopes = (
        rng.normal(0, 0.35, (_THINGS, 2)) / radii[:, None]
    )  # as if each shape were lit from one side
    across, down = slopes.astype(np.float32).T
    level = (slopes * middles).sum(1).astype(np.float32)
    tone += across[thing] * x + down[thing] * y - level[thing]
    albedo = _colors(rng).astype(np.float32)[thing] * np.exp(tone.clip(-1.5, 1.5))[..., None]
    return albedo.clip(0.01, 1)


def _radii(rng: np.random.Generator, largest: float) -> Floats:
    """Draw radii (N,) px with a density of r^-2 to r^-3, which is scale invariant."""
    least, power = 0.03 * largest, rng.uniform(1, 2)
    level = rng.uniform((least / largest) ** power, 1, _THINGS)
    radii: Floats = least * level ** (-1 / power)
    radii[:8] = largest * rng.uniform(0.5, 1.2, 8)
    return radii


def _outlines(middles: Floats, radii: Floats, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw outlines (N, C, 2) in px: dented superellipses from lozenges to boxes."""
    count = len(radii)
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    power = np.exp(rng.uniform(np.log(1.0), np.log(10.0), (count, 1)))
    cosine, sine = np.cos(angle), np.sin(angle)
    reach = (np.abs(cosine) ** power + np.abs(sine) ** power) ** (-1 / power)
    for wave in (2, 3, 5):
        dent = rng.exponential(0.06, (count, 1)) * (rng.random((count, 1)) < 0.5)
        reach = reach * (1 + dent * np.cos(wave * angle + rng.uniform(0, 2 * np.pi, (count, 1))))
    aspect = np.exp(-rng.exponential(0.6, (count, 1)))
    along, across = reach * cosine, reach * sine * aspect
    bend = rng.normal(0, 0.25, (count, 1)) * (1 - aspect)  # long shapes are curved
    across = across + bend * along**2
    turn = rng.uniform(0, 2 * np.pi, (count, 1))
    x = along * np.cos(turn) - across * np.sin(turn)
    y = along * np.sin(turn) + across * np.cos(turn)
    corners = middles[:, None] + radii[:, None, None] * np.stack([x, y], axis=-1)
    return np.rint(corners).astype(np.int32)


def _texture(size_wh: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Draw a texture (H, W) of unit variance: noise over octaves, stretched like wood or cloth."""
    out = np.zeros(size_wh[::-1], np.float32)
    stretch = np.exp(rng.normal(0, 0.7))
    fall = rng.uniform(0.4, 0.9)
    for octave in range(2, 8):
        cells = (int(max(2, 2**octave * stretch)), int(max(2, 2**octave / stretch)))
        cells = (min(cells[0], size_wh[0]), min(cells[1], size_wh[1]))
        coarse = rng.standard_normal(cells[::-1], dtype=np.float32)
        out += fall ** (octave - 2) * cv2.resize(coarse, size_wh, interpolation=cv2.INTER_LINEAR)
    return out / out.std()


def _colors(rng: np.random.Generator) -> Floats:
    """Draw colours (N, 3), linear RGB: most near one of six, some like skin, some of any hue."""
    palette = np.stack([draw_color(rng, (0.0, 0.6), (0.1, 1.0)) for _ in range(6)])
    colors = palette[rng.integers(len(palette), size=_THINGS)]
    colors = colors * np.exp(rng.normal(0, 0.35, (_THINGS, 1)) + rng.normal(0, 0.08, (_THINGS, 3)))
    for number in np.flatnonzero(rng.random(_THINGS) < _SKINS):
        colors[number] = draw_skin(_SKIN_ANGLES, rng)
    for number in np.flatnonzero(rng.random(_THINGS) < _SKINS):
        colors[number] = draw_color(rng, (0.0, 0.9), (0.05, 1.0))
    return colors
