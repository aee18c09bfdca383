"""Light on surfaces: shadow maps, sky, and bounce from below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
    """Return the (H, W, 3) linear RGB radiance of a surface.

    Args:
        surface: what each pixel shows.
        albedo: (H, W, 3) linear RGB.
        meshes: what throws shadows.
        lights: the lights; their radiances are added.
    """
    vertices, faces, _ = join(meshes)
    first, *others = (_lit(surface, albedo, vertices, faces, light) for light in lights)
    for radiance in others:
        first += radiance
    return first


_MAP_SIZE = 256
_PAD = 0.02  # metres around the meshes


class _ShadowMap(NamedTuple):
    """Depths seen from a light.

    Attributes:
        depth: (S, S) depth of the nearest face per texel, infinite where there is none; with
            margin.
        nearest, farthest: (S / 2, S / 2) bounds of all depths that the taps around a texel can
            meet.
        axes: (3, 3) axes of the light; the third points towards it.
        low: (2,) corner of the map along the first two axes, metres.
        texel: size of a texel, metres.
        far: position of the far plane along the third axis, metres.
        radius: radius of the soft shadow, texels.
    """

    depth: Pixels
    nearest: Pixels
    farthest: Pixels
    axes: Floats
    low: Floats
    texel: float
    far: float
    radius: int


def _lit(
    surface: Surface, albedo: Pixels, vertices: Floats, faces: NDArray[np.int32], light: Light
) -> Pixels:
    """Return the radiance (H, W, 3) that one light gives a surface."""
    shown = (surface.material, surface.position, surface.normal)
    colors = (light.color, light.sky, light.bounce)
    shadows = _shadow_map(vertices, faces, light)
    radiance: Pixels = _light_pixels(shown, albedo, shadows, light.direction, colors)
    return radiance


def _shadow_map(vertices: Floats, faces: NDArray[np.int32], light: Light) -> _ShadowMap:
    axes = _light_axes(light.direction)
    local = vertices @ axes.T
    low, high = (bound + pad for bound, pad in zip(bounds(local), (-_PAD, _PAD), strict=True))
    texel = float((high - low)[:2].max() / (_MAP_SIZE - 1))
    far = high[2] + 1  # orthographic: depth grows away from the light and stays positive
    screen = _on_map(local, low[0], low[1], far, texel)
    radius = max(1, int(light.softness / texel))
    margin = 2 * (radius + 1)  # wide enough for all taps
    size = _MAP_SIZE + 2 * margin
    depth = np.full((size, size), np.inf, np.float32)
    depth[margin:-margin, margin:-margin] = depth_map(screen, faces, _MAP_SIZE)
    closest, farthest = _halved(depth)
    around = radius // 2 + 1  # blocks that hold everything within the radius and one texel
    window = np.ones((2 * around + 1, 2 * around + 1), np.uint8)
    nearest, most = cv2.erode(closest, window), cv2.dilate(farthest, window)
    return _ShadowMap(depth, nearest, most, axes, low[:2], texel, far, radius)


@njit(cache=True)
def _halved(shadow):  # pragma: no cover - compiled
    """Return the smallest and the largest value of each block of 2 x 2 texels."""
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
    """Convert points (N, 3) along the light's axes, metres, to texels and depth."""
    out = np.empty_like(local)
    for n in range(len(local)):
        out[n, 0] = (local[n, 0] - low_u) / texel
        out[n, 1] = (local[n, 1] - low_v) / texel
        out[n, 2] = far - local[n, 2]
    return out


def _light_axes(direction: Floats) -> Floats:
    """Return a (3, 3) right-handed frame whose third row is ``direction``."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    x = cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, cross(direction, x), direction])


_TAPS = 25


@njit(cache=True, error_model="numpy")
def _light_pixels(surface, albedo, shadows, direction, colors):  # pragma: no cover - compiled
    """Return the radiance (H, W, 3) of pixels.

    Args:
        surface: material (H, W), position and normal (H, W, 3).
        albedo: (H, W, 3) linear RGB.
        shadows: a ``_ShadowMap``.
        direction: (3,) unit vector towards the light.
        colors: linear RGB (3,) of light, sky and bounce.
    """
    material, point, normal = surface
    shadow, nearest, farthest = shadows.depth, shadows.nearest, shadows.farthest
    # Numbers: the compiler must assume that writing to a pixel may change an array.
    grid = _grid(shadows)
    towards = (direction[0], direction[1], direction[2])
    light = _mixture(colors)
    height, width = material.shape
    out = np.empty((height, width, 3), np.float32)
    last_x = last_y = last_z = np.float32(np.nan)
    facing = diffusion = up = red = green = blue = 0.0
    last_lit = -1
    for y in range(height):
        for x in range(width):
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            if nx != last_x or ny != last_y or nz != last_z:  # a flat surface has one normal
                last_x, last_y, last_z, last_lit = nx, ny, nz, -1
                facing, diffusion, up = _facing(nx, ny, nz, towards)
            here = (point[y, x, 0], point[y, x, 1], point[y, x, 2])
            u, v, depth, s, t = _on_shadow_map(here, facing, grid)
            # 25 taps make a soft edge; points that nothing or everything near shades need none.
            if s < 0 or depth <= nearest[t >> 1, s >> 1]:
                lit = _TAPS
            elif depth > farthest[t >> 1, s >> 1]:
                lit = 0
            else:
                lit = _open_taps(shadow, u, v, depth, shadows.radius)
            in_room = material[y, x] < 0
            if lit != last_lit or not in_room:  # floor and wall have the same light everywhere
                last_lit = lit if in_room else -1
                # Less of the sky is visible close to the floor.
                open_sky = 1.0 if in_room else 0.55 + 0.45 * min(1.0, max(0.0, here[2]) / 0.12)
                red, green, blue = _mixed(light, diffusion, up, open_sky, lit)
            out[y, x, 0] = albedo[y, x, 0] * red
            out[y, x, 1] = albedo[y, x, 1] * green
            out[y, x, 2] = albedo[y, x, 2] * blue
    return out


@njit(cache=True, error_model="numpy")
def _grid(shadows):  # pragma: no cover - compiled
    """Return axes, corner, texel, far plane, radius and size of a shadow map as numbers."""
    u, v, w = shadows.axes
    axes = (u[0], u[1], u[2], v[0], v[1], v[2], w[0], w[1], w[2])
    numbers = (shadows.low[0], shadows.low[1], shadows.texel, shadows.far)
    return axes, numbers, shadows.radius, shadows.depth.shape[0]


@njit(cache=True, error_model="numpy")
def _mixture(colors):  # pragma: no cover - compiled
    """Return linear RGB (3,) of light, sky and bounce as numbers."""
    color, sky, bounce = colors
    return (
        (color[0], color[1], color[2]),
        (sky[0], sky[1], sky[2]),
        (bounce[0], bounce[1], bounce[2]),
    )


@njit(cache=True, error_model="numpy")
def _facing(nx, ny, nz, direction):  # pragma: no cover - compiled
    """Return the cosine to the light, the wrapped diffuse light, and the fraction of sky.

    Wrapped diffuse light approximates light that is scattered under skin and in cloth.
    """
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    up = nz / length
    facing = nx / length * direction[0] + ny / length * direction[1] + up * direction[2]
    return facing, max(0.0, (facing + 0.15) / 1.15), 0.5 + 0.5 * up


@njit(cache=True, error_model="numpy")
def _on_shadow_map(point, facing, grid):  # pragma: no cover - compiled
    """Return u, v and depth of a point (3,), and the indices of its texel; -1 outside the map."""
    px, py, pz = point
    (ux, uy, uz, vx, vy, vz, wx, wy, wz), (low_u, low_v, texel, far), radius, size = grid
    edge = radius + 1
    margin = 2 * edge
    u = ux * px + uy * py + uz * pz - low_u
    v = vx * px + vy * py + vz * pz - low_v
    first, last = (edge - margin - 1) * texel, (size - edge - margin + 1) * texel
    if not (first < u < last and first < v < last):
        return 0.0, 0.0, 0.0, -1, -1
    u, v = u / texel, v / texel
    s, t = int(np.rint(u)) + margin, int(np.rint(v)) + margin
    if s < edge or t < edge or s >= size - edge or t >= size - edge:
        return 0.0, 0.0, 0.0, -1, -1
    w = far - (wx * px + wy * py + wz * pz)
    return u, v, w - texel * (1.5 + 2.0 * radius * (1.0 - max(facing, 0.0))), s, t


@njit(cache=True, error_model="numpy")
def _mixed(colors, diffusion, up, open_sky, lit):  # pragma: no cover - compiled
    """Return the red, green and blue light from the light source, the sky and below."""
    color, sky, bounce = colors
    diffuse = diffusion * lit / _TAPS
    open_sky *= 0.6 + 0.4 * lit / _TAPS
    down = 1.0 - up
    red = sky[0] * up * open_sky + bounce[0] * down + color[0] * diffuse
    green = sky[1] * up * open_sky + bounce[1] * down + color[1] * diffuse
    blue = sky[2] * up * open_sky + bounce[2] * down + color[2] * diffuse
    return red, green, blue


@njit(cache=True, error_model="numpy")
def _open_taps(shadow, u, v, depth, radius):  # pragma: no cover - compiled
    """Return how many of 25 taps within ``radius`` texels of (u, v) the light reaches."""
    half, margin, lit = radius * 0.5, 2 * (radius + 1), 0
    # Rounded up to 32 bits, it compares with the map as the 64-bit number would.
    rounded = np.float32(depth)
    depth = np.float32(rounded + abs(rounded) * (6e-8 * np.float64(rounded < depth)))
    s0, s1 = np.uint32(np.rint(u - radius) + margin), np.uint32(np.rint(u - half) + margin)
    s2 = np.uint32(np.rint(u) + margin)
    s3, s4 = np.uint32(np.rint(u + half) + margin), np.uint32(np.rint(u + radius) + margin)
    for j in range(-2, 3):
        t = np.uint32(np.rint(v + j * radius * 0.5) + margin)
        lit += (depth <= shadow[t, s0]) + (depth <= shadow[t, s1]) + (depth <= shadow[t, s2])
        lit += (depth <= shadow[t, s3]) + (depth <= shadow[t, s4])
    return lit
