"""Things around a person: toys, a mat, and a blanket that drapes over what lies beneath it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fidip.core.arrays import Floats
from fidip.synth.render.mesh import Mesh


def grid(points: Floats, material: int) -> Mesh:
    """A sheet through (N, M, 3) points; textured by its unfolded rows and columns."""
    rows, columns = points.shape[:2]
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    flat = points.reshape(-1, 3)
    return Mesh(flat, faces.astype(np.int32), flat * [1.0, 1.0, 0.0], material)


def solid(size: Floats, roundness: float, material: int, resolution: int = 20) -> Mesh:
    """A superellipsoid around the origin: a ball (1), towards a box (0.15); half-axes ``size`` (3,), metres."""
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
    return grid(points * size, material)


def ring(radius: float, tube: float, material: int, resolution: int = 20) -> Mesh:
    """A torus around the z axis, metres."""
    u = np.linspace(0, 2 * np.pi, 2 * resolution)[:, None]
    v = np.linspace(0, 2 * np.pi, resolution)[None]
    around = radius + tube * np.cos(v)
    return grid(
        np.stack([around * np.cos(u), around * np.sin(u), tube * np.sin(v) + 0 * u], -1), material
    )


def any_toy(size: float, material: int, rng: np.random.Generator) -> Mesh:
    """A ball, block, rod or ring of about ``size`` metres, in any orientation, around the origin."""
    if rng.random() < 0.2:
        toy = ring(size, 0.28 * size, material)
    else:
        toy = solid(size * rng.uniform(0.35, 1.0, 3), rng.choice([1.0, 0.2, 0.5]), material)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return moved(toy, np.zeros(3), turn)


def moved(mesh: Mesh, shift: Floats, turn: Floats | None = None) -> Mesh:
    """The mesh turned about the origin, then shifted; its texture stays on it."""
    vertices = mesh.vertices if turn is None else mesh.vertices @ turn.T
    return Mesh(vertices + shift, mesh.faces, mesh.texture, mesh.material, mesh.layers)


def faced_up(cloth: Mesh) -> Mesh:
    """The cloth with its normals the other way."""
    return Mesh(cloth.vertices, cloth.faces[:, ::-1], cloth.texture, cloth.material, cloth.layers)


def blanket(
    below: Floats,
    center: Floats,
    size: Floats,
    heading: float,
    material: int,
    rng: np.random.Generator,
) -> Mesh:
    """A cloth laid over points (N, 3), metres: a rectangle of ``size`` (2,) at ``center`` (2,) turned by ``heading``.

    Each spot rests on the highest point near it; the cloth between is smooth, with some folds.
    """
    cells = 44
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    local = (below[:, :2] - center) @ turn
    spot = np.rint((local / size + 0.5) * (cells - 1)).astype(int)
    inside = ((spot >= 0) & (spot < cells)).all(1)
    height = np.zeros((cells, cells))
    np.maximum.at(height, (spot[inside, 0], spot[inside, 1]), below[inside, 2])
    held = ndimage.maximum_filter(height, 3)
    folds = ndimage.gaussian_filter(rng.normal(size=(cells, cells)), 2.5)
    draped = np.maximum(ndimage.gaussian_filter(ndimage.maximum_filter(held, 5), 2.0), held)
    draped += 0.006 + 0.05 * size.mean() * np.abs(folds)
    line = np.linspace(-0.5, 0.5, cells)
    across, along = np.meshgrid(line * size[0], line * size[1], indexing="ij")
    flat = np.stack([across, along], -1) @ turn.T + center
    return grid(np.concatenate([flat, draped[..., None]], -1), material)


def mat(center: Floats, size: Floats, heading: float, material: int) -> Mesh:
    """A thin flat rectangle on the floor."""
    line = np.linspace(-0.5, 0.5, 2)
    across, along = np.meshgrid(line * size[0], line * size[1], indexing="ij")
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    flat = np.stack([across, along], -1) @ turn.T + center
    return grid(np.concatenate([flat, np.full((2, 2, 1), 0.002)], -1), material)
