"""A pinhole camera: world metres (z up, the floor at z = 0) to pixels and depth.

A camera looks along its own z axis, with x to the right and y down; pixel centres are integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from fidip.core.arrays import Floats
from fidip.synth.pose.rotation import cross
from fidip.synth.render.mesh import from_origin


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera.

    Attributes:
        rotation: (3, 3) world to camera.
        position: (3,) centre of projection, world metres.
        focal: focal length in px.
        size_wh: image (width, height) in px; the optical axis meets its centre.

    Example:
        >>> camera = Camera(np.eye(3), np.zeros(3), 100.0, (101, 81))
        >>> camera.project(np.array([[0.5, -0.2, 2.0]])).tolist()
        [[75.0, 30.0, 2.0]]
    """

    rotation: Floats
    position: Floats
    focal: float
    size_wh: tuple[int, int]

    @property
    def center(self) -> Floats:
        """(2,) principal point in px."""
        return (np.array(self.size_wh, dtype=float) - 1) / 2

    def local(self, points: Floats) -> Floats:
        """Return world points (N, 3) in camera space (N, 3), metres."""
        seen: Floats = from_origin(points, self.position) @ self.rotation.T
        return seen

    def project(self, points: Floats) -> Floats:
        """Project world points (N, 3), metres.

        Returns:
            (N, 3): x and y in image px, and the depth along the optical axis in metres.
        """
        seen: Floats = _on_image(self.local(points), self.focal, *self.center)
        return seen

    def scaled(self, factor: float) -> Camera:
        """Return the same view with ``factor`` times as many pixels along each side."""
        width, height = self.size_wh
        size = (round(width * factor), round(height * factor))
        return Camera(self.rotation, self.position, self.focal * factor, size)


@njit(cache=True, error_model="numpy")
def _on_image(
    local: Floats, focal: float, center_x: float, center_y: float
) -> Floats:  # pragma: no cover - compiled
    """Project (N, 3) points of camera space, metres, to px and depth."""
    out = np.empty_like(local)
    for n in range(len(local)):
        depth = local[n, 2]
        out[n, 0] = focal * local[n, 0] / depth + center_x
        out[n, 1] = focal * local[n, 1] / depth + center_y
        out[n, 2] = depth
    return out


@dataclass(frozen=True)
class ViewAngles:
    """Direction of a camera to its target, degrees.

    Attributes:
        elevation: 90 looks straight down, 0 is level.
        azimuth: 0 stands at -y, 90 at +x.
        roll: turn of the image about the optical axis.
    """

    elevation: float
    azimuth: float
    roll: float = 0.0


def look_at(
    target: Floats, distance: float, angles: ViewAngles, focal: float, size_wh: tuple[int, int]
) -> Camera:
    """Place a camera that looks at a point.

    Args:
        target: (3,) world metres.
        distance: from camera to target, metres.
        angles: direction of the view.
        focal: focal length, px.
        size_wh: image (width, height), px.

    Example:
        >>> camera = look_at(np.zeros(3), 2.0, ViewAngles(90, 0), 100.0, (101, 101))
        >>> camera.position.round(6).tolist(), camera.project(np.zeros((1, 3))).round(6).tolist()
        ([0.0, -0.0, 2.0], [[50.0, 50.0, 2.0]])
    """
    e, a, r = np.deg2rad([angles.elevation, angles.azimuth, angles.roll])
    back = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    down = cross(-back, right)
    rotation = np.stack([right, down, -back])
    turn = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return Camera(turn @ rotation, target + distance * back, focal, size_wh)
