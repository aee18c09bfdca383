"""What a body looks like: skin, face, hair and clothes, as layers over its rest shape.

A layer is a signed cover per vertex in metres, positive where the garment is; interpolated in a triangle
its zero line is a crisp hem. All measures come from the rest pose, so clothes move with the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from fidip.core.arrays import Floats, Pixels
from fidip.synth.appearance import Look
from fidip.synth.body.body_model import Body
from fidip.synth.clothing.palette import any_skin
from fidip.synth.clothing.texture import Material, any_material, linear, noise, put_rows, skin_tone
from fidip.synth.render.mesh import Mesh, from_origin, lifted

LOWER, UPPER, FEET, HEAD = range(4)
_NOWHERE = -0.05


@dataclass(frozen=True, eq=False)
class Parts:
    """Where a vertex is on the body, from skinning weights and the rest pose.

    Attributes:
        trunk, arm, leg, head: (V,) shares that sum to 1.
        height: (V,) 0 at the hips, 1 at the neck.
        along_arm, along_leg: (V,) 0 at shoulder or hip, 1 at wrist or ankle; more on hands and feet.
        arm_length, leg_length, trunk_length: metres.
    """

    trunk: Floats
    arm: Floats
    leg: Floats
    head: Floats
    height: Floats
    along_arm: Floats
    along_leg: Floats
    arm_length: float
    leg_length: float
    trunk_length: float


def body_parts(body: Body, vertices: Floats, heads: Floats) -> Parts:
    """Parts of a rest shape: vertices (V, 3), bone heads (J, 3)."""

    joint = {name: heads[i] for name, i in body.index.items()}
    arm, leg = (
        body.share("upperarm", "lowerarm", "wrist"),
        body.share("upperleg", "lowerleg", "foot"),
    )
    head = body.share("neck02", "neck03", "head")
    hip, neck = joint["upperleg01.L"][2], joint["neck01"][2]
    mirrored = vertices.copy()
    np.abs(vertices[:, 0], out=mirrored[:, 0])
    along_arm, arm_length = _along(mirrored, joint, "upperarm01", "lowerarm01", "wrist")
    along_leg, leg_length = _along(mirrored, joint, "upperleg01", "lowerleg01", "foot")
    return Parts(
        trunk=1 - arm - leg - head, arm=arm, leg=leg, head=head,
        height=(vertices[:, 2] - hip) / (neck - hip),
        along_arm=along_arm, along_leg=along_leg,
        arm_length=arm_length, leg_length=leg_length, trunk_length=float(neck - hip),
    )  # fmt: skip


def _along(
    mirrored: Floats, joint: dict[str, Floats], first: str, second: str, end: str
) -> tuple[Floats, float]:
    """Distance along the chain of two bones as a share of its length, and that; all vertices are on the left."""
    start, middle, stop = (joint[f"{name}.L"] for name in (first, second, end))
    upper, lower = np.linalg.norm(middle - start), np.linalg.norm(stop - middle)
    on_first = from_origin(mirrored, start) @ (middle - start)
    on_second = from_origin(mirrored, middle) @ (stop - middle)
    share: Floats = _share_of_chain(on_first, on_second, upper, lower)
    return share, float(upper + lower)


@njit(cache=True, error_model="numpy")
def _share_of_chain(on_first, on_second, upper, lower):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(N,) places along two bones of these lengths, of places along each, times its length, (N,)."""
    out = np.empty_like(on_first)
    for n in range(len(out)):
        first, second = on_first[n] / upper, on_second[n] / lower
        along = first if first < upper else upper + max(second, 0.0)
        out[n] = along / (upper + lower)
    return out


@dataclass(frozen=True, eq=False)
class Outfit:
    """The layers of one person and what they are made of.

    Attributes:
        cover: (V, 4) signed cover in metres of lower garment, upper garment, footwear, hair or hat.
        thickness: (V,) how far cloth lifts the surface, metres.
        skin: (3,) linear RGB.
        materials: one per layer.
        face: (3,) midpoint of the eyes and the distance between them, in rest metres.
        iris: (3,) linear RGB; None when the eyes are shut.
    """

    cover: Floats
    thickness: Floats
    skin: Floats
    materials: tuple[Material, Material, Material, Material]
    eye_center: Floats
    eye_distance: float
    iris: Floats | None

    def worn(self, person: Mesh) -> Mesh:
        """The body with its clothes' thickness."""
        vertices = lifted(person.vertices, person.normals(), self.thickness)
        return Mesh(vertices, person.faces, person.texture, person.material, person.layers)

    def albedo(self, texture: Pixels, layers: Pixels) -> Pixels:
        """(N, 3) linear RGB at (N, 3) rest coordinates with (N, 4) layer cover."""
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
        """(N, 3) skin with a mottled blush, lips, brows and eyes."""
        color: Pixels = _face(
            texture, noise(texture / np.float32(0.05), 2), self.skin.astype(np.float32),
            self.eye_center.astype(np.float32), np.float32(self.eye_distance), self.iris is not None,
            (np.zeros(3) if self.iris is None else self.iris).astype(np.float32),
        )  # fmt: skip
        return color


@njit(cache=True)
def _uncovered(layers):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(N,) True where none of (N, 4) layers covers; NumPy takes twenty times as long for rows so short."""
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
def _face(texture, blush, skin, center, distance, is_open, iris):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(N, 3) colours at rest coordinates (N, 3); all 32-bit, ``blush`` (N,) in [0, 1], the rest as ``Outfit`` has it."""
    out, one = np.empty_like(texture), np.float32(1)
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
    """Whether a point lies in an ellipse around the origin; 32-bit."""
    x, y = x / width, y / height
    return x * x + y * y < np.float32(1)


def dress(
    body: Body,
    vertices: Floats,
    heads: Floats,
    group: str,
    look: Look,
    rng: np.random.Generator,
    style: np.random.Generator,
) -> Outfit:
    """Draw an outfit for a rest shape; ``style`` is the random stream of what later looks added."""
    parts, eyes = body_parts(body, vertices, heads), body.keypoint_weights[1:3] @ vertices
    center, distance = (eyes[0] + eyes[1]) / 2, float(np.linalg.norm(eyes[0] - eyes[1]))
    wear = _infant_clothes if group == "infant" else _adult_clothes
    cover = np.full((len(vertices), 4), _NOWHERE)
    cover[:, LOWER], cover[:, UPPER], cover[:, FEET] = wear(parts, rng)
    if look.socks and style.random() < look.socks:
        socks = (parts.along_leg - style.uniform(0.7, 0.95)) * parts.leg_length * parts.leg
        cover[:, FEET] = np.maximum(cover[:, FEET], socks - (1 - parts.leg))
    scalp = from_origin(vertices, center) / distance
    hairline = scalp @ np.array([0.0, 0.62, 0.78]) - rng.uniform(1.25, 1.6)
    bonnet = group == "infant" and rng.random() < 0.15
    has_hair = bonnet or rng.random() < (0.75 if group == "infant" else 0.93)
    cover[:, HEAD] = (
        np.where(parts.head > 0.5, hairline * distance, _NOWHERE) if has_hair else _NOWHERE
    )
    hat = look.hat > 0 and style.random() < look.hat
    if hat:
        brim = scalp @ np.array([0.0, 0.5, 0.87]) - style.uniform(0.75, 1.0)
        cover[:, HEAD] = np.where(parts.head > 0.5, brim * distance, _NOWHERE)
    skin = skin_tone(rng)
    if look.skin is not None:
        skin = any_skin(look.skin, style)
    cloth = [
        any_material(rng, look.patterned, (0.012, 0.07), look.saturation, look.brightness)
        for _ in range(3)
    ]
    scale = 1.0 if group == "infant" else 2.0
    lift = (
        np.array([0.010 if group == "infant" else 0.006, 0.004, 0.003, 0.009 if hat else 0.003])
        * scale
    )
    return Outfit(
        cover=cover,
        thickness=_thickness(cover, 0.01 * scale, lift),
        skin=skin,
        materials=(
            cloth[0],
            cloth[1],
            cloth[2],
            cloth[2] if bonnet or hat else _hair(skin, group, rng),
        ),
        eye_center=center,
        eye_distance=distance,
        iris=None
        if rng.random() < 0.3
        else linear(rng.choice([(62, 44, 34), (48, 66, 92), (40, 30, 28)])),
    )


@njit(cache=True)
def _thickness(cover, hem, lift):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """(V,) metres that layers with (V, 4) cover lift the surface: each by ``lift`` (4,), less within ``hem`` of its end."""
    out = np.empty(len(cover))
    for v in range(len(cover)):
        most = 0.0
        for i in range(4):
            most = max(most, min(max(cover[v, i] / hem, 0.0), 1.0) * lift[i])
        out[v] = most
    return out


def _garment(parts: Parts, low: float, high: float, sleeve: float, leg: float) -> Floats:
    """(V,) cover of a garment from height ``low`` to ``high`` with sleeves and legs of a given share."""
    trunk = np.minimum(parts.height - low, high - parts.height) * parts.trunk_length
    arm = (
        (sleeve - parts.along_arm) * parts.arm_length
        if sleeve > 0
        else np.full_like(trunk, _NOWHERE)
    )
    legs = (leg - parts.along_leg) * parts.leg_length
    cover: Floats = parts.trunk * trunk + parts.arm * arm + parts.leg * legs + parts.head * _NOWHERE
    return cover


def _bare(parts: Parts) -> Floats:
    return np.full_like(parts.height, _NOWHERE)


def _infant_clothes(parts: Parts, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Nappy alone, bodysuit, sleepsuit, or shirt with trousers; socks now and then."""
    kind = rng.choice(["nappy", "bodysuit", "sleepsuit", "set"], p=[0.35, 0.25, 0.22, 0.18])
    socks = (parts.along_leg - rng.uniform(0.8, 0.95)) * parts.leg_length * parts.leg - (
        1 - parts.leg
    )
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


def _adult_clothes(parts: Parts, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Shirt or vest, trousers or shorts, mostly shoes."""
    trousers = _garment(
        parts, -1.0, rng.uniform(0.1, 0.3), 0.0, rng.choice([rng.uniform(0.2, 0.6), 1.02])
    )
    sleeve = rng.choice([0.0, rng.uniform(0.15, 0.4), 1.0], p=[0.12, 0.45, 0.43])
    shirt = _garment(parts, rng.uniform(-0.05, 0.2), 0.99, sleeve, rng.uniform(-0.05, 0.15))
    shoes = (parts.along_leg - 0.96) * parts.leg_length * parts.leg - (1 - parts.leg)
    return (
        trousers,
        shirt if rng.random() < 0.93 else _bare(parts),
        shoes if rng.random() < 0.8 else _bare(parts),
    )


def _hair(skin: Floats, group: str, rng: np.random.Generator) -> Material:
    """Hair colour; an infant's is thin and lets the skin through."""
    color = linear(
        rng.choice([(28, 22, 20), (60, 42, 30), (105, 78, 50), (170, 140, 95), (120, 118, 116)])
    )
    if group == "infant":
        color = color + rng.uniform(0.2, 0.75) * (skin - color)
    return Material(color, color * 0.6, "mottled", 0.012, None, 0.3)
