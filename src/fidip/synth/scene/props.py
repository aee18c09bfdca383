"""Small things around a person: toys, a mat, and a blanket that drapes over what is below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fidip.core.arrays import Floats
from fidip.synth.render.mesh import Mesh


def cloth_mesh(points: Floats, material: int) -> Mesh:
    """Return a cloth through (N, M, 3) points, metres; its texture is that of the flat cloth."""
    rows, columns = points.shape[:2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    flat = points.reshape(-1, 3)
    return Mesh(flat, faces.astype(np.int32), flat * [1.0, 1.0, 0.0], material)


def solid(size: Floats, roundness: float, material: int, resolution: int = 20) -> Mesh:
    """Return a superellipsoid around the origin.

    Args:
        size: (3,) half axes, metres.
        roundness: 1 for a ball, 0.15 for nearly a box.
        material: material index.
        resolution: number of rows of vertices.
    """
    u = np.linspace(-np.pi / 2, np.pi / 2, resolution)[:, None]
    v = np.linspace(-np.pi, np.pi, 2 * resolution)[None]

    def bulge(wave: Floats) -> Floats:
        curve: Floats = np.sign(wave) * np.abs(wave) ** roundness
        return curve

    ones = np.ones_like(v)
    points = np.stack(
        [
            bulge(np.cos(u)) * bulge(np.cos(v)),
            bulge(np.cos(u)) * bulge(np.sin(v)),
            bulge(np.sin(u)) * ones,
        ],
        -1,
    )
    return cloth_mesh(points * size, material)


def ring(radius: float, tube: float, material: int, resolution: int = 20) -> Mesh:
    """Return a torus around the z axis; radii in metres."""
    u = np.linspace(0, 2 * np.pi, 2 * resolution)[:, None]
    v = np.linspace(0, 2 * np.pi, resolution)[None]
    around = radius + tube * np.cos(v)
    return cloth_mesh(
        np.stack([around * np.cos(u), around * np.sin(u), tube * np.sin(v) + 0 * u], -1), material
    )


def draw_toy(size: float, material: int, rng: np.random.Generator) -> Mesh:
    """Draw a ball, block, rod or ring of about ``size`` metres, in any orientation."""
    if rng.random() < 0.2:
        toy = ring(size, 0.28 * size, material)
    else:
        toy = solid(size * rng.uniform(0.35, 1.0, 3), rng.choice([1.0, 0.2, 0.5]), material)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return moved(toy, np.zeros(3), turn)


def moved(mesh: Mesh, shift: Floats, turn: Floats | None = None) -> Mesh:
    """Turn a mesh about the origin, then shift it; its texture moves with it."""
    vertices = mesh.vertices if turn is None else mesh.vertices @ turn.T
    return Mesh(vertices + shift, mesh.faces, mesh.texture, mesh.material, mesh.layers)


def faced_up(cloth: Mesh) -> Mesh:
    """Return a cloth with reversed normals."""
    return Mesh(cloth.vertices, cloth.faces[:, ::-1], cloth.texture, cloth.material, cloth.layers)


@dataclass(frozen=True, eq=False)
class Rectangle:
    """A rectangle on the floor.

    Attributes:
        center: (2,) metres.
        size: (2,) metres.
        heading: turn about the vertical, radians.
    """

    center: Floats
    size: Floats
    heading: float

    @property
    def turn(self) -> Floats:
        """(2, 2) rotation from the rectangle's axes to the floor's."""
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        return np.array([[cosine, -sine], [sine, cosine]])

    def points(self, cells: int) -> Floats:
        """Return a (cells, cells, 2) grid of points over the rectangle, metres."""
        line = np.linspace(-0.5, 0.5, cells)
        across, along = np.meshgrid(line * self.size[0], line * self.size[1], indexing="ij")
        points: Floats = np.stack([across, along], -1) @ self.turn.T + self.center
        return points


def blanket(below: Floats, place: Rectangle, material: int, rng: np.random.Generator) -> Mesh:
    """Lay a cloth over points.

    Each spot rests on the highest point near it; the cloth between is smooth, with some folds.

    Args:
        below: (N, 3) points below the cloth, metres.
        place: where the cloth lies.
        material: material index.
        rng: random stream of the folds.
    """
    cells = 44
    local = (below[:, :2] - place.center) @ place.turn
    spot = np.rint((local / place.size + 0.5) * (cells - 1)).astype(int)
    inside = ((spot >= 0) & (spot < cells)).all(1)
    height = np.zeros((cells, cells))
    np.maximum.at(height, (spot[inside, 0], spot[inside, 1]), below[inside, 2])
    held = ndimage.maximum_filter(height, 3)
    folds = ndimage.gaussian_filter(rng.normal(size=(cells, cells)), 2.5)
    draped = np.maximum(ndimage.gaussian_filter(ndimage.maximum_filter(held, 5), 2.0), held)
    draped += 0.006 + 0.05 * place.size.mean() * np.abs(folds)
    return cloth_mesh(np.concatenate([place.points(cells), draped[..., None]], -1), material)


def mat(center: Floats, size: Floats, heading: float, material: int) -> Mesh:
    """Return a thin flat rectangle on the floor; arguments as of ``Rectangle``."""
    flat = Rectangle(center, size, heading).points(2)
    return cloth_mesh(np.concatenate([flat, np.full((2, 2, 1), 0.002)], -1), material)
