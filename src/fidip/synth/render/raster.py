"""Rasterisation of triangles by a z-buffer on the CPU, with compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.camera.pinhole import Camera
from fidip.synth.render.mesh import Mesh, join

FLOOR, WALL = -1, -2
_NEAR = 0.02  # near plane, metres


@dataclass(frozen=True, eq=False)
class Surface:
    """What each pixel shows (a G-buffer).

    Attributes:
        material: (H, W) int32 material index; ``FLOOR`` and ``WALL`` for the room.
        depth: (H, W) float32 metres along the optical axis.
        position, normal: (H, W, 3) float32, world metres and not normalised.
        texture, layers: (H, W, 3) and (H, W, 4) float32 of meshes; not set for the room.
    """

    material: NDArray[np.int32]
    depth: Pixels
    position: Pixels
    normal: Pixels
    texture: Pixels
    layers: Pixels


class _Triangles(NamedTuple):
    """Projected triangles with what is interpolated over them.

    Attributes:
        screen: (V, 3) x, y in px and depth.
        key: (V,) inverse depth, NaN behind the near plane.
        faces: (F, 3) vertices of each face.
        owner: (F,) material of each face.
        vertices, normals, texture: (V, 3).
        layers: (V, 4).
    """

    screen: Floats
    key: Floats
    faces: NDArray[np.int32]
    owner: NDArray[np.int32]
    vertices: Floats
    normals: Floats
    texture: Floats
    layers: Floats


class _Rays(NamedTuple):
    """The rays of a camera; attributes as of ``Camera``."""

    rotation: Floats
    position: Floats
    focal: float
    center: Floats


def draw(meshes: list[Mesh], camera: Camera, wall: Floats) -> Surface:
    """Rasterise meshes in front of a floor (z = 0) and a wall.

    Args:
        meshes: the meshes.
        camera: the view.
        wall: (4,) a unit normal n and an offset d, metres, of the plane n . x = d.
    """
    vertices, faces, owner = join(meshes)
    texture = np.concatenate([m.texture for m in meshes])
    layers = np.concatenate(
        [m.layers if len(m.layers) else np.zeros((len(m.vertices), 4)) for m in meshes]
    )
    normals = np.concatenate([m.normals() for m in meshes])
    screen, key = _perspective(camera.project(vertices))
    face, nearest = _nearest(screen, key, faces, *camera.size_wh)
    triangles = _Triangles(screen, key, faces, owner, vertices, normals, texture, layers)
    rays = _Rays(camera.rotation, camera.position, camera.focal, camera.center)
    return Surface(*_resolve(face, nearest, triangles, rays, wall))


def silhouette(meshes: list[Mesh], camera: Camera) -> NDArray[np.bool_]:
    """Return the (H, W) mask of meshes, as if nothing hid them."""
    vertices, faces, _ = join(meshes)
    covered: NDArray[np.bool_] = _covered(
        *_perspective(camera.project(vertices)), faces, *camera.size_wh
    )
    return covered


def visible_fraction(points: Floats, others: Mesh, camera: Camera) -> float:
    """Return the fraction of points (N, 3) that a mesh leaves visible, on a grid of 64 px."""
    small = camera.scaled(64 / max(camera.size_wh))
    key = inverse_depth([others], small)
    seen = small.project(points)
    column, row = np.clip(np.rint(seen[:, :2]), 0, np.array(small.size_wh) - 1).astype(int).T
    return float((1 / seen[:, 2] >= key[row, column]).mean())


def inverse_depth(meshes: list[Mesh], camera: Camera) -> Floats:
    """Return the inverse depth (H, W) of the nearest face, 1 / metres; -inf where there is none."""
    vertices, faces, _ = join(meshes)
    _, key = _nearest(*_perspective(camera.project(vertices)), faces, *camera.size_wh)
    nearest: Floats = key
    return nearest


def _perspective(screen: Floats) -> tuple[Floats, Floats]:
    """Return the points (N, 3) and their inverse depth (N,), NaN behind the near plane."""
    depth = screen[:, 2]
    key = np.full(len(depth), np.nan)
    np.divide(1.0, depth, out=key, where=depth >= _NEAR)
    return screen, key


def depth_map(screen: Floats, faces: NDArray[np.int32], size: int) -> Pixels:
    """Return the smallest depth (size, size) of orthographically projected faces, else infinity."""
    _, key = _nearest(screen, -screen[:, 2], faces, size, size)
    return -key.astype(np.float32)


@njit(cache=True, error_model="numpy")
def _spans(screen, width, height):  # pragma: no cover - compiled
    """Return the pixel centres nearest to each point on all sides.

    Rounding once per vertex, not once per face, makes small faces cheap.

    Returns:
        (V, 4) int32: first column at or after, last column at or before each point, then the same
        for rows; limited to one pixel around the image.
    """
    out = np.empty((screen.shape[0], 4), np.int32)
    for v in range(screen.shape[0]):
        x, y = screen[v, 0], screen[v, 1]
        out[v, 0] = np.int32(min(max(np.ceil(x), 0.0), float(width)))
        out[v, 1] = np.int32(max(min(np.floor(x), width - 1.0), -1.0))
        out[v, 2] = np.int32(min(max(np.ceil(y), 0.0), float(height)))
        out[v, 3] = np.int32(max(min(np.floor(y), height - 1.0), -1.0))
    return out


@njit(cache=True, error_model="numpy")
def _triangle(screen, key, spans, a, b, c):  # pragma: no cover - compiled
    """Return a face's first corner, its sides to the other two, twice its area, and its box.

    The sides of faces that turn away are negated, so the area is positive. It is 0 if there is
    nothing to draw: no pixel centre in the box, or a corner whose key is NaN.
    """
    x0 = min(spans[a, 0], spans[b, 0], spans[c, 0])
    x1 = max(spans[a, 1], spans[b, 1], spans[c, 1])
    y0 = min(spans[a, 2], spans[b, 2], spans[c, 2])
    y1 = max(spans[a, 3], spans[b, 3], spans[c, 3])
    if x0 > x1 or y0 > y1 or np.isnan(key[a]) or np.isnan(key[b]) or np.isnan(key[c]):
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, x0, x1, y0, y1
    ax, ay = screen[a, 0], screen[a, 1]
    abx, aby, acx, acy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
    area = abx * acy - aby * acx
    if area < 0.0:
        abx, aby, acx, acy, area = -abx, -aby, -acx, -acy, -area
    return ax, ay, abx, aby, acx, acy, area, x0, x1, y0, y1


@njit(cache=True, error_model="numpy")
def _weights(b, c, area):  # pragma: no cover - compiled
    """Return the corners' weights for two of them times twice the area; -1 outside the triangle."""
    # Most pixels outside need one branch and no division; rounding decides about the others.
    if (b >= 0.0) & (c >= 0.0) & (b + c <= area * (1.0 + 1e-9)):
        wb, wc = b / area, c / area
        return 1.0 - wb - wc, wb, wc
    return -1.0, 0.0, 0.0


@njit(cache=True, error_model="numpy")
def _nearest(screen, key, faces, width, height):  # pragma: no cover - compiled
    """Return the face with the largest key at every pixel, and that key.

    Args:
        screen: (V, 3) x, y in px.
        key: (V,) affine on the screen and growing towards the viewer: inverse depth in perspective,
            negative depth in an orthographic view; NaN removes a vertex' faces.
        faces: (F, 3) vertices of each face.
        width: width of the image, px.
        height: height of the image, px.

    Returns:
        (H, W) int32 face, -1 for none, and (H, W) key, -inf for none.
    """
    face = np.full((height, width), -1, np.int32)
    nearest = np.full((height, width), -np.inf)
    spans = _spans(screen, width, height)
    for f in range(faces.shape[0]):
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        ax, ay, abx, aby, acx, acy, area, x0, x1, y0, y1 = _triangle(screen, key, spans, i, j, k)
        if area == 0.0:
            continue
        ka, kb, kc = key[i], key[j], key[k]
        limit = max(ka, kb, kc)
        limit += 1e-12 * abs(limit)  # rounding may raise a weighted mean above the largest key
        for y in range(y0, y1 + 1):
            row_b, row_c = (y - ay) * acx, abx * (y - ay)
            for x in range(x0, x1 + 1):
                if limit < nearest[y, x]:
                    continue
                wa, wb, wc = _weights((x - ax) * acy - row_b, row_c - aby * (x - ax), area)
                here = wa * ka + wb * kb + wc * kc
                if (wa >= 0.0) & (here > nearest[y, x]):
                    nearest[y, x] = here
                    face[y, x] = f
    return face, nearest


@njit(cache=True, error_model="numpy")
def _covered(screen, key, faces, width, height):  # pragma: no cover - compiled
    """Return the (H, W) mask of faces; arguments as of ``_nearest``."""
    covered = np.zeros((height, width), np.bool_)
    spans = _spans(screen, width, height)
    for f in range(faces.shape[0]):
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        ax, ay, abx, aby, acx, acy, area, x0, x1, y0, y1 = _triangle(screen, key, spans, i, j, k)
        if area == 0.0:
            continue
        for y in range(y0, y1 + 1):
            row_b, row_c = (y - ay) * acx, abx * (y - ay)
            for x in range(x0, x1 + 1):
                if not covered[y, x]:
                    wa, _, _ = _weights((x - ax) * acy - row_b, row_c - aby * (x - ax), area)
                    covered[y, x] = wa >= 0.0
    return covered


@njit(cache=True, error_model="numpy")
def _resolve(face, nearest, triangles, rays, wall):  # pragma: no cover - compiled
    """Interpolate what each pixel shows; pixels without a face show the floor or the wall."""
    height, width = face.shape
    material = np.empty((height, width), np.int32)
    depth = np.empty((height, width), np.float32)
    point = np.empty((height, width, 3), np.float32)
    normal = np.empty((height, width, 3), np.float32)
    coords = np.empty((height, width, 3), np.float32)
    cover = np.empty((height, width, 4), np.float32)
    vertices, normals = triangles.vertices, triangles.normals
    texture, layers = triangles.texture, triangles.layers
    for y in range(height):
        _room(y, rays, wall, material[y], point[y], normal[y])
        for x in range(width):
            f = face[y, x]
            if f >= 0:
                a, b, c, wb, wc = _corners(triangles, f, x, y, nearest[y, x])
                wa = 1.0 - wb - wc
                material[y, x] = triangles.owner[f]
                for i in range(3):
                    point[y, x, i] = wa * vertices[a, i] + wb * vertices[b, i] + wc * vertices[c, i]
                    normal[y, x, i] = wa * normals[a, i] + wb * normals[b, i] + wc * normals[c, i]
                    coords[y, x, i] = wa * texture[a, i] + wb * texture[b, i] + wc * texture[c, i]
                for i in range(4):
                    cover[y, x, i] = wa * layers[a, i] + wb * layers[b, i] + wc * layers[c, i]
        _fill_depth(point[y], rays, depth[y])
    return material, depth, point, normal, coords, cover


@njit(cache=True, error_model="numpy")
def _corners(triangles, face, x, y, nearest):  # pragma: no cover - compiled
    """Return a face's corners, and the perspective-correct weights of the second and the third."""
    screen, key, faces = triangles.screen, triangles.key, triangles.faces
    a, b, c = np.uint32(faces[face, 0]), np.uint32(faces[face, 1]), np.uint32(faces[face, 2])
    ax, ay = screen[a, 0], screen[a, 1]
    abx, aby, acx, acy = screen[b, 0] - ax, screen[b, 1] - ay, screen[c, 0] - ax, screen[c, 1] - ay
    area = abx * acy - aby * acx
    wb = np.float32(((x - ax) * acy - (y - ay) * acx) / area * key[b] / nearest)
    wc = np.float32((abx * (y - ay) - aby * (x - ax)) / area * key[c] / nearest)
    return a, b, c, wb, wc


@njit(cache=True, error_model="numpy")
def _fill_depth(point, rays, depth):  # pragma: no cover - compiled
    """Set the depth (W,) of a row of points (W, 3) along the optical axis."""
    px, py, pz = rays.position
    r20, r21, r22 = rays.rotation[2]
    for x in range(len(depth)):
        away = r20 * (point[x, 0] - px)
        away += r21 * (point[x, 1] - py)
        away += r22 * (point[x, 2] - pz)
        depth[x] = away


@njit(cache=True, error_model="numpy")
def _room(y, rays, wall, material, point, normal):  # pragma: no cover - compiled
    """Set material (W,), point (W, 3) and normal (W, 3) where a row of rays meets floor or wall."""
    px, py, pz = rays.position
    r00, r01, r02 = rays.rotation[0]
    r10, r11, r12 = rays.rotation[1]
    r20, r21, r22 = rays.rotation[2]
    wall_x, wall_y, wall_z, wall_d = wall
    center_x, ry = rays.center[0], (y - rays.center[1]) / rays.focal
    gap = wall_d - (wall_x * px + wall_y * py + wall_z * pz)
    for x in range(len(material)):
        rx = (x - center_x) / rays.focal
        dx = r00 * rx + r10 * ry + r20
        dy = r01 * rx + r11 * ry + r21
        dz = r02 * rx + r12 * ry + r22
        floor = -pz / dz if dz < -1e-6 else 1e6
        toward = wall_x * dx + wall_y * dy + wall_z * dz
        back = gap / toward
        back = back if (abs(toward) > 1e-6) & (back > 0) else 1e6
        t = floor if floor < back else back
        t = t if t < 50.0 else 50.0
        point[x, 0], point[x, 1], point[x, 2] = px + t * dx, py + t * dy, pz + t * dz
        material[x] = FLOOR if floor <= back else WALL
        normal[x, 0] = 0.0 if floor <= back else -wall_x
        normal[x, 1] = 0.0 if floor <= back else -wall_y
        normal[x, 2] = 1.0 if floor <= back else -wall_z
