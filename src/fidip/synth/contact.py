"""How deep limbs cut into the body: a check on the posed mesh, vertex by vertex."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

from fidip.synth.body import Body
from fidip.synth.mesh import bounds, vertex_normals

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_STEP = 4  # every fourth vertex of a limb: a cut of a centimetre is wider than that
_APART = 0.12  # of the body's rest height: nearer parts of the skin fold upon each other
_REACH = 0.06  # metres: the depth to which a cut is followed


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
        axis = int(np.argmax(high - low))
        near = near[np.argsort(posed[near, axis])]
        deepest = max(deepest, _deepest(posed, normals, rest, limb, near, axis, apart))
    return deepest


def reaches_under(points: Floats, skin: Floats, normals: Floats) -> float:
    """Metres that points (N, 3), every fourth of them, lie under a skin (V, 3) with its normals, at the deepest."""
    low, high = bounds(skin)
    points = points[::_STEP]
    points = points[((points > low) & (points < high)).all(1)]
    low, high = points.min(0, initial=np.inf) - _REACH, points.max(0, initial=-np.inf) + _REACH
    near = np.flatnonzero(((skin > low) & (skin < high)).all(1))
    if not len(near):
        return 0.0
    distance, row = KDTree(skin[near]).query(points, distance_upper_bound=_REACH)
    found = np.isfinite(distance)
    theirs = near[row[found]]
    under = ((skin[theirs] - points[found]) * normals[theirs]).sum(1)
    # along the normal, not beside the skin's edge
    return float(under[under > 0.7 * distance[found]].max(initial=0.0))


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


@njit(cache=True)
def _deepest(
    posed: Floats, normals: Floats, rest: Floats, limb: Rows, others: Rows, axis: int, apart: float
) -> float:  # pragma: no cover - compiled
    """How deep, metres, a vertex of ``limb`` is under the nearest of ``others`` within ``_REACH``.

    ``others`` are sorted along an axis: the search goes both ways from where the vertex would be among them, and ends
    where that coordinate alone is farther than the nearest. The first row of equally near ones counts.
    """
    deepest, before = 0.0, -1
    xs, ys, zs = posed[:, 0][others], posed[:, 1][others], posed[:, 2][others]
    along = xs if axis == 0 else ys if axis == 1 else zs
    for mine in limb:
        x, y, z = posed[mine, 0], posed[mine, 1], posed[mine, 2]
        nearest, theirs = _REACH * _REACH, -1
        if before >= 0:  # what was nearest to the vertex before narrows the search
            dx, dy, dz = posed[before, 0] - x, posed[before, 1] - y, posed[before, 2] - z
            square = dx * dx + dy * dy + dz * dz
            if square < nearest:
                nearest, theirs = square, before
        here = posed[mine, axis]
        middle = np.searchsorted(along, here)
        for step in (-1, 1):
            n = middle if step > 0 else middle - 1
            while 0 <= n < len(others):
                ahead = along[n] - here
                if ahead * ahead > nearest:
                    break
                dx, dy, dz = xs[n] - x, ys[n] - y, zs[n] - z
                square = dx * dx + dy * dy + dz * dz
                if square <= nearest:
                    other = others[n]
                    if square < nearest or 0 <= other < theirs:
                        nearest, theirs = square, other
                n += step
        before = theirs
        if theirs < 0:
            continue
        under, gap = 0.0, 0.0
        for i in range(3):
            under += (posed[theirs, i] - posed[mine, i]) * normals[theirs, i]
            gap += (rest[mine, i] - rest[theirs, i]) ** 2
        # along the normal, not beside the skin's edge
        if np.sqrt(gap) > apart and under > 0.7 * np.sqrt(nearest):
            deepest = max(deepest, under)
    return deepest


@lru_cache(maxsize=4)
def _regions(body: Body) -> _Regions:
    limbs, others = [], []
    for side in "LR":
        for ends in (("lowerarm01", "lowerarm02", "wrist"), ("lowerleg01", "lowerleg02", "foot")):
            share = body.share(*(f"{bone}.{side}" for bone in ends))
            limbs.append(np.flatnonzero(share > 0.8)[::_STEP])
            others.append(np.flatnonzero((share < 0.2) & ~body.eyes))
    return _Regions(tuple(limbs), tuple(others))
