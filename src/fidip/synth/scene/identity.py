"""One infant or adult in several clips: body shape, skin, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body, RestShape
from fidip.synth.clothing.garments import Outfit, draw_outfit
from fidip.synth.random_streams import RandomStreams
from fidip.synth.scene.figure import draw_shape


@dataclass(frozen=True, eq=False)
class Identity:
    """A person without a pose.

    Attributes:
        rest, heads: (V, 3) vertices and (J, 3) bone heads of the rest pose, metres.
        outfit: skin and clothes.
    """

    rest: Floats
    heads: Floats
    outfit: Outfit

    @classmethod
    def draw(cls, body: Body, group: str, appearance: Appearance, seed: int) -> Identity:
        """Draw a person of a group; the same seed gives the same one."""
        rng, limbs, wear = np.random.default_rng((seed, 11)).spawn(3)
        rest, heads = draw_shape(body, group, appearance, rng, limbs)
        streams = RandomStreams(wear, wear.spawn(1)[0])
        outfit = draw_outfit(RestShape(body, rest, heads), group, appearance, streams)
        return cls(rest, heads, outfit)
