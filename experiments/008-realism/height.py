"""Measure how far above the floor the lowest part of an infant's trunk is.

``python experiments/008-realism/height.py`` prints the 10th, 50th and 90th percentile
over 100 poses of each posture, in % of the length from crown to sole.
"""

from __future__ import annotations

import numpy as np
from control import ON_THE_BELLY, PRONE

from fidip.synth.body.body_model import default_body
from fidip.synth.pose.joint_angles import sample_pose
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.stage import ground

COUNT = 100
TRUNK = ("root", "pelvis", "spine05", "spine04", "spine03", "spine02", "spine01")


def heights(posture: str) -> list[float]:
    """Of the lowest trunk vertex of each pose; negative where it is pressed into the floor."""
    body = default_body()
    trunk = body.weight_of(*TRUNK) > 0.8
    out = []
    for number in range(COUNT):
        rng = np.random.default_rng([8, number])
        rest, heads = body.rest("infant", rng.normal(size=8).clip(-1.6, 1.6))
        posed = body.pose(rest, heads, sample_pose(body, heads, posture, rng))
        above = (posed - ground(posed))[trunk, 2].min()
        out.append(100 * float(above / np.ptp(rest[:, 2])))
    return out


if __name__ == "__main__":
    POSTURES["prone"], POSTURES["prone_on_the_belly"] = PRONE, ON_THE_BELLY
    for name in ("supine", "side", "prone", "prone_on_the_belly"):
        print(f"{name:20}", *np.percentile(heights(name), [10, 50, 90]).round(1))
