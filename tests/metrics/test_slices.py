"""Slices of people: who is where, that counts add up, and AP against the people alone."""

import numpy as np
import pytest

from fidip.core.people import People
from fidip.io.coco import from_coco_results
from fidip.metrics import evaluate_keypoints
from fidip.metrics.slices import describe_slices, properties
from tests.metrics.made_people import GRID, entry, person

TORSO = np.array([(-10, -20), (10, -20), (-8, 20), (8, 20)])
"""Shoulders above hips."""


def turned(degrees):
    """Joints of a person turned clockwise, as it looks in the image."""
    a = np.radians(degrees)
    joints = GRID.copy()
    joints[[5, 6, 11, 12]] = TORSO @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return joints


@pytest.mark.parametrize(
    ("degrees", "direction"),
    [
        (0, "head up"), (44, "head up"), (-44, "head up"), (46, "head right"), (90, "head right"),
        (136, "head down"), (180, "head down"), (-134, "head left"), (-90, "head left"),
    ],
)  # fmt: skip
def test_where_the_head_points(degrees, direction):
    assert properties([person(joints=turned(degrees))])["rotation"] == [direction]


def test_without_a_hip_it_is_unknown():
    flags = np.full(17, 2)
    flags[11] = 0
    assert properties([person(visibility=flags)])["rotation"] == ["unknown"]


@pytest.mark.parametrize(
    ("occluded", "unlabelled", "name"),
    [
        (0, 0, "none occluded"), (8, 0, "up to half"), (9, 0, "more than half"),
        (8, 1, "up to half"), (8, 2, "more than half"), (0, 3, "none occluded"),
    ],
)  # fmt: skip
def test_how_much_is_occluded(occluded, unlabelled, name):
    flags = [1] * occluded + [0] * unlabelled + [2] * (17 - occluded - unlabelled)
    assert properties([person(visibility=flags)])["occlusion"] == [name]


def test_cover_and_lying_on_the_side_are_what_the_data_tell():
    people = [
        person(1, is_covered=True, is_side_lying=False),
        person(2, image=1, is_covered=False),
        person(3, image=2, is_side_lying=True),
    ]
    assert properties(people)["covered"] == ["yes", "no", "unknown"]
    assert properties(people)["side-lying"] == ["no", "unknown", "yes"]
    found = from_coco_results([entry(people[0]), entry(people[1], GRID + 500)])
    slices = describe_slices(found, np.array([0, 1]), People.without_others(people), rounds=0)
    assert {value: row["AP"] for value, row in slices["covered"].items()} == {
        "yes": pytest.approx(1), "no": 0, "unknown": 0,
    }  # fmt: skip
    assert {value: row["people"] for value, row in slices["side-lying"].items()} == {
        "no": 1, "unknown": 1, "yes": 1,
    }  # fmt: skip


def test_clips_are_scored_by_what_happens_in_them():
    kinds = ["kicks", None, "blanket"]
    people = [person(i + 1, image=i, clip_kind=kind) for i, kind in enumerate(kinds)]
    found = from_coco_results([entry(people[0]), entry(people[1])])
    slices = describe_slices(found, np.array([0, 1]), People.without_others(people), rounds=0)
    assert {value: row["AP"] for value, row in slices["kind"].items()} == {
        "kicks": pytest.approx(1), "unknown": pytest.approx(1), "blanket": 0,
    }  # fmt: skip


@pytest.mark.parametrize("flags", [(None, False), (True, True), (None, None)], ids=str)
def test_there_is_no_slice_of_covered_people_without_any_or_without_others(flags):
    people = [person(i + 1, image=i, is_covered=flags[i], is_side_lying=flags[i]) for i in range(2)]
    found = from_coco_results([entry(p) for p in people])
    assert describe_slices(found, np.arange(2), People.without_others(people), rounds=0) == {}


@pytest.fixture
def crowd():
    """Forty people, two an image, and their predictions: some far off."""
    rng = np.random.default_rng(0)
    postures = ["Supine", "Prone", None]
    people = [
        person(
            i + 1,
            image=i // 2,
            at=(1000.0 * (i % 2), 0),
            joints=turned(90 * rng.integers(4)),
            visibility=rng.integers(1, 3, 17),
            posture=postures[i // 2 % 3],
            is_synthetic=i // 2 % 2 == 0,
        )
        for i in range(40)
    ]
    noise = rng.uniform(0, 20, 40)
    found = [
        entry(p, p.keypoints[:, :2] + rng.normal(0, n, (17, 2)), score=rng.uniform())
        for p, n in zip(people, noise, strict=True)
    ]
    return People.without_others(people), from_coco_results(found)


def test_every_person_is_in_one_slice_of_each_property(crowd):
    people, found = crowd
    slices = describe_slices(found, np.arange(40), people, rounds=20)
    assert set(slices) == {"posture", "rotation", "occlusion", "domain"}
    for values in slices.values():
        assert sum(row["people"] for row in values.values()) == 40
    for name in ("posture", "domain"):  # of images
        assert sum(row["images"] for row in slices[name].values()) == 20
    assert set(slices["posture"]) == {"Supine", "Prone", "unknown"}


def test_a_slice_is_scored_without_other_people(crowd):
    people, found = crowd
    values = properties(people)["rotation"]
    for direction, row in describe_slices(found, np.arange(40), people, rounds=100)[
        "rotation"
    ].items():
        inside = [i for i in range(40) if values[i] == direction]
        alone = evaluate_keypoints(
            People.without_others([people[i] for i in inside]),
            found[np.array(inside)],
        )
        assert row["AP"] == pytest.approx(alone.metrics["AP"])
        assert row["interval"][0] <= row["AP"] <= row["interval"][1]
        assert row["images"] == len({people[i].image_id for i in inside})


def test_an_attribute_of_all_people_makes_no_slice():
    people = [person(i + 1, image=i, is_synthetic=False) for i in range(3)]
    assert (
        describe_slices(
            from_coco_results([entry(p) for p in people]),
            np.arange(3),
            People.without_others(people),
            rounds=10,
        )
        == {}
    )


def test_unmatched_predictions_are_wrong_in_every_slice_of_their_image():
    people = [
        person(1, visibility=1),
        person(2, at=(900, 0)),
        person(3, image=1),
    ]
    unmatched = entry(people[0], GRID + 5000, score=2.0)
    found = [entry(p) for p in people]
    slices = describe_slices(
        from_coco_results([*found, unmatched]),
        np.array([0, 1, 2, -1]),
        People.without_others(people),
        rounds=10,
    )
    occluded, visible = slices["occlusion"]["more than half"], slices["occlusion"]["none occluded"]
    assert (occluded["people"], occluded["images"], occluded["AP"]) == (1, 1, pytest.approx(1 / 2))
    assert (visible["people"], visible["images"], visible["AP"]) == (2, 2, pytest.approx(2 / 3))


def test_what_is_found_in_a_crowd_does_not_count_in_slices_either():
    people = [person(1, posture="Prone"), person(2, image=1, posture="Supine")]
    crowd = person(3, at=(1000, 0), is_crowd=True)
    found = [entry(p) for p in people] + [entry(crowd, score=2.0)]
    found = from_coco_results(found)
    alone = People.without_others(people)
    whose = np.array([0, 1, -1])
    for everyone, ap in ((People(people, [crowd], alone.images), 1), (alone, 0.5)):
        slices = describe_slices(found, whose, everyone, rounds=1)
        assert slices["posture"]["Prone"]["AP"] == pytest.approx(ap)
        assert slices["posture"]["Supine"]["AP"] == pytest.approx(1)
