"""What makes a clip hard: kicks, blankets, hands, a moving camera, light, and lost frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fidip.synth.pose.kicks import Kicks
from fidip.synth.scene.carrying import Carrying
from fidip.synth.scene.cover import Cover
from fidip.synth.scene.handheld import CameraMoves
from fidip.synth.scene.handling import Handling
from fidip.synth.scene.lights_out import LightsOut
from fidip.synth.scene.shutter import Shutter

__all__ = [
    "CameraMoves",
    "Carrying",
    "ClipEvents",
    "Cover",
    "DroppedFrames",
    "Handling",
    "Kicks",
    "LightsOut",
    "Shutter",
]


@dataclass(frozen=True)
class DroppedFrames:
    """Statistics of frames that a camera loses: gaps in the time stamps.

    Attributes:
        chance: chance that frames are lost after a frame.
        longest: largest number of frames that are lost at once.
    """

    chance: float = 0.06
    longest: int = 8

    def kept(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Draw which of ``count`` frames are kept: the first, the last and those between gaps.

        Example:
            >>> DroppedFrames(chance=1.0, longest=1).kept(6, np.random.default_rng(0)).tolist()
            [0, 2, 4, 5]
        """
        kept, frame = [], 0
        while frame < count - 1:
            kept.append(frame)
            lost = int(rng.integers(1, self.longest + 1)) if rng.random() < self.chance else 0
            frame += 1 + lost
        return np.array([*kept, count - 1])


@dataclass(frozen=True)
class ClipEvents:
    """What happens in a clip; None for what does not.

    Attributes:
        shutter: motion blur.
        kicks: rapid kicks in place of the posture's own.
        cover: a blanket; lying infants only.
        handling: a caregiver's hands; lying infants only.
        carrying: the movement of the adult who holds the infant; held infants only.
        camera: shake and pan.
        lights: lights that go out.
        drops: lost frames.
    """

    shutter: Shutter | None = None
    kicks: Kicks | None = None
    cover: Cover | None = None
    handling: Handling | None = None
    carrying: Carrying | None = None
    camera: CameraMoves | None = None
    lights: LightsOut | None = None
    drops: DroppedFrames | None = None
