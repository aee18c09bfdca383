"""Triangles to pixels by a z-buffer: no GL, no GPU. All kernels are compiled once and cached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.synth.camera import Camera
from fidip.synth.mesh import Mesh, join

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]

FLOOR, WALL = -1, -2
_NEAR = 0.02


@dataclass(frozen=True, eq=False)
class Surface:
    """What each pixel shows (a G-buffer), all (H, W, ...).

    Attributes:
        material: (H, W) int32 material index; ``FLOOR`` and ``WALL`` for the room.
        depth: (H, W) float32 metres along the optical axis.
        position, normal, texture: (H, W, 3) float32.
        layers: (H, W, 4) float32.
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
    width, height = camera.size_wh
    face, bary = nearest_faces(camera.project(vertices), faces, width, height)
    ray = (camera.rotation, camera.position, camera.focal, camera.center)
    return Surface(
        *_resolve(face, bary, faces, owner, vertices, normals, texture, layers, *ray, wall)
    )


def silhouette(meshes: list[Mesh], camera: Camera) -> NDArray[np.bool_]:
    """(H, W) True where the meshes alone would show, occluders left out."""
    vertices, faces, _ = join(meshes)
    face, _ = nearest_faces(camera.project(vertices), faces, *camera.size_wh)
    return face >= 0


def visible_share(points: Floats, others: Mesh, camera: Camera) -> float:
    """Share of points (N, 3) that a mesh does not hide, on a grid of 64 px."""
    small = camera.scaled(64 / max(camera.size_wh))
    _, key, _ = _rasterize(
        *_perspective(small.project(others.vertices)), others.faces, *small.size_wh
    )
    seen = small.project(points)
    column, row = np.clip(np.rint(seen[:, :2]), 0, np.array(small.size_wh) - 1).astype(int).T
    return float((1 / seen[:, 2] >= key[row, column]).mean())


def nearest_faces(
    screen: Floats, faces: NDArray[np.int32], width: int, height: int
) -> tuple[NDArray[np.int32], Pixels]:
    """The nearest face of every pixel of a perspective view.

    Args:
        screen: (V, 3) x, y in px and depth; faces that reach behind the near plane are left out.
        faces: (F, 3).

    Returns:
        face (H, W) int32, -1 for none; barycentric coordinates (H, W, 2) float32 of the second and third
        corner, perspective correct.
    """
    face, _, bary = _rasterize(*_perspective(screen), faces, width, height)
    return face, bary


def _perspective(screen: Floats) -> tuple[Floats, Floats]:
    """The points and their inverse depth, NaN behind the near plane."""
    depth = screen[:, 2]
    key = np.full(len(depth), np.nan)
    np.divide(1.0, depth, out=key, where=depth >= _NEAR)
    return screen, key


def depth_map(screen: Floats, faces: NDArray[np.int32], size: int) -> Pixels:
    """(size, size) float32 smallest depth of orthographically projected faces; infinite where nothing is."""
    _, key, _ = _rasterize(screen, -screen[:, 2], faces, size, size)
    return -key.astype(np.float32)


@njit(cache=True)
def _rasterize(screen, key, faces, width, height):  # pragma: no cover - compiled
    """The face with the largest key at every pixel.

    ``key`` (V,) is what is affine on the screen and grows towards the viewer: inverse depth in
    perspective, negative depth in an orthographic view; NaN takes a vertex' faces out.
    """
    face = np.full((height, width), -1, np.int32)
    nearest = np.full((height, width), -np.inf)
    bary = np.zeros((height, width, 2), np.float32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ka, kb, kc = key[a], key[b], key[c]
        if np.isnan(ka) or np.isnan(kb) or np.isnan(kc):
            continue
        ax, ay, bx, by, cx, cy = (
            screen[a, 0],
            screen[a, 1],
            screen[b, 0],
            screen[b, 1],
            screen[c, 0],
            screen[c, 1],
        )
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx))))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0 = max(0, int(np.ceil(min(ay, by, cy))))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                here = wa * ka + wb * kb + wc * kc
                if here > nearest[y, x]:
                    nearest[y, x] = here
                    face[y, x] = f
                    bary[y, x, 0] = wb * kb / here
                    bary[y, x, 1] = wc * kc / here
    return face, nearest, bary


@njit(cache=True)
def _resolve(
    face,
    bary,
    faces,
    owner,
    vertices,
    normals,
    texture,
    layers,
    rotation,
    position,
    focal,
    center,
    wall,
):  # pragma: no cover - compiled
    """Interpolate what each pixel shows; where no face is, meet the floor or the wall."""
    height, width = face.shape
    material = np.empty((height, width), np.int32)
    depth = np.empty((height, width), np.float32)
    point = np.empty((height, width, 3), np.float32)
    normal = np.empty((height, width, 3), np.float32)
    coords = np.empty((height, width, 3), np.float32)
    cover = np.zeros((height, width, 4), np.float32)
    for y in range(height):
        for x in range(width):
            f = face[y, x]
            if f >= 0:
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                wb, wc = bary[y, x, 0], bary[y, x, 1]
                wa = 1.0 - wb - wc
                material[y, x] = owner[f]
                for i in range(3):
                    point[y, x, i] = wa * vertices[a, i] + wb * vertices[b, i] + wc * vertices[c, i]
                    normal[y, x, i] = wa * normals[a, i] + wb * normals[b, i] + wc * normals[c, i]
                    coords[y, x, i] = wa * texture[a, i] + wb * texture[b, i] + wc * texture[c, i]
                for i in range(4):
                    cover[y, x, i] = wa * layers[a, i] + wb * layers[b, i] + wc * layers[c, i]
            else:
                rx, ry = (x - center[0]) / focal, (y - center[1]) / focal
                dx = rotation[0, 0] * rx + rotation[1, 0] * ry + rotation[2, 0]
                dy = rotation[0, 1] * rx + rotation[1, 1] * ry + rotation[2, 1]
                dz = rotation[0, 2] * rx + rotation[1, 2] * ry + rotation[2, 2]
                floor = -position[2] / dz if dz < -1e-6 else 1e6
                toward = wall[0] * dx + wall[1] * dy + wall[2] * dz
                gap = wall[3] - (
                    wall[0] * position[0] + wall[1] * position[1] + wall[2] * position[2]
                )
                back = gap / toward if abs(toward) > 1e-6 and gap / toward > 0 else 1e6
                t = min(floor, back, 50.0)
                on_floor = floor <= back
                material[y, x] = FLOOR if on_floor else WALL
                point[y, x, 0] = position[0] + t * dx
                point[y, x, 1] = position[1] + t * dy
                point[y, x, 2] = position[2] + t * dz
                for i in range(3):
                    coords[y, x, i] = point[y, x, i]
                    normal[y, x, i] = (1.0 if i == 2 else 0.0) if on_floor else -wall[i]
            away = 0.0
            for i in range(3):
                away += rotation[2, i] * (point[y, x, i] - position[i])
            depth[y, x] = away
    return material, depth, point, normal, coords, cover
