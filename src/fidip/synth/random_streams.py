"""The two random streams of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RandomStreams:
    """Random streams for the values that every appearance draws and for those added later.

    Appearances that do not use the later statistics draw nothing from ``style``, so a new statistic
    leaves the images of the former ones unchanged.

    Attributes:
        rng: stream of the statistics of the first version.
        style: stream of the statistics that were added since.
    """

    rng: np.random.Generator
    style: np.random.Generator
