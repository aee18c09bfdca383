"""A dressed and posed person: shape, clothes, pose, and position in the room."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from fidip.core.arrays import Floats
from fidip.synth.appearance import Appearance
from fidip.synth.body.body_model import Body, RestShape
from fidip.synth.body.growth import infant_shape
from fidip.synth.body.hands import HandOpening, open_hands
from fidip.synth.clothing.garments import Outfit
from fidip.synth.pose.collision import deepest_cut
from fidip.synth.pose.joint_angles import sample_pose
from fidip.synth.render.mesh import Mesh, from_origin

BODY = 0
"""Material index of the person."""
_DEEPEST_CUT = 0.01  # metres


@dataclass(frozen=True, eq=False)
class Figure:
    """A dressed person in a pose.

    Attributes:
        rest, heads: (V, 3) vertices and (J, 3) bone heads of the rest pose, metres; hands closed.
        outfit: skin and clothes.
        opening: how far the hands are open.
        rotations: (J, 3, 3) world rotations of the bones away from rest.
        offset: (3,) metres that are subtracted from posed vertices to place them in the room.
    """

    rest: Floats
    heads: Floats
    outfit: Outfit
    opening: HandOpening
    rotations: Floats
    offset: Floats

    def bare(self, body: Body, posed: Floats | None = None) -> Mesh:
        """Return the naked body in the room, pressed flat where it would sink into the floor.

        Args:
            body: the body.
            posed: (V, 3) posed vertices, metres, if they are known already.
        """
        if posed is None:
            rest = open_hands(body, self.rest, self.heads, self.opening)
            posed = body.pose(rest, self.heads, self.rotations)
        vertices = _on_floor(from_origin(posed, self.offset))
        return Mesh(vertices, body.faces, self.rest, BODY, self.outfit.cover)

    def clothed(self, bare: Mesh) -> Mesh:
        """Return a bare body with its clothes on."""
        worn = self.outfit.worn(bare)
        return replace(worn, vertices=_on_floor(worn.vertices))


def draw_shape(
    body: Body,
    group: str,
    appearance: Appearance,
    rng: np.random.Generator,
    limbs: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Draw rest vertices (V, 3) and bone heads (J, 3) of a person, metres.

    Args:
        body: the body.
        group: "infant" or "adult".
        appearance: the range of infants' ages.
        rng: stream of the shape.
        limbs: stream of the age.
    """
    shape = rng.normal(size=8).clip(-1.6, 1.6)
    if group == "infant" and appearance.months is not None and body.has_ages:
        return infant_shape(body, shape, limbs.uniform(*appearance.months), limbs)
    return body.rest(group, shape)


def least_cutting_pose(
    rest: RestShape, rotations: Floats, posture: str, redraws: int, rng: np.random.Generator
) -> Floats:
    """Redraw a pose while its limbs cut deep into the body.

    Args:
        rest: the body at rest, with opened hands.
        rotations: (J, 3, 3) world rotations of the first pose.
        posture: name of the posture that poses are drawn from.
        redraws: largest number of poses that are examined; 0 keeps the first.
        rng: random stream.

    Returns:
        (J, 3, 3) rotations of the pose with the shallowest cut.
    """
    best, least = rotations, np.inf
    for _ in range(redraws):
        cut = deepest_cut(rest.body, rest.vertices, rest.pose(rotations))
        if cut < least:
            best, least = rotations, cut
        if least < _DEEPEST_CUT:
            break
        rotations = sample_pose(rest.body, rest.heads, posture, rng)
    return best


def ground(posed: Floats) -> Floats:
    """Return where a posed body touches the ground, metres.

    Args:
        posed: (V, 3) vertices, metres.

    Returns:
        (3,): mean x and y, and the 0.5th percentile of z.
    """
    rank = int(0.005 * (len(posed) - 1))
    # Gives the same bits as NumPy's mean and percentile, which take ten times as long.
    low, high = np.partition(posed[:, 2], (rank, rank + 1))[rank : rank + 2]
    above = 0.005 * (len(posed) - 1) - rank
    height = low + (high - low) * above if above < 0.5 else high - (high - low) * (1 - above)
    return np.array([*_middle(posed), height])


@njit(cache=True)
def _middle(points):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Return the mean x and y of points (N, 3)."""
    x = y = 0.0
    for n in range(len(points)):
        x += points[n, 0]
        y += points[n, 1]
    return x / len(points), y / len(points)


def _on_floor(vertices: Floats) -> Floats:
    """Press vertices that would sink into the floor flat on it, as soft tissue is."""
    vertices = vertices.copy()
    vertices[:, 2] = np.maximum(vertices[:, 2], 0.003)
    return vertices
