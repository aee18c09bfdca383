"""Depth by which limbs cut into the body, measured on the vertices of the posed mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body
from fidip.synth.render.mesh import bounds, vertex_normals

Rows = NDArray[np.intp]

_STEP = 4  # every fourth vertex of a limb is tested: a cut of a centimetre is wider than that
_APART = 0.12  # of the body's rest height: parts that are closer at rest fold onto each other
_REACH = 0.06  # metres: greatest depth that is measured
_RINGS = 2  # rings of grid cells around a point that cover this depth
_CELL = _REACH / _RINGS


@dataclass(frozen=True, eq=False)
class _Regions:
    """Vertices of each limb's outer half, and of the parts that it can cut into."""

    limbs: tuple[Rows, ...]
    others: tuple[Rows, ...]


def deepest_cut(body: Body, rest: Floats, posed: Floats) -> float:
    """Return how deep the outer half of an arm or leg reaches under the skin of another part.

    A limb's vertex is under the skin if the nearest vertex of another part, which is not its
    neighbour in the rest pose, lies above it along its normal.

    Args:
        body: the body.
        rest: (V, 3) rest vertices, metres.
        posed: (V, 3) posed vertices, metres.

    Returns:
        The largest depth, metres.
    """
    normals, apart = vertex_normals(posed, body.faces), _APART * float(np.ptp(rest[:, 2]))
    regions, deepest = _regions(body), 0.0
    for limb, others in zip(regions.limbs, regions.others, strict=True):
        low, high = bounds(posed[limb])
        near = _within(posed, others, low - _REACH, high + _REACH)
        depth = _deepest(
            posed[limb],
            posed.take(near, 0),
            normals.take(near, 0),
            rest[limb],
            rest.take(near, 0),
            apart,
        )
        deepest = max(deepest, depth)
    return deepest


def depth_under(points: Floats, skin: Floats, normals: Floats) -> float:
    """Return how deep points lie under a skin; every fourth point is tested.

    Args:
        points: (N, 3) metres.
        skin: (V, 3) vertices, metres.
        normals: (V, 3) unit normals of the vertices.

    Returns:
        The largest depth, metres.
    """
    points = points[::_STEP]
    points = points[_within(points, np.arange(len(points)), *bounds(skin))]
    if not len(points):
        return 0.0
    low, high = bounds(points)
    near = _within(skin, np.arange(len(skin)), low - _REACH, high + _REACH)
    deepest: float = _deepest(
        points, skin.take(near, 0), normals.take(near, 0), points, skin.take(near, 0), -1.0
    )
    return deepest


@njit(cache=True)
def _within(
    points: Floats, rows: Rows, low: Floats, high: Floats
) -> Rows:  # pragma: no cover - compiled
    """Return those ``rows`` of points (V, 3) that lie in the box from ``low`` (3,) to ``high``."""
    out = np.empty_like(rows)
    count = 0
    for row in rows:
        x, y, z = points[row, 0], points[row, 1], points[row, 2]
        if low[0] < x < high[0] and low[1] < y < high[1] and low[2] < z < high[2]:
            out[count] = row
            count += 1
    return out[:count]


@njit(cache=True, error_model="numpy")
def _deepest(
    points: Floats,
    skin: Floats,
    normals: Floats,
    points_rest: Floats,
    skin_rest: Floats,
    apart: float,
) -> float:  # pragma: no cover - compiled
    """Return how deep points lie under the nearest skin vertex, along its normal.

    Args:
        points: (N, 3) metres.
        skin: (V, 3) vertices, metres.
        normals: (V, 3) unit normals of the vertices.
        points_rest: (N, 3) positions of the points in the rest pose, metres.
        skin_rest: (V, 3) positions of the vertices in the rest pose, metres.
        apart: a point and a vertex count only if their rest positions are farther apart, metres.

    Returns:
        The largest depth, metres; nothing is found beyond ``_REACH``.
    """
    deepest, nearest = 0.0, -1
    if len(skin) == 0:
        return deepest
    grid = _grid(skin)
    for p in range(len(points)):
        point = (points[p, 0], points[p, 1], points[p, 2])
        # the vertex nearest to the point before narrows the search
        nearest, square = _nearest_vertex(point, skin, grid, nearest, deepest)
        if nearest < 0:
            continue
        under, gap = 0.0, 0.0
        for i in range(3):
            under += (skin[nearest, i] - points[p, i]) * normals[nearest, i]
            gap += (points_rest[p, i] - skin_rest[nearest, i]) ** 2
        # along the normal, not beside the skin's edge
        if np.sqrt(gap) > apart and under > 0.7 * np.sqrt(square):
            deepest = max(deepest, under)
    return deepest


@njit(cache=True, error_model="numpy", inline="always")
def _nearest_vertex(point, skin, grid, guess, deepest):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return the row of the vertex nearest to a point and its squared distance, or -1.

    The search goes through the grid, ring by ring from the point's cell. It ends early at a vertex
    no farther than ``deepest``, under which nothing is deeper. ``guess`` is a row, or -1.
    """
    low, size = grid[0], grid[3]
    x, y, z = point
    cx, cy = int(np.floor((x - low[0]) / _CELL)), int(np.floor((y - low[1]) / _CELL))
    cz = int(np.floor((z - low[2]) / _CELL))
    nearest, square = -1, _REACH * _REACH
    if guess >= 0:
        dx, dy, dz = skin[guess, 0] - x, skin[guess, 1] - y, skin[guess, 2] - z
        if dx * dx + dy * dy + dz * dz < square:
            square, nearest = dx * dx + dy * dy + dz * dz, guess
    for ring in range(_RINGS + 1):
        first, last = max(cz - ring, 0), min(cz + ring, size[2] - 1)
        for i in range(max(cx - ring, 0), min(cx + ring, size[0] - 1) + 1):
            dx = max(low[0] + i * _CELL - x, x - low[0] - (i + 1) * _CELL, 0.0)
            for j in range(max(cy - ring, 0), min(cy + ring, size[1] - 1) + 1):
                dy = max(low[1] + j * _CELL - y, y - low[1] - (j + 1) * _CELL, 0.0)
                if dx * dx + dy * dy >= square:
                    continue
                # the whole column at the ring's sides, else its two ends
                whole = abs(i - cx) == ring or abs(j - cy) == ring
                for k in range(first, last + 1, 1 if whole else max(last - first, 1)):
                    dz = max(low[2] + k * _CELL - z, z - low[2] - (k + 1) * _CELL, 0.0)
                    if dx * dx + dy * dy + dz * dz >= square:
                        continue
                    cell = (i * size[1] + j) * size[2] + k
                    nearest, square = _nearest_in_cell(point, skin, grid, cell, (nearest, square))
        if square <= max((ring * _CELL) ** 2, deepest * deepest):
            break
    return nearest, square


@njit(cache=True, error_model="numpy", inline="always")
def _nearest_in_cell(point, skin, grid, cell, best):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return row and squared distance of the nearest vertex of a cell, or ``best`` if nearer."""
    _, starts, rows, _ = grid
    nearest, least = best
    for n in range(starts[cell], starts[cell + 1]):
        square = 0.0
        for axis in range(3):
            square += (skin[rows[n], axis] - point[axis]) ** 2
        if square < least:
            nearest, least = rows[n], square
    return nearest, least


@njit(cache=True, error_model="numpy")
def _grid(points):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Sort points (N, 3) into the cells of a grid.

    Returns the lowest corner, the start of each cell in the list of rows, that list, and the number
    of cells along x, y and z.
    """
    low, high = bounds(points)
    size = ((high - low) / _CELL).astype(np.int64) + 1
    cell = np.empty(len(points), np.int64)
    starts = np.zeros(size[0] * size[1] * size[2] + 2, np.int64)
    for n in range(len(points)):
        i, j = int((points[n, 0] - low[0]) / _CELL), int((points[n, 1] - low[1]) / _CELL)
        cell[n] = (i * size[1] + j) * size[2] + int((points[n, 2] - low[2]) / _CELL)
        starts[cell[n] + 2] += 1
    starts = np.cumsum(starts)
    rows = np.empty(len(points), np.int64)
    for n in range(len(points)):
        rows[starts[cell[n] + 1]] = n
        starts[cell[n] + 1] += 1
    return low, starts, rows, size


@lru_cache(maxsize=4)
def _regions(body: Body) -> _Regions:
    limbs, others = [], []
    for side in "LR":
        for ends in (("lowerarm01", "lowerarm02", "wrist"), ("lowerleg01", "lowerleg02", "foot")):
            weight = body.weight_of(*(f"{bone}.{side}" for bone in ends))
            limbs.append(np.flatnonzero(weight > 0.8)[::_STEP])
            others.append(np.flatnonzero((weight < 0.2) & ~body.eyes))
    return _Regions(tuple(limbs), tuple(others))
