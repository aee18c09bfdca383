from dataclasses import replace
from itertools import pairwise

import pytest

from fidip.core.errors import ConfigError
from fidip.data.annotations import read_annotations
from fidip.data.splits import split_validation, take_images


@pytest.fixture
def people(tiny_root):
    """4 real and 8 synthetic images, a person on each."""
    path = tiny_root / "annotations" / "person_keypoints_train_infant.json"
    return read_annotations(path, tiny_root / "images" / "train_infant").people


def ids(people):
    return [person.id for person in people]


def test_a_cut_has_every_person_once(people):
    train, val = split_validation(people, 0.5, seed=0)
    assert sorted(ids(train) + ids(val)) == ids(people)


@pytest.mark.parametrize(("fraction", "count"), [(0.5, 2), (0.75, 3), (0.01, 1)])
def test_only_real_images_are_cut_where_domains_are_known(people, fraction, count):
    _, val = split_validation(people, fraction, seed=0)
    assert [person.is_synthetic for person in val] == [False] * count


@pytest.mark.parametrize("domain", [None, True])
def test_any_image_is_cut_where_none_is_known_to_be_real(people, domain):
    people = [replace(person, is_synthetic=domain) for person in people]
    _, val = split_validation(people, 0.25, seed=0)
    assert len(val) == 3


def test_people_of_one_image_stay_together(people):
    people = [
        replace(person, image_id=person.image_id // 2, is_synthetic=None) for person in people
    ]
    train, val = split_validation(people, 0.4, seed=0)
    assert not {a.image_id for a in train} & {a.image_id for a in val}


def test_the_cut_depends_on_the_seed_and_not_on_the_order(people):
    def cut(seed, people=people):
        return set(ids(split_validation(people, 0.5, seed)[1]))

    assert cut(1) == cut(1, people.labelled[::-1])
    assert len({frozenset(cut(seed)) for seed in range(10)}) > 1


def test_no_fraction_is_no_validation(people):
    train, val = split_validation(people, 0, seed=0)
    assert ids(train) == ids(people)
    assert val == []


@pytest.mark.parametrize("fraction", [1, 0.9, -0.5])
def test_a_fraction_that_leaves_nothing_is_named(people, fraction):
    with pytest.raises(ConfigError, match=f"val_fraction={fraction}: "):
        split_validation(people, fraction, seed=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_fewer_images_are_a_part_of_more(people, seed):
    kept = [set(ids(take_images(people, count, None, seed))) for count in (0, 1, 2, 4)]
    assert all(fewer < more for fewer, more in pairwise(kept))
    assert [len(part) for part in kept] == [8, 9, 10, 12]


def test_synthetic_images_can_be_left_out(people):
    assert {person.is_synthetic for person in take_images(people, None, 0, seed=0)} == {False}


def test_another_seed_keeps_others(people):
    draws = {tuple(ids(take_images(people, 2, 3, seed))) for seed in range(20)}
    assert len(draws) > 5


@pytest.mark.parametrize(
    ("real", "synthetic", "words"),
    [
        (5, None, "real_images=5: expected 0 to 4"),
        (None, -1, "synthetic_images=-1: expected 0 to 8"),
        (0, 0, "leaves no images to train on"),
    ],
)
def test_numbers_of_images_that_cannot_be(people, real, synthetic, words):
    with pytest.raises(ConfigError, match=words):
        take_images(people, real, synthetic, seed=0)
