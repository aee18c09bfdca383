"""Large things around a person: a cot with bars, blocks of furniture, a sleep sack."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fidip.core.arrays import Floats
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.props import grid

_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def boxes(centers: Floats, halves: Floats, material: int) -> Mesh:
    """Axis-parallel boxes at (N, 3) centres with (N, 3) half sizes, metres; every side is flat."""
    corners = (centers[:, None] + halves[:, None] * _CORNERS)[:, np.array(_SIDES).ravel()]
    vertices = corners.reshape(-1, 3)
    first = 4 * np.arange(len(vertices) // 4)[:, None, None]
    faces = (first + np.array([(0, 1, 2), (0, 2, 3)])).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32), vertices.copy(), material)


def placed(mesh: Mesh, place_xy: Floats, heading: float) -> Mesh:
    """The mesh turned about the z axis by ``heading`` radians, then put at (2,) ``place_xy``, metres."""
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    vertices = mesh.vertices.copy()
    vertices[:, :2] = vertices[:, :2] @ turn.T + place_xy
    return Mesh(vertices, mesh.faces, mesh.texture, mesh.material, mesh.layers)


def cot(length: float, material: int, rng: np.random.Generator) -> Mesh:
    """Two barred long sides along y, two solid ends, around the origin; for a body of ``length`` metres."""
    half_x, half_y = length * rng.uniform(0.5, 0.62), length * rng.uniform(0.85, 1.05)
    height, thick = length * rng.uniform(0.5, 0.9), length * rng.uniform(0.012, 0.022)
    bars = np.arange(-half_y, half_y, length * rng.uniform(0.11, 0.17))
    centers, halves = [], []
    for side in (-half_x, half_x):
        centers += [(side, y, height / 2) for y in bars] + [(side, 0, height)]
        halves += [(thick, thick, height / 2)] * len(bars) + [(1.6 * thick, half_y, 2 * thick)]
    for end in (-half_y, half_y):
        centers.append((0, end, height * 0.55))
        halves.append((half_x, 1.3 * thick, height * 0.55))
    return boxes(np.array(centers), np.array(halves), material)


def block(length: float, material: int, rng: np.random.Generator) -> Mesh:
    """A piece of furniture standing at the origin: a box of random sides, metres."""
    half = length * rng.uniform(0.15, 0.7, 3)
    return boxes(np.array([[0, 0, half[2]]]), half[None], material)


def sleep_sack(inside: Floats, start: Floats, end: Floats, material: int) -> Mesh:
    """A bag around points (N, 3) that begins at ``start`` (3,) and runs towards ``end``, metres.

    Its cross sections are the convex outlines of what is inside, smoothed along the bag.
    """
    axis = (end - start) / np.linalg.norm(end - start)
    across = np.cross(axis, [0.31, 0.2, 0.93])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(axis, across)])
    along, flat = (inside - start) @ axis, (inside - start) @ frame.T
    slices, spokes = 26, 36
    stations = np.linspace(0.0, along.max(), slices)
    angle = np.linspace(0, 2 * np.pi, spokes + 1)
    rays = np.stack([np.cos(angle), np.sin(angle)])
    reach = np.full((slices, spokes + 1), np.nan)
    for i, station in enumerate(stations):
        near = np.abs(along - station) < 1.2 * stations[1]
        if near.any():
            reach[i] = (flat[near] @ rays).max(0)
    filled = np.flatnonzero(~np.isnan(reach[:, 0]))
    for spoke in range(spokes + 1):
        reach[:, spoke] = np.interp(np.arange(slices), filled, reach[filled, spoke])
    reach = np.maximum(ndimage.gaussian_filter1d(reach, 1.2, axis=0), reach) + 0.006
    # The outline with this reach in every direction: p = h u + h' u'.
    slope = np.gradient(np.pad(reach[:, :-1], ((0, 0), (2, 2)), mode="wrap"), angle[1], axis=1)
    slope = np.concatenate([slope[:, 2:-2], slope[:, 2:3]], axis=1)
    outline = reach[..., None] * rays.T + slope[..., None] * np.stack([-rays[1], rays[0]], -1)
    ring = start + stations[:, None, None] * axis + outline @ frame
    cap = np.repeat((ring[-1].mean(0) + 0.01 * axis)[None, None], spokes + 1, 1)
    points = np.concatenate([ring, cap])
    points[..., 2] = np.maximum(points[..., 2], 0.003)
    mesh = grid(points, material)
    unfolded = np.stack(
        np.broadcast_arrays(0.12 * angle[None], np.append(stations, along.max())[:, None], 0.0), -1
    )
    return Mesh(points.reshape(-1, 3), mesh.faces, unfolded.reshape(-1, 3).astype(float), material)
