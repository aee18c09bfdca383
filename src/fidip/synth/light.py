"""Light on surfaces: a shadow map, sky, and bounce from below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.synth.mesh import Mesh, bounds, join
from fidip.synth.raster import Surface, depth_map

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Light:
    """A distant light with soft shadows, over a sky and a bounce from below.

    Attributes:
        direction: (3,) unit vector towards the light.
        color, sky, bounce: (3,) linear RGB strength of the light, from above and from below.
        softness: radius of the shadow's blur, metres.
    """

    direction: Floats
    color: Floats
    sky: Floats
    bounce: Floats
    softness: float


def shade(surface: Surface, albedo: Pixels, meshes: list[Mesh], *lights: Light) -> Pixels:
    """(H, W, 3) linear RGB radiance: light through shadow maps, sky, bounce and a faint gloss."""
    vertices, faces, _ = join(meshes)
    first, *others = (_lit(surface, albedo, vertices, faces, light) for light in lights)
    for radiance in others:
        first += radiance
    return first


def _lit(
    surface: Surface, albedo: Pixels, vertices: Floats, faces: NDArray[np.int32], light: Light
) -> Pixels:
    axes = _light_axes(light.direction)
    local = vertices @ axes.T
    low, high = (bound + pad for bound, pad in zip(bounds(local), (-0.02, 0.02), strict=True))
    size = 256
    texel = float((high - low)[:2].max() / (size - 1))
    # Orthographic: depth grows away from the light; a constant far plane keeps the sign positive.
    screen = np.concatenate([(local[:, :2] - low[:2]) / texel, high[2:] + 1 - local[:, 2:]], axis=1)
    shadow = depth_map(screen, faces, size)
    reach = max(1, int(light.softness / texel))
    window = np.ones((2 * reach + 3, 2 * reach + 3), np.uint8)
    radiance: Pixels = _light_pixels(
        surface.material, surface.position, surface.normal, albedo, shadow, axes,
        cv2.erode(shadow, window), cv2.dilate(shadow, window), low[:2], texel, high[2] + 1, reach,
        light.direction, light.color, light.sky, light.bounce,
    )  # fmt: skip
    return radiance


def _light_axes(direction: Floats) -> Floats:
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction])


@njit(cache=True, error_model="numpy")
def _light_pixels(
    material, point, normal, albedo, shadow, axes, nearest, farthest, low, texel, far, reach,
    direction, color, sky, bounce,
):  # fmt: skip  # pragma: no cover - compiled
    height, width = material.shape
    size, edge = shadow.shape[0], reach + 1
    out = np.empty((height, width, 3), np.float32)
    # Scalars: the compiler must take it that writing to a pixel may change an array.
    ux, uy, uz = axes[0]
    vx, vy, vz = axes[1]
    wx, wy, wz = axes[2]
    low_u, low_v = low
    to_x, to_y, to_z = direction
    sky_r, sky_g, sky_b = sky
    bounce_r, bounce_g, bounce_b = bounce
    color_r, color_g, color_b = color
    for y in range(height):
        for x in range(width):
            px, py, pz = point[y, x, 0], point[y, x, 1], point[y, x, 2]
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            facing = nx * to_x + ny * to_y + nz * to_z
            u = (ux * px + uy * py + uz * pz - low_u) / texel
            v = (vx * px + vy * py + vz * pz - low_v) / texel
            w = far - (wx * px + wy * py + wz * pz)
            depth = w - texel * (1.5 + 2.0 * reach * (1.0 - max(facing, 0.0)))
            # 25 taps make a soft edge; what nothing near shades, or everything near, needs none.
            s, t = int(np.rint(u)), int(np.rint(v))
            inside = s >= edge and t >= edge and s < size - edge and t < size - edge
            beyond = s < -edge or t < -edge or s >= size + edge or t >= size + edge
            taps = 25
            if beyond or (inside and depth <= nearest[t, s]):
                lit = taps
            elif inside and depth > farthest[t, s]:
                lit = 0
            else:
                lit = _open_taps(shadow, u, v, depth, reach, inside)
            # Wrapped diffuse light stands in for light scattered under skin and in cloth.
            diffuse = max(0.0, (facing + 0.15) / 1.15) * lit / taps
            up = 0.5 + 0.5 * nz
            # Close to the floor less of the sky is seen.
            open_sky = 0.55 + 0.45 * min(1.0, max(0.0, pz) / 0.12) if material[y, x] >= 0 else 1.0
            open_sky *= 0.6 + 0.4 * lit / taps
            down = 1.0 - up
            out[y, x, 0] = albedo[y, x, 0] * (
                sky_r * up * open_sky + bounce_r * down + color_r * diffuse
            )
            out[y, x, 1] = albedo[y, x, 1] * (
                sky_g * up * open_sky + bounce_g * down + color_g * diffuse
            )
            out[y, x, 2] = albedo[y, x, 2] * (
                sky_b * up * open_sky + bounce_b * down + color_b * diffuse
            )
    return out


@njit(cache=True, error_model="numpy")
def _open_taps(shadow, u, v, depth, reach, inside):  # pragma: no cover - compiled
    """How many of 25 points within ``reach`` texels of (u, v) the light reaches at this depth; all beyond the map."""
    size, lit = shadow.shape[0], 0
    s0, s1, s2 = int(np.rint(u - reach)), int(np.rint(u - reach * 0.5)), int(np.rint(u))
    s3, s4 = int(np.rint(u + reach * 0.5)), int(np.rint(u + reach))
    for j in range(-2, 3):
        t = int(np.rint(v + j * reach * 0.5))
        if inside:
            lit += int(depth <= shadow[t, s0]) + int(depth <= shadow[t, s1])
            lit += int(depth <= shadow[t, s2]) + int(depth <= shadow[t, s3])
            lit += int(depth <= shadow[t, s4])
            continue
        for s in (s0, s1, s2, s3, s4):
            if s < 0 or t < 0 or s >= size or t >= size or depth <= shadow[t, s]:
                lit += 1
    return lit
