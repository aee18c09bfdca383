"""Opening of hands: from an infant's fist, or an adult's relaxed hand, to straight fingers.

Fingers have no bones. The body file holds the positions of the hands' vertices for half open and
open hands; a parabola through the three positions follows the arc of a finger to a few millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body


@dataclass(frozen=True)
class HandOpening:
    """How far both hands are open.

    Attributes:
        group: "infant" or "adult".
        left, right: from 0, as in the rest pose, to 1, flat.
    """

    group: str
    left: float = 0.0
    right: float = 0.0

    @classmethod
    def draw(cls, group: str, widest: float, rng: np.random.Generator) -> HandOpening:
        """Draw the opening of each hand between 0 and ``widest``."""
        left, right = rng.uniform(0, widest, 2)
        return cls(group, float(left), float(right))


def open_hands(body: Body, rest: Floats, heads: Floats, opening: HandOpening) -> Floats:
    """Open the hands of a rest shape.

    The hands are scaled from the mean shape by the length of the forearms.

    Args:
        body: the body; one without hand shapes is left unchanged.
        rest: (V, 3) rest vertices, metres.
        heads: (J, 3) rest bone heads, metres.
        opening: how far the hands are open.

    Returns:
        (V, 3) rest vertices, metres.
    """
    if opening.group not in body.hands or not (opening.left or opening.right):
        return rest
    hands = body.hands[opening.group]
    side = np.where(rest[hands.vertices, 0] > 0, opening.left, opening.right)[:, None]
    moved = side * (4 * hands.half - hands.open) + side**2 * (2 * hands.open - 4 * hands.half)
    out = rest.copy()
    out[hands.vertices] += moved * (body.forearm_length(heads) / hands.forearm)
    return out
