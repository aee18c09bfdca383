"""How deep limbs cut into the body: a check on the posed mesh, vertex by vertex."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fidip.synth.body import Body
from fidip.synth.mesh import bounds, vertex_normals

Floats = NDArray[np.float64]

_STEP = 4  # every fourth vertex of a limb: a cut of a centimetre is wider than that
_APART = 0.12  # of the body's rest height: nearer parts of the skin fold upon each other
_REACH = 0.06  # metres: the depth to which a cut is followed


@dataclass(frozen=True, eq=False)
class _Regions:
    """Vertices of each limb's outer half, and of all that it could cut into."""

    limbs: tuple[NDArray[np.intp], ...]
    others: tuple[NDArray[np.intp], ...]


def deepest_cut(body: Body, rest: Floats, posed: Floats) -> float:
    """Metres that the outer half of an arm or leg reaches under the skin of another part, at the deepest.

    A limb's vertex is under the skin where the nearest vertex of another part, which is not its
    neighbour in the rest pose (V, 3), lies above it along its normal.
    """
    normals, height = vertex_normals(posed, body.faces), float(np.ptp(rest[:, 2]))
    regions, deepest = _regions(body), 0.0
    for limb, rest_of_body in zip(regions.limbs, regions.others, strict=True):
        low, high = bounds(posed[limb])
        place = posed[rest_of_body]
        other = rest_of_body[((place > low - _REACH) & (place < high + _REACH)).all(1)]
        if not len(other):
            continue
        near, index = cKDTree(posed[other]).query(posed[limb], distance_upper_bound=_REACH)
        hit = np.isfinite(near)
        mine, theirs = limb[hit], other[index[hit]]
        apart = np.linalg.norm(rest[mine] - rest[theirs], axis=1) > _APART * height
        under = ((posed[theirs] - posed[mine]) * normals[theirs]).sum(1)
        # along the normal, not beside the skin's edge
        facing = under > 0.7 * near[hit]
        deepest = max(deepest, float(np.where(apart & facing, under, 0.0).max(initial=0.0)))
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
