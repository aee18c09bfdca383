"""How deep limbs cut into the body: a check on the posed mesh, vertex by vertex."""

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

_STEP = 4  # every fourth vertex of a limb: a cut of a centimetre is wider than that
_APART = 0.12  # of the body's rest height: nearer parts of the skin fold upon each other
_REACH = 0.06  # metres: the depth to which a cut is followed
_RINGS = 2  # of cells of a grid around a point, as far as that
_CELL = _REACH / _RINGS


@dataclass(frozen=True, eq=False)
class _Regions:
    """Vertices of each limb's outer half, and of all that it could cut into."""

    limbs: tuple[Rows, ...]
    others: tuple[Rows, ...]


def deepest_cut(body: Body, rest: Floats, posed: Floats) -> float:
    """Metres that the outer half of an arm or leg reaches under the skin of another part, at the deepest.

    A limb's vertex is under the skin where the nearest vertex of another part, which is not its
    neighbour in the rest pose (V, 3), lies above it along its normal.
    """
    normals, apart = vertex_normals(posed, body.faces), _APART * float(np.ptp(rest[:, 2]))
    regions, deepest = _regions(body), 0.0
    for limb, others in zip(regions.limbs, regions.others, strict=True):
        low, high = bounds(posed[limb])
        near = _within(posed, others, low - _REACH, high + _REACH)
        deepest = max(
            deepest,
            _deepest(
                posed[limb],
                posed.take(near, 0),
                normals.take(near, 0),
                rest[limb],
                rest.take(near, 0),
                apart,
            ),
        )
    return deepest


def reaches_under(points: Floats, skin: Floats, normals: Floats) -> float:
    """Metres that points (N, 3), every fourth of them, lie under a skin (V, 3) with its normals, at the deepest."""
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
    """Those of ``rows`` whose points, (V, 3), lie in the box from ``low`` to ``high``, (3,) each."""
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
    points: Floats, skin: Floats, normals: Floats, points_rest: Floats, skin_rest: Floats, apart: float
) -> float:  # fmt: skip  # pragma: no cover - compiled
    """How deep, metres, a point (N, 3) is under the nearest vertex (V, 3) within ``_REACH``, along its normal (V, 3).

    Only if the two are over ``apart`` from each other at rest. The search goes through a grid, from a point's cell
    outwards; it ends, too, at a vertex no farther than the depth found so far, under which nothing is deeper.
    """
    deepest, before = 0.0, -1
    if len(skin) == 0:
        return deepest
    low, starts, rows, size = _grid(skin)
    for p in range(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        cx, cy = int(np.floor((x - low[0]) / _CELL)), int(np.floor((y - low[1]) / _CELL))
        cz = int(np.floor((z - low[2]) / _CELL))
        nearest, theirs = _REACH * _REACH, -1
        if before >= 0:  # what was nearest to the point before narrows the search
            dx, dy, dz = skin[before, 0] - x, skin[before, 1] - y, skin[before, 2] - z
            if dx * dx + dy * dy + dz * dz < nearest:
                nearest, theirs = dx * dx + dy * dy + dz * dz, before
        for ring in range(_RINGS + 1):
            first, last = max(cz - ring, 0), min(cz + ring, size[2] - 1)
            for i in range(max(cx - ring, 0), min(cx + ring, size[0] - 1) + 1):
                dx = max(low[0] + i * _CELL - x, x - low[0] - (i + 1) * _CELL, 0.0)
                for j in range(max(cy - ring, 0), min(cy + ring, size[1] - 1) + 1):
                    dy = max(low[1] + j * _CELL - y, y - low[1] - (j + 1) * _CELL, 0.0)
                    if dx * dx + dy * dy >= nearest:
                        continue
                    # all of a column at the ring's sides, else its two ends
                    whole = abs(i - cx) == ring or abs(j - cy) == ring
                    column = (i * size[1] + j) * size[2]
                    for k in range(first, last + 1, 1 if whole else max(last - first, 1)):
                        dz = max(low[2] + k * _CELL - z, z - low[2] - (k + 1) * _CELL, 0.0)
                        if dx * dx + dy * dy + dz * dz >= nearest:
                            continue
                        for n in range(starts[column + k], starts[column + k + 1]):
                            square = 0.0
                            for axis in range(3):
                                square += (skin[rows[n], axis] - points[p, axis]) ** 2
                            if square < nearest:
                                nearest, theirs = square, rows[n]
            if nearest <= max((ring * _CELL) ** 2, deepest * deepest):
                break
        before = theirs
        if theirs < 0:
            continue
        under, gap = 0.0, 0.0
        for i in range(3):
            under += (skin[theirs, i] - points[p, i]) * normals[theirs, i]
            gap += (points_rest[p, i] - skin_rest[theirs, i]) ** 2
        # along the normal, not beside the skin's edge
        if np.sqrt(gap) > apart and under > 0.7 * np.sqrt(nearest):
            deepest = max(deepest, under)
    return deepest


@njit(cache=True, error_model="numpy")
def _grid(points):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Lowest corner, where each cell's points start, the points (N, 3) by cell, and the number of cells along x, y, z."""
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
            share = body.share(*(f"{bone}.{side}" for bone in ends))
            limbs.append(np.flatnonzero(share > 0.8)[::_STEP])
            others.append(np.flatnonzero((share < 0.2) & ~body.eyes))
    return _Regions(tuple(limbs), tuple(others))
