"""Skin, face, hair and clothes, as layers over a body's rest shape.

A layer has a signed cover per vertex, metres, positive where the garment is; interpolated within a
triangle, its zero line is a sharp hem. All measures come from the rest pose, so clothes move with
the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from fidip.core.arrays import Floats, Pixels
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import RestShape
from fidip.synth.clothing.body_parts import BodyParts, measure_parts
from fidip.synth.clothing.palette import draw_skin
from fidip.synth.clothing.texture import Material, draw_material, linear, noise, put_rows, skin_tone
from fidip.synth.random_streams import RandomStreams
from fidip.synth.render.mesh import Mesh, from_origin, lifted

LOWER, UPPER, FEET, HEAD = range(4)
_NOWHERE = -0.05


@dataclass(frozen=True, eq=False)
class Outfit:
    """Layers of a person and their materials.

    Attributes:
        cover: (V, 4) signed cover, metres, of lower garment, upper garment, footwear, and hair or
            hat.
        thickness: (V,) height of the cloth over the skin, metres.
        skin: (3,) linear RGB.
        materials: one per layer.
        eye_center: (3,) midpoint of the eyes in the rest pose, metres.
        eye_distance: distance between the eyes, metres.
        iris: (3,) linear RGB; None if the eyes are shut.
    """

    cover: Floats
    thickness: Floats
    skin: Floats
    materials: tuple[Material, Material, Material, Material]
    eye_center: Floats
    eye_distance: float
    iris: Floats | None

    def worn(self, person: Mesh) -> Mesh:
        """Return the body with the thickness of its clothes."""
        vertices = lifted(person.vertices, person.normals(), self.thickness)
        return Mesh(vertices, person.faces, person.texture, person.material, person.layers)

    def albedo(self, texture: Pixels, layers: Pixels) -> Pixels:
        """Return linear RGB (N, 3) at rest coordinates (N, 3), metres, with layer cover (N, 4)."""
        color = np.empty((len(texture), 3), np.float32)
        bare = np.flatnonzero(_uncovered(layers))
        put_rows(color, bare, self._skin(texture.take(bare, axis=0)))
        for layer in (LOWER, UPPER, FEET, HEAD):
            on, cloth = np.flatnonzero(layers[:, layer] > 0), self.materials[layer]
            if cloth.is_plain:
                put_rows(color, on, cloth.base[None].astype(np.float32))
            elif len(on):
                put_rows(color, on, cloth.albedo(texture.take(on, axis=0)))
        return color

    def _skin(self, texture: Pixels) -> Pixels:
        """Return skin (N, 3) with a mottled blush, lips, brows and eyes."""
        iris = np.zeros(3) if self.iris is None else self.iris
        eyes = (self.eye_center.astype(np.float32), np.float32(self.eye_distance))
        blush = noise(texture / np.float32(0.05), 2)
        skin, iris = self.skin.astype(np.float32), iris.astype(np.float32)
        color: Pixels = _face(texture, blush, skin, eyes, iris, self.iris is not None)
        return color


@njit(cache=True)
def _uncovered(layers):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return (N,) True where no layer (N, 4) covers; NumPy takes twenty times as long."""
    out = np.empty(len(layers), np.bool_)
    for n in range(len(layers)):
        most = max(layers[n, 0], layers[n, 1], layers[n, 2], layers[n, 3])
        out[n] = most <= 0
    return out


_TINT = np.array([0.12, 0.2, 0.2], np.float32)  # of the blush
_LIPS = np.array([0.85, 0.52, 0.52], np.float32)
_CHEEKS = np.array([1.0, 0.86, 0.86], np.float32)
_EYEBALL = linear((225, 220, 215)).astype(np.float32)


@njit(cache=True, error_model="numpy")
def _face(texture, blush, skin, eyes, iris, is_open):  # type: ignore[no-untyped-def]  # noqa: PLR0912  # pragma: no cover - compiled
    """Return colours (N, 3) of a face at rest coordinates (N, 3).

    ``blush`` (N,) is in [0, 1], ``eyes`` the midpoint and the distance; all numbers are 32-bit.
    """
    out, one = np.empty_like(texture), np.float32(1)
    center, distance = eyes
    for n in range(len(texture)):
        for i in range(3):
            out[n, i] = skin[i] * (one + (blush[n] - np.float32(0.5)) * _TINT[i])
        y = (texture[n, 1] - center[1]) / distance
        if y >= np.float32(0.55):  # the back of the head, and most of the body
            continue
        x = np.abs((texture[n, 0] - center[0]) / distance)
        z = (texture[n, 2] - center[2]) / distance
        if _oval(x, z + np.float32(0.98), np.float32(0.42), np.float32(0.13)):
            for i in range(3):
                out[n, i] *= _LIPS[i]
        across, up = x - np.float32(0.75), z + np.float32(0.7)
        if across * across + up * up < np.float32(0.14):
            for i in range(3):
                out[n, i] *= _CHEEKS[i]
        if _oval(x - np.float32(0.55), z - np.float32(0.36), np.float32(0.36), np.float32(0.055)):
            for i in range(3):
                out[n, i] *= np.float32(0.55)
        across = x - np.float32(0.5)
        if _oval(across, z, np.float32(0.27), np.float32(0.12)):
            in_iris = across * across + z * z < np.float32(0.15**2)
            for i in range(3):
                if is_open:
                    out[n, i] = iris[i] if in_iris else _EYEBALL[i]
                elif np.abs(z + np.float32(0.06)) < np.float32(0.05):
                    out[n, i] *= np.float32(0.35)
    return out


@njit(cache=True, error_model="numpy")
def _oval(x, y, width, height):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return whether a point lies in an ellipse around the origin; 32-bit."""
    x, y = x / width, y / height
    return x * x + y * y < np.float32(1)


def draw_outfit(
    rest: RestShape, group: str, appearance: Appearance, streams: RandomStreams
) -> Outfit:
    """Draw skin, face, hair and clothes.

    Args:
        rest: shape of the person.
        group: "infant" or "adult".
        appearance: statistics of clothes and skin.
        streams: random streams.
    """
    rng, style = streams.rng, streams.style
    parts = measure_parts(rest)
    left, right = rest.body.keypoint_weights[1:3] @ rest.vertices
    center, distance = (left + right) / 2, float(np.linalg.norm(left - right))
    cover = np.full((len(rest.vertices), 4), _NOWHERE)
    draw_clothes = _infant_clothes if group == "infant" else _adult_clothes
    cover[:, LOWER], cover[:, UPPER], cover[:, FEET] = draw_clothes(parts, rng)
    if appearance.socks and style.random() < appearance.socks:
        cover[:, FEET] = np.maximum(cover[:, FEET], _socks(parts, style.uniform(0.7, 0.95)))
    scalp = from_origin(rest.vertices, center) / distance
    bonnet, hairline = _draw_hair(scalp, group, rng)
    hat = appearance.hat > 0 and style.random() < appearance.hat
    if hat:
        hairline = scalp @ np.array([0.0, 0.5, 0.87]) - style.uniform(0.75, 1.0)
    if hairline is not None:
        cover[:, HEAD] = np.where(parts.head > 0.5, hairline * distance, _NOWHERE)
    skin = _draw_skin(appearance, streams)
    dyes = appearance.saturation, appearance.brightness
    cloth = [draw_material(rng, appearance.patterned, (0.012, 0.07), *dyes) for _ in range(3)]
    on_head = cloth[2] if bonnet or hat else _hair(skin, group, rng)
    return Outfit(
        cover=cover,
        thickness=_cloth_thickness(cover, group, hat),
        skin=skin,
        materials=(cloth[0], cloth[1], cloth[2], on_head),
        eye_center=center,
        eye_distance=distance,
        iris=None if rng.random() < 0.3 else linear(rng.choice(_IRISES)),
    )


_IRISES = [(62, 44, 34), (48, 66, 92), (40, 30, 28)]


def _draw_skin(appearance: Appearance, streams: RandomStreams) -> Floats:
    """Draw the albedo (3,) of skin, linear RGB."""
    skin = skin_tone(streams.rng)  # drawn in any case: the stream goes on
    return skin if appearance.skin is None else draw_skin(appearance.skin, streams.style)


def _draw_hair(scalp: Floats, group: str, rng: np.random.Generator) -> tuple[bool, Floats | None]:
    """Draw whether an infant wears a bonnet, and the cover (V,) of hair; None for none.

    ``scalp`` (V, 3) is relative to the eyes, in distances between them, and so is the cover.
    """
    hairline = scalp @ np.array([0.0, 0.62, 0.78]) - rng.uniform(1.25, 1.6)
    bonnet = group == "infant" and rng.random() < 0.15
    has_hair = bonnet or rng.random() < (0.75 if group == "infant" else 0.93)
    return bonnet, hairline if has_hair else None


def _cloth_thickness(cover: Floats, group: str, hat: bool) -> Floats:
    """Return the height (V,) of cloth over the skin, metres; a nappy is thickest."""
    scale = 1.0 if group == "infant" else 2.0
    lower, head = 0.010 if group == "infant" else 0.006, 0.009 if hat else 0.003
    lift = np.array([lower, 0.004, 0.003, head]) * scale
    thickness: Floats = _thickness(cover, 0.01 * scale, lift)
    return thickness


@njit(cache=True)
def _thickness(cover, hem, lift):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return the height (V,) of layers (V, 4): ``lift`` (4,), less within ``hem``; metres."""
    out = np.empty(len(cover))
    for v in range(len(cover)):
        most = 0.0
        for i in range(4):
            most = max(most, min(max(cover[v, i] / hem, 0.0), 1.0) * lift[i])
        out[v] = most
    return out


def _garment(parts: BodyParts, low: float, high: float, sleeve: float, leg: float) -> Floats:
    """Return the cover (V,) of a garment, metres.

    Args:
        parts: positions on the body.
        low: height of the lower hem, 0 at the hips and 1 at the neck.
        high: height of the upper hem.
        sleeve: length of the sleeves as a fraction of the arm; 0 for none.
        leg: length of the trouser legs as a fraction of the leg.
    """
    trunk = np.minimum(parts.height - low, high - parts.height) * parts.trunk_length
    arm = (
        (sleeve - parts.along_arm) * parts.arm_length
        if sleeve > 0
        else np.full_like(trunk, _NOWHERE)
    )
    legs = (leg - parts.along_leg) * parts.leg_length
    cover: Floats = parts.trunk * trunk + parts.arm * arm + parts.leg * legs + parts.head * _NOWHERE
    return cover


def _socks(parts: BodyParts, top: float) -> Floats:
    """Return the cover (V,) of socks that begin at a fraction of the leg, metres."""
    return (parts.along_leg - top) * parts.leg_length * parts.leg - (1 - parts.leg)


def _bare(parts: BodyParts) -> Floats:
    return np.full_like(parts.height, _NOWHERE)


def _infant_clothes(parts: BodyParts, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Draw a nappy, a bodysuit, a sleepsuit, or a shirt with trousers; and sometimes socks."""
    kind = rng.choice(["nappy", "bodysuit", "sleepsuit", "set"], p=[0.35, 0.25, 0.22, 0.18])
    socks = _socks(parts, rng.uniform(0.8, 0.95))
    feet = socks if rng.random() < 0.25 else _bare(parts)
    nappy = _garment(parts, -1.0, rng.uniform(0.22, 0.34), 0.0, rng.uniform(0.1, 0.16))
    if kind == "nappy":
        return nappy, _bare(parts), feet
    if kind == "bodysuit":
        return (
            nappy,
            _garment(parts, -1.0, 0.97, rng.uniform(0.1, 0.35), rng.uniform(0.06, 0.12)),
            feet,
        )
    if kind == "sleepsuit":
        toes = 1.6 if rng.random() < 0.5 else rng.uniform(0.9, 1.0)
        return nappy, _garment(parts, -1.0, 0.97, rng.uniform(0.8, 1.0), toes), feet
    trousers = _garment(parts, -1.0, rng.uniform(0.25, 0.4), 0.0, rng.uniform(0.4, 0.98))
    return (
        trousers,
        _garment(parts, rng.uniform(0.1, 0.25), 0.97, rng.uniform(0.15, 0.95), -0.05),
        feet,
    )


def _adult_clothes(parts: BodyParts, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Draw a shirt or vest, trousers or shorts, and mostly shoes."""
    trousers = _garment(
        parts, -1.0, rng.uniform(0.1, 0.3), 0.0, rng.choice([rng.uniform(0.2, 0.6), 1.02])
    )
    sleeve = rng.choice([0.0, rng.uniform(0.15, 0.4), 1.0], p=[0.12, 0.45, 0.43])
    shirt = _garment(parts, rng.uniform(-0.05, 0.2), 0.99, sleeve, rng.uniform(-0.05, 0.15))
    shoes = _socks(parts, 0.96)
    return (
        trousers,
        shirt if rng.random() < 0.93 else _bare(parts),
        shoes if rng.random() < 0.8 else _bare(parts),
    )


def _hair(skin: Floats, group: str, rng: np.random.Generator) -> Material:
    """Draw a hair colour; an infant's hair is thin and lets the skin show through."""
    color = linear(
        rng.choice([(28, 22, 20), (60, 42, 30), (105, 78, 50), (170, 140, 95), (120, 118, 116)])
    )
    if group == "infant":
        color = color + rng.uniform(0.2, 0.75) * (skin - color)
    return Material(color, color * 0.6, "mottled", 0.012, None, 0.3)
