"""The unlabelled target: which images it has, which labels are left, and what batches hold."""

import json
from itertools import pairwise

import numpy as np
import pytest

from fidip.core.data_parts import DataPart
from fidip.core.errors import ConfigError, DataError
from fidip.data import Augmentation, SyripDataModule
from fidip.data.annotations import read_annotations, read_boxes
from fidip.data.splits import take_images


def set_up(root, **options):
    options = {"batch_size": 12, "num_workers": 0, "augment": Augmentation(), **options}
    data = SyripDataModule(root=root, input_wh=(48, 64), **options)
    data.setup("fit")
    return data


def edit(root, split, change):
    path = root / "annotations" / f"person_keypoints_{split}.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def ids(people):
    return {person.image_id for person in people}


def training_people(root):
    path = root / "annotations" / "person_keypoints_train_infant.json"
    return read_annotations(path, root / "images" / "train_infant").people


SETTINGS = {
    "split": ({"target_split": "train_pre_infant"}, 2),
    "labels": ({"target_labels": 2, "val_fraction": 0}, 2),
    "no label": ({"target_labels": 0}, 2),
    "both": ({"target_labels": 2, "target_split": "train_adult", "val_fraction": 0}, 2),
    "balanced": ({"target_labels": 2, "balanced": True, "val_fraction": 0}, 3),
    "balanced, no label": ({"target_labels": 0, "balanced": True}, 2),
    "replay": ({"target_labels": 2, "replay_split": "train_adult", "val_fraction": 0}, 3),
    "all groups": (
        {"target_labels": 1, "replay_split": "train_adult", "balanced": True, "val_fraction": 0},
        4,
    ),
    "no source": ({"target_labels": 0, "synthetic_images": 0}, 1),
}


@pytest.mark.parametrize(("options", "groups"), SETTINGS.values(), ids=SETTINGS)
def test_groups_have_equal_parts_of_every_batch(tiny_root, options, groups):
    data = set_up(tiny_root, **options)
    people = data.train_set.annotations
    unlabelled = ids(data.train_set.unlabelled.annotations)
    for batch in data.train_dataloader():
        assert batch.is_unlabelled.sum() == 12 // groups
        assert batch.is_replayed.sum() == (12 // groups if data.replay_split else 0)
        assert not (batch.is_unlabelled & batch.is_replayed).any()
        assert batch.labelled[~batch.is_unlabelled].any(1).all()
        assert not batch.labelled[batch.is_unlabelled].any()
        assert not batch.joints_crop[batch.is_unlabelled].any()
        shown = [people[index].image_id for index in batch.index]
        assert [id_ in unlabelled for id_ in shown] == batch.is_unlabelled.tolist()
        if groups == 4:
            assert batch.is_synthetic[~batch.is_unlabelled & ~batch.is_replayed].sum() == 3
    assert DataPart.UNLABELLED_TARGET in data.delivers
    assert (DataPart.REPLAY in data.delivers) == bool(data.replay_split)


def test_without_a_target_there_is_no_unlabelled_part(tiny_root):
    for options in ({}, {"target_labels": 4, "val_fraction": 0.25}):
        data = set_up(tiny_root, **options)
        assert DataPart.UNLABELLED_TARGET not in data.delivers
        assert not any(batch.is_unlabelled.any() for batch in data.train_dataloader())


def test_few_labels_are_the_images_of_a_run_on_few_images(tiny_root):
    people = training_people(tiny_root)
    labelled = []
    for number in (1, 2, 3, 4):
        data = set_up(tiny_root, target_labels=number, val_fraction=0, seed=5)
        kept = {a.image_id for a in data.train_set.annotations if a.keypoints.any()}
        assert kept == ids(take_images(people, number, None, seed=5))
        assert ids(data.train_set.annotations) == ids(people)
        labelled.append(kept)
    assert all(fewer < more for fewer, more in pairwise(labelled))


def test_fewer_real_images_are_those_of_the_same_draw(tiny_root):
    data = set_up(tiny_root, target_labels=1, real_images=3, val_fraction=0, seed=5)
    people = training_people(tiny_root)
    used = take_images(people, 3, None, seed=5)
    assert ids(data.train_set.annotations) == ids(used)
    few = ids(take_images(people, 1, None, seed=5))
    assert ids(data.train_set.unlabelled.annotations) == ids(used) - few
    with pytest.raises(ConfigError, match=r"target_labels=4: .* 3 real images .* expected 0 to 3"):
        set_up(tiny_root, target_labels=4, real_images=3)


def test_validation_uses_no_withheld_label(tiny_root):
    real = {a.image_id for a in training_people(tiny_root) if a.is_synthetic is False}
    none = set_up(tiny_root, target_labels=0, val_fraction=0.5)
    assert none.val_dataloader() == []
    assert ids(none.train_set.unlabelled.annotations) == real
    some = set_up(tiny_root, target_labels=2, val_fraction=0.5)
    assert len(some.val_set) == 1
    unlabelled, labelled = (
        ids(part.annotations) for part in (some.train_set.unlabelled, some.train_set.labelled)
    )
    assert len(unlabelled) == 2
    assert ids(some.val_people) <= real - unlabelled - labelled


def test_unlabelled_images_are_recorded_and_must_not_be_test_images(tiny_root):
    data = set_up(tiny_root, target_split="train_pre_infant", val_fraction=0)
    assert len(data.training_images) == 12 + 6
    few = set_up(tiny_root, target_labels=1, val_fraction=0)
    assert len(few.training_images) == 12
    with pytest.raises(DataError, match="5 of 5 test images are among the training images"):
        set_up(tiny_root, target_split="validate_infant")
    allowed = set_up(tiny_root, target_split="validate_infant", allow_leakage=True)
    assert len(allowed.leaked) == 5


@pytest.mark.parametrize("number", [-1, 5])
def test_numbers_of_labels_that_cannot_be(tiny_root, number):
    with pytest.raises(ConfigError, match=f"target_labels={number}: .* expected 0 to 4") as error:
        set_up(tiny_root, target_labels=number)
    assert "\n" not in str(error.value)


def test_all_labels_are_those_of_none_withheld(tiny_root):
    whole, same = (set_up(tiny_root, target_labels=number) for number in (None, "all"))
    assert ids(whole.train_set.annotations) == ids(same.train_set.annotations)
    assert DataPart.UNLABELLED_TARGET not in same.delivers


def test_an_image_of_an_unknown_domain_does_not_keep_its_labels(tiny_copy):
    def forget(content):
        (image,) = (each for each in content["images"] if each["id"] == 2)
        del image["is_synthetic"]

    edit(tiny_copy, "train_infant", forget)
    with pytest.raises(ConfigError, match=r"^target_labels=1: 1 image\(s\) .* such as id 2"):
        set_up(tiny_copy, target_labels=1)


def test_the_target_is_in_an_order_of_the_seed(tiny_root):
    data = [set_up(tiny_root, target_split="train_adult", seed=seed) for seed in (0, 0, 1)]
    first, again, other = ([i for b in d.target_dataloader() for i in b.image_ids] for d in data)
    assert first == again
    assert sorted(first) == sorted(other)
    assert sorted(first) not in (first, other)
    assert first != other


def test_a_split_without_real_images_has_no_labels_to_withhold(tiny_root):
    with pytest.raises(ConfigError, match=r"target_labels=0: .* at least one real image"):
        set_up(tiny_root, target_labels=0, train_split="train_adult")


def test_numbers_of_real_images_are_checked_with_few_labels(tiny_root):
    with pytest.raises(ConfigError, match="real_images=9: expected 0 to 4"):
        set_up(tiny_root, target_labels=0, real_images=9)


def garble(content, images):
    """Replace the keypoints and areas of some images by nonsense."""
    rng = np.random.default_rng(9)
    for record in content["annotations"]:
        if record["image_id"] in images:
            xy = rng.uniform(-1e6, 1e6, (17, 2)).round(1)
            record["keypoints"] = np.column_stack([xy, rng.integers(1, 3, 17)]).ravel().tolist()
            record["area"] = 1e-3
            record["num_keypoints"] = -1


@pytest.mark.parametrize("target", ["split", "labels", "no label", "all groups"])
def test_no_batch_depends_on_withheld_labels(tiny_root, tiny_copy, target):
    options, _ = SETTINGS[target]
    options = {**options, "augment": Augmentation(half_body_probability=1)}
    clean = set_up(tiny_root, **options)
    withheld = ids(clean.train_set.unlabelled.annotations)
    for split in ("train_infant", "train_pre_infant"):
        edit(tiny_copy, split, lambda content: garble(content, withheld))
    garbled = set_up(tiny_copy, **options)
    for first, second in zip(clean.train_dataloader(), garbled.train_dataloader(), strict=True):
        assert all((vars(first)[name] == vars(second)[name]).all() for name in vars(first))
    assert clean.training_images == garbled.training_images


def test_people_without_labels_are_unlabelled_target(tiny_copy):
    def clear(content):
        for record in content["annotations"][:2]:  # the first 4 are real
            record.update(keypoints=[0] * 51)

    edit(tiny_copy, "train_infant", clear)
    data = set_up(tiny_copy, target_labels=0)
    assert len(data.train_set.unlabelled) == 4
    data = set_up(tiny_copy, target_labels=2, val_fraction=0)
    assert len(data.train_set.labelled) == 8 + 2
    assert len(data.train_set.unlabelled) == 2


def test_a_file_of_boxes_is_enough(tiny_copy):
    path = tiny_copy / "annotations" / "person_keypoints_train_pre_infant.json"

    def strip(content):
        del content["categories"]
        content["annotations"] = [
            {key: record[key] for key in ("id", "image_id", "bbox")}
            for record in content["annotations"]
        ]

    edit(tiny_copy, "train_pre_infant", strip)
    people = read_boxes(path, tiny_copy / "images" / "train_pre_infant").people
    assert len(people) == 6
    assert not any(person.keypoints.any() for person in people)
    assert all(person.area == np.prod(person.box_xywh[2:]) for person in people)
    data = set_up(tiny_copy, target_split="train_pre_infant")
    assert len(data.train_set.unlabelled) == 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox": [1, 2, 3]}, "bbox has 3 values, expected 4"),
        ({"bbox": [1, 2, 0, 3]}, "has no area"),
        ({"bbox": [9000, 2, 3, 3]}, "lies outside its image"),
        ({"image_id": 77}, "image_id 77 is not among"),
    ],
)
def test_boxes_that_cannot_be_cropped_are_one_line(tiny_copy, change, words):
    edit(tiny_copy, "train_pre_infant", lambda c: c["annotations"][2].update(change))
    with pytest.raises(DataError, match=words) as error:
        set_up(tiny_copy, target_split="train_pre_infant")
    assert "\n" not in str(error.value)


def test_crowds_are_no_target_and_no_box_is_an_error(tiny_copy):
    edit(tiny_copy, "train_pre_infant", lambda c: c["annotations"][2].update(iscrowd=1))
    assert len(set_up(tiny_copy, target_split="train_pre_infant").train_set.unlabelled) == 5
    edit(tiny_copy, "train_pre_infant", lambda c: c["annotations"].clear())
    with pytest.raises(DataError, match="expected at least one person with a box"):
        set_up(tiny_copy, target_split="train_pre_infant")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"target_split": "train_pre_infant"}, 6),
        ({"target_labels": 1, "val_fraction": 0}, 3),
        ({"val_fraction": 0}, 4),
        ({"val_fraction": 0, "replay_split": "train_adult"}, 4),
    ],
)
def test_the_target_is_loaded_once_without_labels_and_augmentation(tiny_root, options, count):
    data = set_up(tiny_root, batch_size=4, **options)
    assert DataPart.TARGET in data.delivers
    sets = [list(data.target_dataloader()) for _ in range(2)]
    assert sum(map(len, sets[0])) == count
    for first, second in zip(*sets, strict=True):
        assert first.crops.equal(second.crops)
        assert first.is_unlabelled.all()
        assert not first.labelled.any()
        assert not first.joints_crop.any()
    everyone = {person.image_id for person in data.train_set.annotations}
    assert set(sets[0][0].image_ids.tolist()) <= everyone


def test_synthetic_images_are_no_target(tiny_root):
    data = set_up(tiny_root, real_images=0, val_fraction=0)
    assert DataPart.TARGET not in data.delivers
