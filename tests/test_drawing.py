"""Skeletons land on their joints; sheets keep their tiles apart."""

import numpy as np

from fidip.core.skeleton import COCO17
from fidip.io.drawing import SIDE_COLORS, draw_pose, sheet, spread


def test_a_joint_is_drawn_in_the_colour_of_its_side():
    image = np.full((130, 130, 3), 255, np.uint8)
    xy = np.full((17, 2), -99.0)
    left, right, nose = (COCO17.joints.index(n) for n in ("left_wrist", "right_wrist", "nose"))
    xy[[left, right, nose]] = [(20, 30), (90, 30), (50, 100)]
    out = draw_pose(image, xy, np.isin(np.arange(17), [left, right, nose]))
    assert tuple(out[30, 20]) == SIDE_COLORS["left"]
    assert tuple(out[30, 90]) == SIDE_COLORS["right"]
    assert tuple(out[100, 50]) == SIDE_COLORS["middle"]
    assert (image == 255).all()
    assert (out != 255).any(-1).sum() < 100


def test_hidden_joints_are_rings():
    image = np.full((390, 390, 3), 255, np.uint8)
    xy, shown = np.full((17, 2), 200.0), np.arange(17) == 0
    out = draw_pose(image, xy, shown, hollow=shown)
    assert tuple(out[200, 200]) == (255, 255, 255)
    assert (out[200, 204] < 200).any()


def test_images_of_any_shape_make_a_sheet():
    images = [
        np.zeros((40, 20, 3), np.uint8),
        np.zeros((10, 30, 3), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
    ]
    out = sheet(images, tile=16, columns=2)
    assert out.shape == (32, 32, 3)
    assert (out[:16, :8] == 0).all()
    assert (out[:16, 8:16] == 255).all()
    assert (out[16:, 16:] == 255).all()


def test_positions_are_spread_without_repeats():
    assert spread(4, 12) == [0, 1, 2, 3]
    assert spread(101, 3) == [0, 50, 100]
