"""Large things: a cot with bars, blocks of furniture, and a sleep sack."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fidip.core.arrays import Floats
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.props import cloth_mesh

_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
_SLICES, _SPOKES = 26, 36  # cross sections of a sleep sack, and directions of each
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def boxes(centers: Floats, halves: Floats, material: int) -> Mesh:
    """Return axis-parallel boxes with centres (N, 3) and half sizes (N, 3), metres."""
    corners = (centers[:, None] + halves[:, None] * _CORNERS)[:, np.array(_SIDES).ravel()]
    vertices = corners.reshape(-1, 3)
    first = 4 * np.arange(len(vertices) // 4)[:, None, None]
    faces = (first + np.array([(0, 1, 2), (0, 2, 3)])).reshape(-1, 3)
    return Mesh(vertices, faces.astype(np.int32), vertices.copy(), material)


def placed(mesh: Mesh, place_xy: Floats, heading: float) -> Mesh:
    """Turn a mesh about z by ``heading`` radians, then move it to ``place_xy`` (2,), metres."""
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    vertices = mesh.vertices.copy()
    vertices[:, :2] = vertices[:, :2] @ turn.T + place_xy
    return Mesh(vertices, mesh.faces, mesh.texture, mesh.material, mesh.layers)


def cot(length: float, material: int, rng: np.random.Generator) -> Mesh:
    """Draw a cot around the origin, its barred sides along y, for a body of ``length`` metres."""
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
    """Draw a box-shaped piece of furniture that stands at the origin."""
    half = length * rng.uniform(0.15, 0.7, 3)
    return boxes(np.array([[0, 0, half[2]]]), half[None], material)


def sleep_sack(inside: Floats, start: Floats, end: Floats, material: int) -> Mesh:
    """Return a bag around points.

    Its cross sections are the convex outlines of the points, smoothed along the bag.

    Args:
        inside: (N, 3) points, metres.
        start: (3,) opening of the bag, metres.
        end: (3,) point on the axis of the bag, metres.
        material: material index.
    """
    axis = (end - start) / np.linalg.norm(end - start)
    across = np.cross(axis, [0.31, 0.2, 0.93])
    across /= np.linalg.norm(across)
    frame = np.stack([across, np.cross(axis, across)])
    along, flat = (inside - start) @ axis, (inside - start) @ frame.T
    stations = np.linspace(0.0, along.max(), _SLICES)
    angle = np.linspace(0, 2 * np.pi, _SPOKES + 1)
    rays = np.stack([np.cos(angle), np.sin(angle)])
    support = _support(along, flat @ rays, stations)
    # The convex outline of a support function h over directions u: p = h u + h' u'.
    slope = np.gradient(np.pad(support[:, :-1], ((0, 0), (2, 2)), mode="wrap"), angle[1], axis=1)
    slope = np.concatenate([slope[:, 2:-2], slope[:, 2:3]], axis=1)
    outline = support[..., None] * rays.T + slope[..., None] * np.stack([-rays[1], rays[0]], -1)
    ring = start + stations[:, None, None] * axis + outline @ frame
    cap = np.repeat((ring[-1].mean(0) + 0.01 * axis)[None, None], _SPOKES + 1, 1)
    points = np.concatenate([ring, cap])
    points[..., 2] = np.maximum(points[..., 2], 0.003)
    mesh = cloth_mesh(points, material)
    unfolded = np.stack(
        np.broadcast_arrays(0.12 * angle[None], np.append(stations, along.max())[:, None], 0.0), -1
    )
    return Mesh(points.reshape(-1, 3), mesh.faces, unfolded.reshape(-1, 3).astype(float), material)


def _support(along: Floats, extent: Floats, stations: Floats) -> Floats:
    """Return how far a bag's cross sections extend, smoothed along the bag, metres.

    Args:
        along: (N,) positions of the points along the bag.
        extent: (N, D) extents of the points in D directions.
        stations: (S,) equidistant positions of the cross sections.

    Returns:
        (S, D) largest extent of the points near each section.
    """
    support = np.full((len(stations), extent.shape[1]), np.nan)
    for i, station in enumerate(stations):
        near = np.abs(along - station) < 1.2 * stations[1]
        if near.any():
            support[i] = extent[near].max(0)
    filled = np.flatnonzero(~np.isnan(support[:, 0]))
    for spoke in range(support.shape[1]):
        column = np.interp(np.arange(len(stations)), filled, support[filled, spoke])
        support[:, spoke] = column
    smooth = ndimage.gaussian_filter1d(support, 1.2, axis=0)
    return np.maximum(smooth, support) + 0.006
