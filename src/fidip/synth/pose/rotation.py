"""Rotations of three-vectors, compiled: of one rotation at a time, SciPy's checks take longer than the sums.

The sums are SciPy's, in its order, so that the bits are those of ``scipy.spatial.transform.Rotation``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fidip.core.arrays import Floats

_SMALL = 1e-3  # radians, below which a series is more exact


def about(axis: Floats, degrees: float) -> Floats:
    """(3, 3) rotation by ``degrees`` about the unit ``axis`` (3,)."""
    matrix: Floats = of_vector(np.deg2rad(degrees) * axis)
    return matrix


@njit(cache=True)
def of_vector(vector: Floats) -> Floats:  # pragma: no cover - compiled
    """(3, 3) rotation about ``vector`` (3,) by its length in radians."""
    x, y, z = vector[0], vector[1], vector[2]
    angle = math.sqrt(x * x + y * y + z * z)
    if angle <= _SMALL:
        square = angle * angle
        scale = 0.5 - square / 48 + square * square / 3840
    else:
        scale = math.sin(angle / 2) / angle
    x, y, z, w = x * scale, y * scale, z * scale, math.cos(angle / 2)
    x2, y2, z2, w2 = x * x, y * y, z * z, w * w
    xy, zw, xz, yw, yz, xw = x * y, z * w, x * z, y * w, y * z, x * w
    out = np.empty((3, 3))
    out[0, 0], out[0, 1], out[0, 2] = x2 - y2 - z2 + w2, 2 * (xy - zw), 2 * (xz + yw)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (xy + zw), -x2 + y2 - z2 + w2, 2 * (yz - xw)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (xz - yw), 2 * (yz + xw), -x2 - y2 + z2 + w2
    return out


@njit(cache=True)
def to_vector(matrix: Floats) -> Floats:  # pragma: no cover - compiled
    """(3,) the vector of at most pi that ``of_vector`` makes this rotation (3, 3) of."""
    trace = matrix[0, 0] + matrix[1, 1] + matrix[2, 2]
    i, largest = 3, trace
    for k in (2, 1, 0):
        if matrix[k, k] >= largest:
            i, largest = k, matrix[k, k]
    q = np.empty(4)
    if i < 3:
        j, k = (i + 1) % 3, (i + 2) % 3
        q[i] = 1 - trace + 2 * matrix[i, i]
        q[j] = matrix[j, i] + matrix[i, j]
        q[k] = matrix[k, i] + matrix[i, k]
        q[3] = matrix[k, j] - matrix[j, k]
    else:
        q[0], q[1] = matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0]
        q[2], q[3] = matrix[1, 0] - matrix[0, 1], 1 + trace
    q /= math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if q[3] < 0:
        q = -q
    sine = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2])
    angle = 2 * math.atan2(sine, q[3])
    square = angle * angle
    scale = 2 + square / 12 + 7 * square * square / 2880
    if angle > _SMALL:
        scale = angle / math.sin(angle / 2)
    vector: Floats = scale * q[:3]
    return vector


@njit(cache=True)
def cross(a: Floats, b: Floats) -> Floats:  # pragma: no cover - compiled
    """(3,) cross product of two (3,) vectors; NumPy's takes twenty times as long."""
    out = np.empty(3)
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out
