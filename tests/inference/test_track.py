import numpy as np
import pytest

from fidip.inference import Track


def track(**changed):
    parts = {
        "times": np.arange(3) / 25,
        "xy": np.zeros((3, 17, 2)),
        "scores": np.ones((3, 17), np.float32),
        "boxes_xywh": np.ones((3, 4)),
        "image_wh": (64, 48),
    }
    return Track(**{**parts, **changed})


def test_a_keypoint_is_known_where_both_coordinates_are_finite():
    xy = np.zeros((3, 17, 2))
    xy[1, 4, 1] = np.nan
    known = track(xy=xy).known
    assert not known[1, 4]
    assert known.sum() == 3 * 17 - 1


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="scores"):
        track(scores=np.ones((3, 16), np.float32))
