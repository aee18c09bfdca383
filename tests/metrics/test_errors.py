"""Kinds of error of joints that were moved by known amounts, to known places."""

import numpy as np
import pytest

from fidip.core.skeleton import COCO17
from fidip.metrics import KINDS, error_kinds
from tests.metrics.made_people import GRID, distance_for, person

LEFT_WRIST, RIGHT_WRIST = 9, 10


def kinds_of(xy, people):
    codes = error_kinds(np.array([xy]), np.array([0]), people)[0]
    return ["unlabelled" if code < 0 else KINDS[code] for code in codes]


@pytest.mark.parametrize(
    ("similarity", "kind"),
    [(1.0, "good"), (0.86, "good"), (0.84, "jitter"), (0.51, "jitter"), (0.49, "miss")],
)
def test_a_joint_moved_by_a_known_amount(similarity, kind):
    for joint in range(17):
        xy = GRID.copy()
        xy[joint, 0] += distance_for(similarity, joint)
        expected = ["good"] * 17
        expected[joint] = kind
        assert kinds_of(xy, [person()]) == expected


def test_exchanged_twins_are_inversions_and_the_nose_has_none():
    expected = ["good"] + ["inversion"] * 16
    assert kinds_of(GRID[COCO17.flip_order], [person()]) == expected


def test_a_joint_on_another_part_of_the_same_person_is_a_miss():
    xy = GRID.copy()
    xy[LEFT_WRIST] = GRID[0]
    assert kinds_of(xy, [person()])[LEFT_WRIST] == "miss"


@pytest.mark.parametrize("place", [LEFT_WRIST, RIGHT_WRIST])
def test_a_wrist_on_a_wrist_of_somebody_else_is_a_swap(place):
    other = person(2, at=(600, 0))
    xy = GRID.copy()
    xy[LEFT_WRIST] = other.keypoints[place, :2]
    assert kinds_of(xy, [person(), other])[LEFT_WRIST] == "swap"
    elsewhere = person(2, image=1, at=(600, 0))
    assert kinds_of(xy, [person(), elsewhere])[LEFT_WRIST] == "miss"


def test_between_a_twin_and_somebody_else_the_nearer_counts():
    other = person(2, at=GRID[RIGHT_WRIST] - GRID[LEFT_WRIST] + [8, 0])
    xy = GRID.copy()
    for shift, kind in ((1, "inversion"), (7, "swap")):
        xy[LEFT_WRIST] = GRID[RIGHT_WRIST] + [shift, 0]
        assert kinds_of(xy, [person(), other])[LEFT_WRIST] == kind


def test_a_joint_near_its_own_label_is_jitter_however_near_others_are():
    """The twin lies exactly where the joint is predicted, and the true joint is near, too."""
    joints = GRID.copy()
    joints[RIGHT_WRIST] = joints[LEFT_WRIST] + [distance_for(0.6, LEFT_WRIST), 0]
    xy = joints.copy()
    xy[LEFT_WRIST] = joints[RIGHT_WRIST]
    assert kinds_of(xy, [person(joints=joints)])[LEFT_WRIST] == "jitter"


def test_what_is_unlabelled_is_no_error_and_no_place():
    flags = np.full(17, 2)
    flags[[0, RIGHT_WRIST]] = 0
    xy = GRID.copy()
    xy[LEFT_WRIST] = GRID[RIGHT_WRIST]
    kinds = kinds_of(xy, [person(visibility=flags)])
    assert kinds[0] == "unlabelled"
    assert kinds[LEFT_WRIST] == "miss"
