"""Lights that go out and come back, and a camera whose exposure follows slowly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.ranges import Range
from fidip.synth.render.light import Light
from fidip.synth.scene.stage import Stage

_SWITCH = 0.06  # seconds in which a lamp goes out
_COMPENSATED = 0.75  # fraction of the loss that the camera makes up for


@dataclass(frozen=True)
class LightsOut:
    """Statistics of a lamp that goes out once.

    Attributes:
        start: range of the instant at which it goes out, as a fraction of the clip.
        seconds: range of the time without it.
        stops: range of the loss of light.
        adapts: seconds in which the camera's exposure follows by two thirds.
    """

    start: Range = (0.15, 0.4)
    seconds: Range = (1.0, 2.0)
    stops: Range = (2.5, 4.5)
    adapts: float = 0.5

    def draw(self, length: float, rng: np.random.Generator) -> Dimming:
        """Draw the dimming of a clip of ``length`` seconds."""
        off = length * float(rng.uniform(*self.start))
        on = off + float(rng.uniform(*self.seconds))
        return Dimming(off, on, float(rng.uniform(*self.stops)), self.adapts)


@dataclass(frozen=True)
class Dimming:
    """Light and exposure over time.

    Attributes:
        off, on: when the lamp goes out and comes back, s.
        stops: loss of light.
        adapts: time constant of the camera's exposure, s.
    """

    off: float
    on: float
    stops: float
    adapts: float

    def lost(self, time: float) -> float:
        """Return the loss of light at ``time`` seconds, stops.

        Example:
            >>> dimming = Dimming(off=1.0, on=2.0, stops=3.0, adapts=0.5)
            >>> dimming.lost(0.5), dimming.lost(1.5), dimming.lost(2.5)
            (0.0, 3.0, 0.0)
        """
        return self.stops * (_ramp(time - self.off) - _ramp(time - self.on))

    def gained(self, time: float) -> float:
        """Return how much the camera raises its exposure at ``time`` seconds, stops.

        Example:
            >>> dimming = Dimming(off=1.0, on=9.0, stops=4.0, adapts=0.5)
            >>> [round(dimming.gained(t), 2) for t in (1.0, 1.5, 8.0, 9.5)]
            [0.0, 1.9, 3.0, 1.1]
        """
        dark = max(0.0, min(time, self.on) - self.off)
        bright = max(0.0, time - self.on)
        follows = (1 - np.exp(-dark / self.adapts)) * np.exp(-bright / self.adapts)
        return float(_COMPENSATED * self.stops * follows)

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return a stage with the light and the exposure at ``time`` seconds.

        Without the main light there are hardly any shadows: it loses twice as many stops.
        """
        lost, gain = self.lost(time), 2 ** self.gained(time)
        main, *others = stage.lights
        first = _scaled(main, gain * 2**-lost)
        first = replace(first, color=first.color * 2**-lost)
        return replace(
            stage, lights=[first, *(_scaled(light, gain * 2**-lost) for light in others)]
        )


def _scaled(light: Light, factor: float) -> Light:
    return replace(
        light, color=factor * light.color, sky=factor * light.sky, bounce=factor * light.bounce
    )


def _ramp(time: float) -> float:
    """Rise from 0 to 1 within ``_SWITCH`` seconds."""
    return float(np.clip(time / _SWITCH, 0, 1))
