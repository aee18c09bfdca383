"""Hands that open: from an infant's fist, or an adult's relaxed hand, to straight fingers.

Fingers have no bones of their own. The body file holds where the hands' vertices go when a hand is half open and
open; a parabola through the three places follows the arc of a finger to a few millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import Body


@dataclass(frozen=True)
class Grip:
    """How far the hands of a body of ``group`` are open: 0 as in the rest pose, 1 flat."""

    group: str
    left: float = 0.0
    right: float = 0.0

    @classmethod
    def draw(cls, group: str, widest: float, rng: np.random.Generator) -> Grip:
        """Each hand open between 0 and ``widest``."""
        left, right = rng.uniform(0, widest, 2)
        return cls(group, float(left), float(right))


def open_hands(body: Body, rest: Floats, heads: Floats, grip: Grip) -> Floats:
    """(V, 3) the rest vertices, metres, with hands as open as ``grip`` says; a body without such hands stays as it is.

    Hands are as much larger than those of the mean shape as forearms (of bone heads (J, 3)) are longer.
    """
    if grip.group not in body.hands or not (grip.left or grip.right):
        return rest
    hands = body.hands[grip.group]
    side = np.where(rest[hands.vertices, 0] > 0, grip.left, grip.right)[:, None]
    moved = side * (4 * hands.half - hands.open) + side**2 * (2 * hands.open - 4 * hands.half)
    out = rest.copy()
    out[hands.vertices] += moved * (_forearm(body, heads) / hands.forearm)
    return out


def _forearm(body: Body, heads: Floats) -> float:
    start, end = (heads[body.index[f"{bone}.L"]] for bone in ("lowerarm01", "wrist"))
    return float(np.linalg.norm(end - start))
