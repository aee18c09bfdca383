"""Triangle meshes, and compiled functions over their points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles and the coordinates that materials need.

    Attributes:
        vertices: (V, 3) world metres.
        faces: (F, 3) int32.
        texture: (V, 3) coordinates for solid textures, metres, independent of the pose.
        layers: (V, 4) signed cover of material layers; the last positive one is on top.
        material: index of the mesh's material.
    """

    vertices: Floats
    faces: NDArray[np.int32]
    texture: Floats
    material: int
    layers: Floats = field(default_factory=lambda: np.zeros((0, 4)))

    def normals(self) -> Floats:
        """Return the area-weighted unit normals (V, 3) of the vertices."""
        return vertex_normals(self.vertices, self.faces)


def join(meshes: list[Mesh]) -> tuple[Floats, NDArray[np.int32], NDArray[np.int32]]:
    """Join meshes; return vertices (V, 3), faces (F, 3), and the material (F,) of each face."""
    faces = np.empty((sum(len(m.faces) for m in meshes), 3), np.int32)
    owner = np.empty(len(faces), np.int32)
    first, row = 0, 0
    for mesh in meshes:
        rows = slice(row, row + len(mesh.faces))
        np.add(mesh.faces, np.int32(first), out=faces[rows])
        owner[rows] = mesh.material
        first, row = first + len(mesh.vertices), rows.stop
    return np.concatenate([m.vertices for m in meshes]), faces, owner


@njit(cache=True)
def vertex_normals(vertices, faces):  # pragma: no cover - compiled
    """Return area-weighted unit normals (V, 3) of vertices (V, 3) with faces (F, 3)."""
    out = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2)
        if length > 0:
            out[v, 0] /= length
            out[v, 1] /= length
            out[v, 2] /= length
    return out


@njit(cache=True)
def bounds(points):  # pragma: no cover - compiled
    """Return the smallest and largest coordinates (D,) of points (N, D).

    Example:
        >>> [bound.tolist() for bound in bounds(np.array([[0.0, 5.0], [2.0, 3.0]]))]
        [[0.0, 3.0], [2.0, 5.0]]
    """
    low, high = points[0].copy(), points[0].copy()
    for i in range(points.shape[1]):
        least = most = points[0, i]
        for n in range(1, points.shape[0]):
            here = points[n, i]
            least = here if here < least else least
            most = here if here > most else most
        low[i], high[i] = least, most
    return low, high


@njit(cache=True)
def from_origin(points, origin):  # pragma: no cover - compiled
    """Subtract an origin (3,) from points (N, 3); NumPy takes eight times as long."""
    out = np.empty((len(points), 3))
    for n in range(len(points)):
        for i in range(3):
            out[n, i] = points[n, i] - origin[i]
    return out


@njit(cache=True)
def lifted(points, directions, heights):  # pragma: no cover - compiled
    """Move points (N, 3) along directions (N, 3) by heights (N,)."""
    out = np.empty_like(points)
    for n in range(len(points)):
        for i in range(3):
            out[n, i] = points[n, i] + directions[n, i] * heights[n]
    return out


@njit(cache=True)
def top_near(points, place, radius):  # pragma: no cover - compiled
    """Return the largest z of points (N, 3) within a horizontal radius of ``place`` (2,), or 0."""
    top, found = 0.0, False
    for n in range(len(points)):
        dx, dy = points[n, 0] - place[0], points[n, 1] - place[1]
        if np.sqrt(dx * dx + dy * dy) < radius and (points[n, 2] > top or not found):
            top, found = points[n, 2], True
    return top
