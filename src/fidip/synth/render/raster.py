"""Triangles to pixels by a z-buffer: no GL, no GPU. All kernels are compiled once and cached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Pixels
from fidip.synth.camera.pinhole import Camera
from fidip.synth.render.mesh import Mesh, join

FLOOR, WALL = -1, -2
_NEAR = 0.02


@dataclass(frozen=True, eq=False)
class Surface:
    """What each pixel shows (a G-buffer), all (H, W, ...).

    Attributes:
        material: (H, W) int32 material index; ``FLOOR`` and ``WALL`` for the room.
        depth: (H, W) float32 metres along the optical axis.
        position, normal: (H, W, 3) float32.
        texture, layers: (H, W, 3) and (H, W, 4) float32, of meshes; those of the room are not set.
    """

    material: NDArray[np.int32]
    depth: Pixels
    position: Pixels
    normal: Pixels
    texture: Pixels
    layers: Pixels


def draw(meshes: list[Mesh], camera: Camera, wall: Floats) -> Surface:
    """Rasterise meshes in front of a floor (z = 0) and a wall.

    ``wall`` is (4,): a unit normal and an offset d, the plane n . x = d.
    """
    vertices, faces, owner = join(meshes)
    texture = np.concatenate([m.texture for m in meshes])
    layers = np.concatenate(
        [m.layers if len(m.layers) else np.zeros((len(m.vertices), 4)) for m in meshes]
    )
    normals = np.concatenate([m.normals() for m in meshes])
    screen, key = _perspective(camera.project(vertices))
    face, nearest = _nearest(screen, key, faces, *camera.size_wh)
    ray = (camera.rotation, camera.position, camera.focal, camera.center)
    return Surface(
        *_resolve(
            face, nearest, screen, key, faces, owner, vertices, normals, texture, layers, *ray, wall
        )
    )


def silhouette(meshes: list[Mesh], camera: Camera) -> NDArray[np.bool_]:
    """(H, W) True where the meshes alone would show, occluders left out."""
    vertices, faces, _ = join(meshes)
    covered: NDArray[np.bool_] = _covered(
        *_perspective(camera.project(vertices)), faces, *camera.size_wh
    )
    return covered


def visible_share(points: Floats, others: Mesh, camera: Camera) -> float:
    """Share of points (N, 3) that a mesh does not hide, on a grid of 64 px."""
    small = camera.scaled(64 / max(camera.size_wh))
    key = inverse_depth([others], small)
    seen = small.project(points)
    column, row = np.clip(np.rint(seen[:, :2]), 0, np.array(small.size_wh) - 1).astype(int).T
    return float((1 / seen[:, 2] >= key[row, column]).mean())


def inverse_depth(meshes: list[Mesh], camera: Camera) -> Floats:
    """(H, W) of the nearest face at every pixel, 1 / metres; minus infinity where there is none."""
    vertices, faces, _ = join(meshes)
    _, key = _nearest(*_perspective(camera.project(vertices)), faces, *camera.size_wh)
    nearest: Floats = key
    return nearest


def _perspective(screen: Floats) -> tuple[Floats, Floats]:
    """The points and their inverse depth, NaN behind the near plane."""
    depth = screen[:, 2]
    key = np.full(len(depth), np.nan)
    np.divide(1.0, depth, out=key, where=depth >= _NEAR)
    return screen, key


def depth_map(screen: Floats, faces: NDArray[np.int32], size: int) -> Pixels:
    """(size, size) float32 smallest depth of orthographically projected faces; infinite where nothing is."""
    _, key = _nearest(screen, -screen[:, 2], faces, size, size)
    return -key.astype(np.float32)


@njit(cache=True, error_model="numpy")
def _spans(screen, width, height):  # pragma: no cover - compiled
    """(V, 4) int32 first and last column, then first and last row, of pixel centres not before and not after each point.

    Held to one pixel around the image. Rounding once a vertex, not once a face, is what makes small faces cheap.
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
    """A face's first corner, its sides to the other two, twice its area, and the pixels of its box.

    The sides of a face that turns the other way on the screen are negated, so that the area is positive. It is 0 where
    there is nothing to draw: no pixel's centre in the box, or a corner whose key is NaN.
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
    """The corners' weights from two of them times twice the area; the first is negative outside the triangle."""
    # Without a division, and in one branch, for most pixels outside; the rest is up to rounding.
    if (b >= 0.0) & (c >= 0.0) & (b + c <= area * (1.0 + 1e-9)):
        wb, wc = b / area, c / area
        return 1.0 - wb - wc, wb, wc
    return -1.0, 0.0, 0.0


@njit(cache=True, error_model="numpy")
def _nearest(screen, key, faces, width, height):  # pragma: no cover - compiled
    """The face with the largest key at every pixel, (H, W) int32 and -1 for none, and that key.

    ``screen`` is (V, 3) with x, y in px. ``key`` (V,) is what is affine on the screen and grows towards the viewer:
    inverse depth in perspective, negative depth in an orthographic view; NaN takes a vertex' faces out.
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
        limit += 1e-12 * abs(limit)  # rounding may lift a weighted mean over the largest
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
    """(H, W) True where any face is; arguments as those of ``_nearest``."""
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
def _resolve(
    face, nearest, screen, key, faces, owner, vertices, normals, texture, layers,
    rotation, position, focal, center, wall,
):  # fmt: skip  # pragma: no cover - compiled
    """Interpolate what each pixel shows; where no face is, meet the floor or the wall."""
    height, width = face.shape
    material = np.empty((height, width), np.int32)
    depth = np.empty((height, width), np.float32)
    point = np.empty((height, width, 3), np.float32)
    normal = np.empty((height, width, 3), np.float32)
    coords = np.empty((height, width, 3), np.float32)
    cover = np.empty((height, width, 4), np.float32)
    px, py, pz = position
    r20, r21, r22 = rotation[2]
    for y in range(height):
        _room(y, rotation, position, focal, center, wall, material[y], point[y], normal[y])
        for x in range(width):
            f = face[y, x]
            if f >= 0:
                a, b, c = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
                ax, ay = screen[a, 0], screen[a, 1]
                abx, aby, acx, acy = (
                    screen[b, 0] - ax,
                    screen[b, 1] - ay,
                    screen[c, 0] - ax,
                    screen[c, 1] - ay,
                )
                area, here = abx * acy - aby * acx, nearest[y, x]
                # perspective correct weights
                wb = np.float32(((x - ax) * acy - (y - ay) * acx) / area * key[b] / here)
                wc = np.float32((abx * (y - ay) - aby * (x - ax)) / area * key[c] / here)
                wa = 1.0 - wb - wc
                material[y, x] = owner[f]
                for i in range(3):
                    point[y, x, i] = wa * vertices[a, i] + wb * vertices[b, i] + wc * vertices[c, i]
                    normal[y, x, i] = wa * normals[a, i] + wb * normals[b, i] + wc * normals[c, i]
                    coords[y, x, i] = wa * texture[a, i] + wb * texture[b, i] + wc * texture[c, i]
                for i in range(4):
                    cover[y, x, i] = wa * layers[a, i] + wb * layers[b, i] + wc * layers[c, i]
        _away(point[y], px, py, pz, r20, r21, r22, depth[y])
    return material, depth, point, normal, coords, cover


@njit(cache=True, error_model="numpy")
def _away(point, px, py, pz, r20, r21, r22, depth):  # pragma: no cover - compiled
    """Depth (W,) of a row of points (W, 3) along the third axis of a camera at (px, py, pz)."""
    for x in range(len(depth)):
        away = r20 * (point[x, 0] - px)
        away += r21 * (point[x, 1] - py)
        away += r22 * (point[x, 2] - pz)
        depth[x] = away


@njit(cache=True, error_model="numpy")
def _room(
    y, rotation, position, focal, center, wall, material, point, normal
):  # pragma: no cover - compiled
    """What the rays of a row of pixels meet, floor or wall (W,), where (W, 3), and its normals (W, 3)."""
    px, py, pz = position
    r00, r01, r02 = rotation[0]
    r10, r11, r12 = rotation[1]
    r20, r21, r22 = rotation[2]
    wall_x, wall_y, wall_z, wall_d = wall
    center_x, ry = center[0], (y - center[1]) / focal
    gap = wall_d - (wall_x * px + wall_y * py + wall_z * pz)
    for x in range(len(material)):
        rx = (x - center_x) / focal
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
