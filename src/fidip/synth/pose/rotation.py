"""Compiled rotations of three-vectors.

``scipy.spatial.transform.Rotation`` gives the same numbers, but takes many times as long for one
rotation.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fidip.core.arrays import Floats

_SMALL = 1e-3  # radians; below it a series is more accurate


def about(axis: Floats, degrees: float) -> Floats:
    """Return the (3, 3) rotation by an angle about a unit axis (3,).

    Example:
        >>> about(np.array([0.0, 0.0, 1.0]), 90.0).round(6).tolist()
        [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    matrix: Floats = of_vector(np.deg2rad(degrees) * axis)
    return matrix


@njit(cache=True)
def of_vector(vector: Floats) -> Floats:  # pragma: no cover - compiled
    """Return the (3, 3) rotation about ``vector`` (3,) by its length in radians."""
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
    """Return the (3,) rotation vector, of length 0 to pi, of a rotation (3, 3).

    Example:
        >>> to_vector(of_vector(np.array([0.0, 0.5, 0.0]))).round(6).tolist()
        [0.0, 0.5, 0.0]
    """
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
    """Return the (3,) cross product of two vectors (3,); NumPy takes twenty times as long.

    Example:
        >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])).tolist()
        [0.0, 0.0, 1.0]
    """
    out = np.empty(3)
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]
    return out
