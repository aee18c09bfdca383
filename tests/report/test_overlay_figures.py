"""Predictions drawn on images."""

import logging

import numpy as np

from fidip.core.people import Annotation
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.io.images import write_image
from fidip.report import prediction_sheet


def test_an_image_that_is_gone_leaves_a_white_tile_and_a_line(tmp_path, caplog):
    write_image(tmp_path / "a.png", np.zeros((40, 40, 3), np.uint8))
    keypoints, box = np.zeros((len(COCO17), 3)), np.array([0.0, 0.0, 40.0, 40.0])
    people = [
        Annotation(n, n, tmp_path / name, (40, 40), box, 1.0, keypoints)
        for n, name in enumerate(("a.png", "gone.png"))
    ]
    poses = Poses.of_keypoints(np.full((2, len(COCO17), 2), 20.0), np.ones((2, len(COCO17))))
    drawn = prediction_sheet(poses, people, tile=20, columns=2)
    assert drawn.shape == (20, 40, 3)
    assert (drawn[:, 20:] == 255).all()
    assert drawn[:, :20].min() == 0
    ((_, level, line),) = caplog.record_tuples
    assert level == logging.WARNING
    gone = tmp_path / "gone.png"
    assert f"1 of 2 images to draw predictions on cannot be read (the first: {gone})" in line
