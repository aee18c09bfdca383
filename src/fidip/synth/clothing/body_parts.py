"""Where every vertex of a body is along trunk, arms and legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from fidip.core.arrays import Floats
from fidip.synth.body.body_model import RestShape
from fidip.synth.render.mesh import from_origin


@dataclass(frozen=True, eq=False)
class BodyParts:
    """Position of every vertex on the body, from skinning weights and the rest pose.

    Attributes:
        trunk, arm, leg, head: (V,) weights that sum to 1.
        height: (V,) 0 at the hips, 1 at the neck.
        along_arm, along_leg: (V,) 0 at shoulder or hip, 1 at wrist or ankle, larger beyond.
        arm_length, leg_length, trunk_length: metres.
    """

    trunk: Floats
    arm: Floats
    leg: Floats
    head: Floats
    height: Floats
    along_arm: Floats
    along_leg: Floats
    arm_length: float
    leg_length: float
    trunk_length: float


def measure_parts(rest: RestShape) -> BodyParts:
    """Measure the parts of a rest shape."""
    body, vertices, heads = rest.body, rest.vertices, rest.heads
    joint = {name: heads[i] for name, i in body.index.items()}
    arm, leg = (
        body.weight_of("upperarm", "lowerarm", "wrist"),
        body.weight_of("upperleg", "lowerleg", "foot"),
    )
    head = body.weight_of("neck02", "neck03", "head")
    hip, neck = joint["upperleg01.L"][2], joint["neck01"][2]
    mirrored = vertices.copy()
    np.abs(vertices[:, 0], out=mirrored[:, 0])
    along_arm, arm_length = _along(mirrored, joint, "upperarm01", "lowerarm01", "wrist")
    along_leg, leg_length = _along(mirrored, joint, "upperleg01", "lowerleg01", "foot")
    return BodyParts(
        trunk=1 - arm - leg - head, arm=arm, leg=leg, head=head,
        height=(vertices[:, 2] - hip) / (neck - hip),
        along_arm=along_arm, along_leg=along_leg,
        arm_length=arm_length, leg_length=leg_length, trunk_length=float(neck - hip),
    )  # fmt: skip


def _along(
    mirrored: Floats, joint: dict[str, Floats], first: str, second: str, end: str
) -> tuple[Floats, float]:
    """Return positions (V,) along a chain of two bones, and its length, metres.

    Args:
        mirrored: (V, 3) vertices, all on the left.
        joint: bone heads by name.
        first: name of the first bone.
        second: name of the second bone.
        end: name of the bone after it.
    """
    start, middle, stop = (joint[f"{name}.L"] for name in (first, second, end))
    upper, lower = np.linalg.norm(middle - start), np.linalg.norm(stop - middle)
    on_first = from_origin(mirrored, start) @ (middle - start)
    on_second = from_origin(mirrored, middle) @ (stop - middle)
    along: Floats = _along_chain(on_first, on_second, upper, lower)
    return along, float(upper + lower)


@njit(cache=True, error_model="numpy")
def _along_chain(on_first, on_second, upper, lower):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Combine positions (N,) along two bones, times their lengths, to positions along both."""
    out = np.empty_like(on_first)
    for n in range(len(out)):
        first, second = on_first[n] / upper, on_second[n] / lower
        along = first if first < upper else upper + max(second, 0.0)
        out[n] = along / (upper + lower)
    return out
