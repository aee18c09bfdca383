"""Light on surfaces: a shadow map, sky, and bounce from below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.pose.rotation import cross
from fidip.synth.render.mesh import Mesh, bounds, join
from fidip.synth.render.raster import Surface, depth_map


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
    screen = _on_map(local, low[0], low[1], high[2] + 1, texel)
    reach = max(1, int(light.softness / texel))
    margin = 2 * (reach + 1)  # so wide that no tap falls outside the map
    shadow = np.full((size + 2 * margin, size + 2 * margin), np.inf, np.float32)
    shadow[margin:-margin, margin:-margin] = depth_map(screen, faces, size)
    closest, farthest = _halved(shadow)
    around = reach // 2 + 1  # blocks that hold all that is within ``reach`` and one texel
    window = np.ones((2 * around + 1, 2 * around + 1), np.uint8)
    radiance: Pixels = _light_pixels(
        surface.material, surface.position, surface.normal, albedo, shadow, axes,
        cv2.erode(closest, window), cv2.dilate(farthest, window), low[:2], texel, high[2] + 1, reach,
        light.direction, light.color, light.sky, light.bounce,
    )  # fmt: skip
    return radiance


@njit(cache=True)
def _halved(shadow):  # pragma: no cover - compiled
    """Smallest and largest of each block of 2 x 2 texels."""
    closest = np.empty((shadow.shape[0] // 2, shadow.shape[1] // 2), np.float32)
    farthest = np.empty_like(closest)
    for y in range(closest.shape[0]):
        for x in range(closest.shape[1]):
            a, b = shadow[2 * y, 2 * x], shadow[2 * y, 2 * x + 1]
            c, d = shadow[2 * y + 1, 2 * x], shadow[2 * y + 1, 2 * x + 1]
            closest[y, x] = min(a, b, c, d)
            farthest[y, x] = max(a, b, c, d)
    return closest, farthest


@njit(cache=True, error_model="numpy")
def _on_map(local, low_u, low_v, far, texel):  # pragma: no cover - compiled
    """(N, 3) points along the light's axes, metres, to texels and depth."""
    out = np.empty_like(local)
    for n in range(len(local)):
        out[n, 0] = (local[n, 0] - low_u) / texel
        out[n, 1] = (local[n, 1] - low_v) / texel
        out[n, 2] = far - local[n, 2]
    return out


def _light_axes(direction: Floats) -> Floats:
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    x = cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, cross(direction, x), direction])


@njit(cache=True, error_model="numpy")
def _light_pixels(
    material, point, normal, albedo, shadow, axes, nearest, farthest, low, texel, far, reach,
    direction, color, sky, bounce,
):  # fmt: skip  # pragma: no cover - compiled
    height, width = material.shape
    size, edge = shadow.shape[0], reach + 1
    margin, taps = 2 * edge, 25
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
    first, last = (edge - margin - 1) * texel, (size - edge - margin + 1) * texel
    last_x = last_y = last_z = np.float32(np.nan)
    facing = diffusion = up = red = green = blue = 0.0
    last_lit = -1
    for y in range(height):
        for x in range(width):
            px, py, pz = point[y, x, 0], point[y, x, 1], point[y, x, 2]
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            if nx != last_x or ny != last_y or nz != last_z:  # not so along a flat surface
                last_x, last_y, last_z, last_lit = nx, ny, nz, -1
                length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
                up = nz / length
                facing = nx / length * to_x + ny / length * to_y + up * to_z
                diffusion = max(0.0, (facing + 0.15) / 1.15)
                up = 0.5 + 0.5 * up
            u = ux * px + uy * py + uz * pz - low_u
            v = vx * px + vy * py + vz * pz - low_v
            lit = taps
            if first < u < last and first < v < last:  # else it is not on the map
                u, v = u / texel, v / texel
                w = far - (wx * px + wy * py + wz * pz)
                depth = w - texel * (1.5 + 2.0 * reach * (1.0 - max(facing, 0.0)))
                # 25 taps make a soft edge; what nothing near shades, or everything near, needs none.
                s, t = int(np.rint(u)) + margin, int(np.rint(v)) + margin
                outside = s < edge or t < edge or s >= size - edge or t >= size - edge
                if not outside and depth > nearest[t >> 1, s >> 1]:
                    shaded = depth > farthest[t >> 1, s >> 1]
                    lit = 0 if shaded else _open_taps(shadow, u, v, depth, reach, margin)
            in_room = material[y, x] < 0
            if lit != last_lit or not in_room:  # in the room the same light is everywhere
                last_lit = lit if in_room else -1
                # Wrapped diffuse light stands in for light scattered under skin and in cloth.
                diffuse = diffusion * lit / taps
                # Close to the floor less of the sky is seen.
                open_sky = 1.0 if in_room else 0.55 + 0.45 * min(1.0, max(0.0, pz) / 0.12)
                open_sky *= 0.6 + 0.4 * lit / taps
                down = 1.0 - up
                red = sky_r * up * open_sky + bounce_r * down + color_r * diffuse
                green = sky_g * up * open_sky + bounce_g * down + color_g * diffuse
                blue = sky_b * up * open_sky + bounce_b * down + color_b * diffuse
            out[y, x, 0] = albedo[y, x, 0] * red
            out[y, x, 1] = albedo[y, x, 1] * green
            out[y, x, 2] = albedo[y, x, 2] * blue
    return out


@njit(cache=True, error_model="numpy")
def _open_taps(shadow, u, v, depth, reach, margin):  # pragma: no cover - compiled
    """How many of 25 points within ``reach`` texels of (u, v) the light reaches at this depth."""
    half, lit = reach * 0.5, 0
    # Rounded up, it compares with the 32 bits of the map as its 64 bits would.
    rounded = np.float32(depth)
    depth = np.float32(rounded + abs(rounded) * (6e-8 * np.float64(rounded < depth)))
    s0, s1 = np.uint32(np.rint(u - reach) + margin), np.uint32(np.rint(u - half) + margin)
    s2 = np.uint32(np.rint(u) + margin)
    s3, s4 = np.uint32(np.rint(u + half) + margin), np.uint32(np.rint(u + reach) + margin)
    for j in range(-2, 3):
        t = np.uint32(np.rint(v + j * reach * 0.5) + margin)
        lit += (depth <= shadow[t, s0]) + (depth <= shadow[t, s1]) + (depth <= shadow[t, s2])
        lit += (depth <= shadow[t, s3]) + (depth <= shadow[t, s4])
    return lit
