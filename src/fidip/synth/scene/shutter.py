"""Motion blur: the instants that one exposure averages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.scene.stage import Stage

_EVERY = 40  # vertices; enough to find the fastest part
_FASTEST = 99.5  # percentile of the distances: a few vertices near the camera do not count


@dataclass(frozen=True)
class Shutter:
    """A shutter that stays open while things move.

    Attributes:
        seconds: range of exposure times; a clip has one.
        step: largest movement between two instants, px.
        most: largest number of instants, odd.
    """

    seconds: Range = (0.008, 0.03)
    step: float = 2.0
    most: int = 11

    def instants(self, distance: float) -> Floats:
        """Return the instants of an exposure as fractions of its length, from its middle.

        Args:
            distance: how far the fastest part of the image moves meanwhile, px.

        Example:
            >>> Shutter(step=2.0).instants(0.5).tolist(), Shutter(step=2.0).instants(5.9).tolist()
            ([0.0], [0.0, -0.3333333333333333, 0.3333333333333333])
        """
        half = min(int(np.ceil((distance / self.step - 1) / 2)), (self.most - 1) // 2)
        around = np.arange(1, max(half, 0) + 1)
        steps = np.stack([-around, around], axis=1).ravel()
        return np.array([0, *steps]) / (2 * max(half, 0) + 1)


def travel(before: Stage, after: Stage) -> float:
    """Return how far the fastest part of the image moves between two instants of a stage, px."""
    meshes = zip([*before.worn, *before.props], [*after.worn, *after.props], strict=True)
    farthest = 0.0
    for old, new in meshes:
        start, end = (
            stage.camera.project(mesh.vertices[::_EVERY])
            for stage, mesh in ((before, old), (after, new))
        )
        seen = (start[:, 2] > 0) & (end[:, 2] > 0)
        distance = np.linalg.norm((end - start)[seen, :2], axis=1)
        if len(distance):
            farthest = max(farthest, float(np.percentile(distance, _FASTEST)))
    return farthest
