"""An adult who rocks and bounces the infant that they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.pose.joint_angles import UP
from fidip.synth.pose.motion import SmoothCurves
from fidip.synth.pose.rotation import about
from fidip.synth.render.mesh import Mesh
from fidip.synth.scene.props import moved
from fidip.synth.scene.stage import HOLDER, Stage


@dataclass(frozen=True)
class Carrying:
    """Statistics of the movement of an adult with an infant.

    Attributes:
        bounce: range of the height of bouncing, m.
        bounce_hertz: frequencies of bouncing.
        step: range of the length of steps to any side, m.
        turn: range of the turn to either side, degrees.
        hertz: frequencies of steps and turns.
    """

    bounce: Range = (0.01, 0.03)
    bounce_hertz: Range = (1.0, 2.2)
    step: Range = (0.02, 0.05)
    turn: Range = (5.0, 15.0)
    hertz: Range = (0.2, 0.8)

    def draw(self, stage: Stage, rng: np.random.Generator) -> Rocking:
        """Draw the movement of the infant of a stage and of the adult who holds it."""
        carrier = [mesh for mesh in stage.props if mesh.material == HOLDER]
        pivot = np.concatenate([mesh.vertices for mesh in carrier]).mean(0)
        bounce, step = rng.uniform(*self.bounce), rng.uniform(*self.step)
        return Rocking(
            pivot=pivot * [1, 1, 0],
            bounce=SmoothCurves.draw(1, self.bounce_hertz, rng),
            sway=SmoothCurves.draw(3, self.hertz, rng),
            reach=np.array([step, step, rng.uniform(*self.turn)]),
            height=float(bounce),
        )


@dataclass(frozen=True, eq=False)
class Rocking:
    """A movement of infant and adult as one.

    Attributes:
        pivot: (3,) point on the floor about which they turn, metres.
        bounce: curve of the height.
        sway: curves of x, y and the turn about the vertical.
        reach: (3,) sizes of the sway: metres, metres, degrees.
        height: size of the bounce, metres.
    """

    pivot: Floats
    bounce: SmoothCurves
    sway: SmoothCurves
    reach: Floats
    height: float

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return a stage with infant and adult at ``time`` seconds."""
        aside, ahead, turn = self.reach * np.tanh(self.sway(time))
        turning = about(UP, float(turn))
        up = self.height * float(np.tanh(self.bounce(time)[0]))
        shift = np.array([aside, ahead, up]) + self.pivot - turning @ self.pivot
        return replace(
            stage,
            joints=stage.joints @ turning.T + shift,
            worn=[moved(mesh, shift, turning) for mesh in stage.worn],
            props=[self._carried(mesh, shift, turning) for mesh in stage.props],
        )

    @staticmethod
    def _carried(mesh: Mesh, shift: Floats, turning: Floats) -> Mesh:
        return moved(mesh, shift, turning) if mesh.material == HOLDER else mesh
