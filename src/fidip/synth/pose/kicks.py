"""Rapid kicks: many, short and deep, of both legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range


@dataclass(frozen=True)
class Kicks:
    """Statistics of rapid kicks. Each leg kicks on its own.

    Attributes:
        pause: range of the time between two kicks of a leg, s.
        seconds: range of the length of a kick, s.
        depth: range of the depth, 0 to 1: how far the leg bends and extends.
    """

    pause: Range = (0.1, 1.0)
    seconds: Range = (0.22, 0.4)
    depth: Range = (0.7, 1.0)

    def draw(self, seconds: float, rng: np.random.Generator) -> Floats:
        """Draw the kicks of a movement of ``seconds``.

        Returns:
            (K, 4) start and length in seconds, side (0 left, 1 right) and depth, by start. Kicks of
            one leg do not overlap.

        Example:
            >>> rng = np.random.default_rng(0)
            >>> Kicks(pause=(1, 1), seconds=(0.5, 0.5), depth=(1, 1)).draw(3.0, rng).tolist()
            [[1.0, 0.5, 0.0, 1.0], [1.0, 0.5, 1.0, 1.0], [2.5, 0.5, 0.0, 1.0], [2.5, 0.5, 1.0, 1.0]]
        """
        kicks = []
        for side in (0.0, 1.0):
            start = float(rng.uniform(*self.pause))
            while start < seconds:
                length, depth = float(rng.uniform(*self.seconds)), float(rng.uniform(*self.depth))
                kicks.append((start, length, side, depth))
                start += length + float(rng.uniform(*self.pause))
        return np.array(sorted(kicks)).reshape(-1, 4)
