"""Render people that differ from fidip's in one thing: the body, the posture, its ranges, or the camera.

``python experiments/008-realism/control.py DIR`` writes a data set for each of CONTROLS into DIR, in the look `varied`, from
the same random numbers.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.synth import Group, write_split
from fidip.synth.posture import POSTURES, Posture

COUNT, SIZE_WH, LOOK, SPLIT = 50, (256, 256), "varied", "validate_control"

PRONE = POSTURES["prone"]
ON_THE_BELLY = replace(
    PRONE,
    pitch=(68, 80),
    angles=replace(
        PRONE.angles,
        bend=(-25, -12),
        flex=(-20, -10),
        reach=(0, 40),
        raise_=(50, 150),
        elbow=(50, 130),
        roll=(-60, 20),
        spread=(8, 55),
        rotate=(15, 65),
    ),
)
FROM_ABOVE = {"elevation": (50, 90), "facing": None}

CONTROLS: dict[str, tuple[str, Posture]] = {
    "prone": ("infant", PRONE),
    "prone_on_the_belly": ("infant", ON_THE_BELLY),
    "prone_from_above": ("infant", replace(PRONE, **FROM_ABOVE)),
    "prone_on_the_belly_from_above": ("infant", replace(ON_THE_BELLY, **FROM_ABOVE)),
    "all_fours": ("infant", POSTURES["all_fours"]),
    "infant_standing": ("infant", POSTURES["adult_standing"]),
    "adult_prone": ("adult", PRONE),
    "adult_all_fours": ("adult", POSTURES["all_fours"]),
    "adult_standing": ("adult", POSTURES["adult_standing"]),
}


def main(out: Path) -> None:
    look = instantiate(OmegaConf.load(Path(config_dir()) / "look" / f"{LOOK}.yaml"))
    for name, (group, posture) in CONTROLS.items():
        POSTURES.clear()
        POSTURES["only"] = replace(posture, group=group, weight=1)
        parts = [Group(group, LOOK, False, COUNT)]
        if not (out / name / "annotations").exists():
            write_split(out / name, SPLIT, parts, {LOOK: look}, SIZE_WH, 0, 1, lambda r, *_: r)
            print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
