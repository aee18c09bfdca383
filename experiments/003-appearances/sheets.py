"""Draw a contact sheet per appearance: one row per posture, with keypoints.

``python experiments/003-appearances/sheets.py docs/appearances``
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.io.drawing import draw_pose, sheet
from fidip.synth.body.body_model import default_body
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.picture import capture
from fidip.synth.scene.stage import set_stage

SIZE_WH, COLUMNS, TILE = (256, 256), 7, 190
APPEARANCES = ("clean", "varied", "home", "clinic", "night", "far", "wild")
INFANTS = [name for name, posture in POSTURES.items() if posture.group == "infant"]


def rows_of(appearance):
    """The postures that an appearance has."""
    chance = {"held": appearance.held, "cradled": appearance.held, "lap": appearance.lap}
    return [name for name in INFANTS if chance.get(name, 1) > 0]


def tile(appearance, posture, number):
    """One image with its labels: left green, right orange, hidden joints hollow."""
    rng = np.random.default_rng([3, INFANTS.index(posture), number])
    stage = set_stage(default_body(), "infant", appearance, SIZE_WH, rng, posture)
    picture = capture(stage, appearance, rng)
    keypoints = picture.keypoints
    large = cv2.resize(picture.image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return draw_pose(large, 2 * keypoints[:, :2] + 0.5, keypoints[:, 2] > 0, keypoints[:, 2] == 1)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in APPEARANCES:
        appearance = instantiate(OmegaConf.load(Path(config_dir()) / "appearance" / f"{name}.yaml"))
        rows = rows_of(appearance)
        tiles = [tile(appearance, posture, i) for posture in rows for i in range(COLUMNS)]
        page = sheet(tiles, TILE, COLUMNS)[..., ::-1]
        cv2.imwrite(str(out / f"{name}.jpg"), page, [cv2.IMWRITE_JPEG_QUALITY, 68])
        print(f"{name}: rows {', '.join(rows)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
