"""A blanket over a moving person; it follows the body and slides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.ranges import Range
from fidip.synth.clothing.palette import bedding
from fidip.synth.clothing.texture import Material
from fidip.synth.render.mesh import bounds
from fidip.synth.scene.props import Rectangle, blanket, faced_up
from fidip.synth.scene.stage import Stage, with_prop


@dataclass(frozen=True)
class Cover:
    """Statistics of a blanket over a lying person, from the trunk to the feet, not over the face.

    Attributes:
        length, width: ranges of its size as a fraction of the body's longer side.
        edge: range of the place of its upper edge at first: 0 at the shoulders, 1 at the hips.
        slide: range of its movement away from the head in the clip, as a fraction of the body's
            longer side.
    """

    length: Range = (0.7, 1.0)
    width: Range = (0.7, 1.1)
    edge: Range = (0.2, 0.9)
    slide: Range = (0.0, 0.35)

    def draw(self, stage: Stage, seconds: float, rng: np.random.Generator) -> SlidingBlanket:
        """Draw a blanket over the person of a stage for a clip of ``seconds``."""
        shoulders, hips = (stage.joints[pair, :2].mean(0) for pair in ([5, 6], [11, 12]))
        down = (hips - shoulders) / np.linalg.norm(hips - shoulders)
        low, high = bounds(stage.worn[0].vertices)
        longer = float((high - low)[:2].max())
        size = longer * np.array([rng.uniform(*self.length), rng.uniform(*self.width)])
        edge = shoulders + rng.uniform(*self.edge) * (hips - shoulders)
        heading = float(np.arctan2(down[1], down[0]) + rng.normal(0, 0.15))
        place = Rectangle(edge + 0.5 * size[0] * down, size, heading)
        drift = rng.uniform(*self.slide) * longer / seconds * down
        return SlidingBlanket(place, drift, int(rng.integers(2**32)), bedding(rng))


@dataclass(frozen=True, eq=False)
class SlidingBlanket:
    """A blanket that lies on whatever is below it at any time.

    Attributes:
        place: where it lies at first.
        drift: (2,) velocity, m/s.
        seed: seed of the folds, which stay the same.
        paint: its material.
    """

    place: Rectangle
    drift: Floats
    seed: int
    paint: Material

    def apply(self, stage: Stage, time: float) -> Stage:
        """Return a stage with the blanket at ``time`` seconds."""
        shift = time * self.drift
        place = replace(self.place, center=self.place.center + shift)
        below = np.concatenate([mesh.vertices for mesh in stage.worn])
        cloth = blanket(below, place, 0, np.random.default_rng(self.seed))
        texture = cloth.texture - [*shift, 0.0]  # the print moves with the cloth
        return with_prop(stage, faced_up(replace(cloth, texture=texture)), self.paint)
