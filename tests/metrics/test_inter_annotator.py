"""A second annotator who differs from the first in known ways."""

from dataclasses import replace

import numpy as np
import pytest

from fidip.core.people import People
from fidip.metrics import describe_agreement
from tests.metrics.made_people import GRID, distance_for, person


def moved(someone, similarity, **changes):
    """All joints of someone moved to a similarity."""
    keypoints = someone.keypoints.copy()
    keypoints[:, 0] += [distance_for(similarity, k) for k in range(17)]
    return replace(someone, keypoints=keypoints, **changes)


@pytest.fixture
def people():
    people = [person(10 * i + 10 + j, image=i, at=(900 * j, 0)) for i in range(3) for j in range(2)]
    return People.without_others(people)


def test_oks_is_the_mean_over_people(people):
    second = [moved(p, 0.7 if p.id % 10 else 0.9) for p in people]
    found = describe_agreement(second, people)
    assert (found["people"], found["joints"]) == (6, 6 * 17)
    assert found["oks"] == pytest.approx(0.8)
    low, high = found["interval"]  # of equal images
    assert 0.5 < low < found["AP"] + 1e-9 < high + 2e-9 < 1


def test_people_are_identified_by_id_or_by_position(people):
    """By id both are moved to the other's place; without ids they are simply where they are."""
    exchanged = [replace(p, id=p.id ^ 1) for p in people]
    assert describe_agreement(exchanged, people)["oks"] < 0.01
    nameless = [replace(p, id=-1) for p in exchanged]
    assert describe_agreement(nameless, people)["oks"] == pytest.approx(1)
    mixed = [p if p.id % 10 else replace(p, id=-1) for p in people]
    assert describe_agreement(mixed, people)["people"] == 6


def test_joints_that_one_left_out_do_not_count(people):
    flags = np.full(17, 2)
    flags[3:8] = 0
    second = [person(p.id, p.image_id, visibility=flags, at=p.box_xywh[:2]) for p in people]
    found = describe_agreement(second, people)
    assert found["joints"] == 6 * 12
    assert (found["oks"], found["AP"]) == (pytest.approx(1), pytest.approx(1))


def test_people_that_the_second_did_not_label_are_missed(people):
    found = describe_agreement(people.labelled[:3], people)
    assert found["people"] == 3
    assert found["AP"] == pytest.approx(51 / 101)  # of 101 recalls those up to a half


def test_without_people_in_common_there_is_no_oks():
    second = [person(-1, at=(9000, 0), joints=GRID)]
    found = describe_agreement(second, People.without_others([person(1)]))
    assert (found["people"], found["oks"], found["AP"]) == (0, None, 0)
