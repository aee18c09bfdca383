"""A pinhole camera: world metres (z up, the floor at z = 0) to pixels and depth.

A camera looks along its own z axis with x to the right and y down; pixel centres are integers.
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
    """

    rotation: Floats
    position: Floats
    focal: float
    size_wh: tuple[int, int]

    @property
    def center(self) -> Floats:
        """(2,) principal point in px."""
        return (np.array(self.size_wh, dtype=float) - 1) / 2

    def project(self, points: Floats) -> Floats:
        """(N, 3) world points to (N, 3): x and y in image px, and depth along the optical axis in metres."""
        seen: Floats = _on_image(
            from_origin(points, self.position) @ self.rotation.T, self.focal, *self.center
        )
        return seen

    def scaled(self, factor: float) -> Camera:
        """The same view with ``factor`` times as many pixels a side."""
        width, height = self.size_wh
        size = (round(width * factor), round(height * factor))
        return Camera(self.rotation, self.position, self.focal * factor, size)


@njit(cache=True, error_model="numpy")
def _on_image(
    local: Floats, focal: float, center_x: float, center_y: float
) -> Floats:  # pragma: no cover - compiled
    """(N, 3) points of camera space, metres, to px and depth."""
    out = np.empty_like(local)
    for n in range(len(local)):
        depth = local[n, 2]
        out[n, 0] = focal * local[n, 0] / depth + center_x
        out[n, 1] = focal * local[n, 1] / depth + center_y
        out[n, 2] = depth
    return out


def look_at(
    target: Floats,
    distance: float,
    elevation: float,
    azimuth: float,
    roll: float,
    focal: float,
    size_wh: tuple[int, int],
) -> Camera:
    """A camera ``distance`` metres from the target; angles in degrees.

    Elevation 90 looks straight down, 0 is level; azimuth 0 stands at -y; roll turns the image.
    """
    e, a, r = np.deg2rad([elevation, azimuth, roll])
    back = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    down = cross(-back, right)
    rotation = np.stack([right, down, -back])
    turn = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return Camera(turn @ rotation, target + distance * back, focal, size_wh)
