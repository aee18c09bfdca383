"""A camera in a hand: it trembles, and pans slowly across the person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.camera.pinhole import Camera
from fidip.synth.pose.motion import SmoothCurves
from fidip.synth.pose.rotation import of_vector
from fidip.synth.scene.stage import Stage

_ROLL = 0.5  # of the shake about the other axes


@dataclass(frozen=True)
class CameraMoves:
    """Statistics of a camera that turns about its own position.

    Attributes:
        shake: standard deviation of the trembling, as a fraction of the image's width.
        shake_hertz: frequencies of the trembling.
        pan: largest shift of the image by panning, as a fraction of its width.
        pan_hertz: frequencies of panning.
    """

    shake: float = 0.006
    shake_hertz: Range = (1.0, 7.0)
    pan: float = 0.25
    pan_hertz: Range = (0.1, 0.5)

    def draw(self, camera: Camera, rng: np.random.Generator) -> CameraPath:
        """Draw the path of a camera."""
        scale = camera.size_wh[0] / camera.focal
        return CameraPath(
            camera,
            SmoothCurves.draw(3, self.shake_hertz, rng),
            SmoothCurves.draw(2, self.pan_hertz, rng),
            self.shake * scale,
            self.pan * scale,
        )


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A moving camera.

    Attributes:
        camera: the view about which it moves.
        shake, pan: curves about the camera's axes.
        trembling: standard deviation of the shake, radians.
        widest: largest turn of the pan, radians.
    """

    camera: Camera
    shake: SmoothCurves
    pan: SmoothCurves
    trembling: float
    widest: float

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return a stage in the view at ``time`` seconds."""
        turn = self.trembling * self.shake(time) * [1.0, 1.0, _ROLL]
        across, along = self.widest * np.tanh(self.pan(time))
        turn[:2] += [0.5 * along, across]  # videos pan more sideways than up and down
        rotation: Floats = of_vector(turn) @ self.camera.rotation
        return replace(stage, camera=replace(self.camera, rotation=rotation))
