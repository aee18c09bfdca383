from dataclasses import replace

import pytest

from fidip.data.annotations import read_annotations
from fidip.data.splits import split_validation
from fidip.errors import ConfigError


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

    assert cut(1) == cut(1, people[::-1])
    assert len({frozenset(cut(seed)) for seed in range(10)}) > 1


def test_no_fraction_is_no_validation(people):
    train, val = split_validation(people, 0, seed=0)
    assert ids(train) == ids(people)
    assert val == []


@pytest.mark.parametrize("fraction", [1, 0.9, -0.5])
def test_a_fraction_that_leaves_nothing_is_named(people, fraction):
    with pytest.raises(ConfigError, match=f"data.val_fraction={fraction} "):
        split_validation(people, fraction, seed=0)
