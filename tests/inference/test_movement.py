"""The summary of movements whose figures are known."""

import csv

import cv2
import numpy as np
import pytest

from fidip.core.skeleton import COCO17
from fidip.inference import Track
from fidip.inference.kinematics import summarize, write_movement_csv, write_movement_figure

TIMES = np.arange(300) / 30


@pytest.fixture
def track():
    """A torso 40 px long that lies still; the left wrist circles in 1 s, 20 px around its elbow."""
    xy = np.tile(np.random.default_rng(0).uniform(0, 100, (17, 2)), (300, 1, 1))
    xy[:, [5, 6, 11, 12]] = [(40, 20), (60, 20), (44, 60), (56, 60)]
    xy[:, 7] = (20, 20)
    turn = 2 * np.pi * TIMES
    xy[:, 9] = xy[:, 7] + 20 * np.column_stack([np.cos(turn), np.sin(turn)])
    scores = np.full((300, 17), 0.9, np.float32)
    scores[:75, 0] = 0.1
    return Track(TIMES, xy, scores, np.zeros((300, 4)), (100, 100))


def test_a_circling_wrist(track):
    rows = {row["joint"]: row for row in summarize(track)}
    wrist = rows["left_wrist"]
    assert wrist["speed_median"] == pytest.approx(2 * np.pi * 20 / 40, rel=0.01)
    assert wrist["speed_p95"] == pytest.approx(wrist["speed_median"])
    assert wrist["acceleration_median"] == pytest.approx((2 * np.pi) ** 2 * 20 / 40, rel=0.01)
    assert wrist["left_right_asymmetry"] == 1
    assert rows["right_wrist"]["speed_median"] == 0
    assert rows["left_elbow"]["angle_range_deg"] == pytest.approx(162, abs=6)
    assert rows["left_knee"]["angle_range_deg"] == pytest.approx(0, abs=1e-6)
    assert rows["nose"]["confident_fraction"] == 0.75
    assert np.isnan(rows["nose"]["left_right_asymmetry"])


def test_the_files(track, tmp_path):
    write_movement_csv(track, tmp_path / "m.csv")
    with (tmp_path / "m.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["joint"] for row in rows] == list(COCO17.joints)
    assert {row["use"] for row in rows} == {"research"}
    assert rows[0]["angle_range_deg"] == ""
    write_movement_figure(track, tmp_path / "m.png")
    assert cv2.imread(str(tmp_path / "m.png")).std() > 1


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_and_empty_tracks(track, length, tmp_path):
    no_person = Track(TIMES[:length], np.full((length, 17, 2), np.nan),
                   np.zeros((length, 17), np.float32), np.zeros((length, 4)),
                   (100, 100))  # fmt: skip
    assert {row["confident_fraction"] for row in summarize(no_person)} == {0}
    write_movement_figure(no_person, tmp_path / "m.png")
