"""The person that a scene is built around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.render.mesh import Mesh, bounds


@dataclass(frozen=True, eq=False)
class Subject:
    """A posed person in the room.

    Attributes:
        mesh: the body.
        joints: (17, 3) keypoints, world metres.
        posture: name of the posture.
    """

    mesh: Mesh
    joints: Floats
    posture: str

    def extent(self) -> tuple[Floats, float]:
        """Return the middle on the floor (2,) and the diagonal of the body's box, metres."""
        low, high = bounds(self.mesh.vertices)
        return (high + low)[:2] / 2, float(np.linalg.norm(high - low))
