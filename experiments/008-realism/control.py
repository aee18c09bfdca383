"""Render controls: people that differ from fidip's in one property.

The property is the body, the posture, its ranges, the view, or a part of the appearance.

``python experiments/008-realism/control.py DIR`` writes a dataset for each of CONTROLS into DIR,
all from the same random numbers.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.synth import ImageSet, RenderSettings, write_split
from fidip.synth.pose.posture import POSTURES, Posture

COUNT, SIZE_WH, SPLIT = 40, (256, 256), "validate_control"

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
GOOD_CAMERA = {
    "noise": 0.02,
    "resolution": 0.8,
    "jpeg": (70, 95),
    "defocus": 0.6,
    "motion": 1.5,
    "vignette": 0.2,
    "contrast": 0.1,
    "exposure": 0.2,
    "depth_of_field": 0.0,
}
NOTHING_BEFORE = {"cot": 0, "sack": 0, "blanket": 0, "furniture": (0, 0), "toys": (0, 0)}
NOTHING_BEFORE |= {"caregiver": 0, "held": 0, "lap": 0}


@dataclass(frozen=True)
class Control:
    """People of one kind: a group, a posture (None: any, by weight), and a changed appearance."""

    group: str
    posture: Posture | None = None
    appearance: str = "varied"
    changes: dict[str, Any] = field(default_factory=dict)


CONTROLS = {
    "prone": Control("infant", PRONE),
    "prone_on_the_belly": Control("infant", ON_THE_BELLY),
    "prone_from_above": Control("infant", replace(PRONE, **FROM_ABOVE)),
    "prone_on_the_belly_from_above": Control("infant", replace(ON_THE_BELLY, **FROM_ABOVE)),
    "all_fours": Control("infant", POSTURES["all_fours"]),
    "infant_standing": Control("infant", POSTURES["adult_standing"]),
    "adult_prone": Control("adult", PRONE),
    "adult_standing": Control("adult", POSTURES["adult_standing"]),
    "night": Control("infant", appearance="night"),
    "night_good_camera": Control("infant", appearance="night", changes=GOOD_CAMERA),
    "night_nothing_before": Control("infant", appearance="night", changes=NOTHING_BEFORE),
    "far": Control("infant", appearance="far"),
    "far_good_camera": Control("infant", appearance="far", changes=GOOD_CAMERA),
    "far_nothing_before": Control("infant", appearance="far", changes=NOTHING_BEFORE),
}


def main(out: Path) -> None:
    usual = dict(POSTURES)
    for name, control in CONTROLS.items():
        POSTURES.clear()
        POSTURES.update(usual)
        if control.posture is not None:
            POSTURES.clear()
            POSTURES["only"] = replace(control.posture, group=control.group, weight=1)
        appearance = instantiate(
            OmegaConf.load(Path(config_dir()) / "appearance" / f"{control.appearance}.yaml")
        )
        appearances = {control.appearance: replace(appearance, **control.changes)}
        parts = [ImageSet(control.group, control.appearance, False, COUNT)]
        if not (out / name / "annotations").exists():
            write_split(out / name, SPLIT, parts, RenderSettings(appearances, SIZE_WH))
            print(name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
