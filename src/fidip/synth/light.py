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


def shade(surface: Surface, albedo: Pixels, meshes: list[Mesh], light: Light) -> Pixels:
    """(H, W, 3) linear RGB radiance: light through a shadow map, sky, bounce and a faint gloss."""
    vertices, faces, _ = join(meshes)
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
    return _light_pixels(
        surface.material, surface.position, surface.normal, albedo, shadow, axes,
        cv2.erode(shadow, window), cv2.dilate(shadow, window), low[:2], texel, high[2] + 1, reach,
        light.direction, light.color, light.sky, light.bounce,
    )  # fmt: skip


def _light_axes(direction: Floats) -> Floats:
    helper = np.array([0.0, 1.0, 0.0]) if abs(direction[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction])


@njit(cache=True)
def _light_pixels(
    material,
    point,
    normal,
    albedo,
    shadow,
    axes,
    nearest,
    farthest,
    low,
    texel,
    far,
    reach,
    direction,
    color,
    sky,
    bounce,
):  # pragma: no cover - compiled
    height, width = material.shape
    size = shadow.shape[0]
    out = np.empty((height, width, 3), np.float32)
    for y in range(height):
        for x in range(width):
            px, py, pz = point[y, x, 0], point[y, x, 1], point[y, x, 2]
            nx, ny, nz = normal[y, x, 0], normal[y, x, 1], normal[y, x, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            nx, ny, nz = nx / length, ny / length, nz / length
            facing = nx * direction[0] + ny * direction[1] + nz * direction[2]
            u = (axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz - low[0]) / texel
            v = (axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz - low[1]) / texel
            w = far - (axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz)
            bias = texel * (1.5 + 2.0 * reach * (1.0 - max(facing, 0.0)))
            # 25 taps make a soft edge; what nothing near shades, or everything near, needs none.
            s0, t0, edge = int(np.rint(u)), int(np.rint(v)), reach + 1
            inside = s0 >= edge and t0 >= edge and s0 < size - edge and t0 < size - edge
            lit, taps = 0.0, 25
            if inside and w - bias <= nearest[t0, s0]:
                lit = 25.0
            elif not inside or w - bias <= farthest[t0, s0]:
                for j in range(-2, 3):
                    for i in range(-2, 3):
                        s, t = int(np.rint(u + i * reach * 0.5)), int(np.rint(v + j * reach * 0.5))
                        if s < 0 or t < 0 or s >= size or t >= size or w - bias <= shadow[t, s]:
                            lit += 1.0
            # Wrapped diffuse light stands in for light scattered under skin and in cloth.
            diffuse = max(0.0, (facing + 0.15) / 1.15) * lit / taps
            up = 0.5 + 0.5 * nz
            # Close to the floor less of the sky is seen.
            open_sky = 0.55 + 0.45 * min(1.0, max(0.0, pz) / 0.12) if material[y, x] >= 0 else 1.0
            open_sky *= 0.6 + 0.4 * lit / taps
            for k in range(3):
                ambient = sky[k] * up * open_sky + bounce[k] * (1.0 - up)
                out[y, x, k] = albedo[y, x, k] * (ambient + color[k] * diffuse)
    return out
