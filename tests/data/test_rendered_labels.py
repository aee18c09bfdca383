"""Cover and lying on the side from the labels beside rendered images."""

import json

import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.data import SyripDataModule, read_annotations
from fidip.data.rendered_labels import with_rendered_labels
from fidip.synth import ImageSet, RenderSettings, write_split
from fidip.synth.appearance import Appearance

SPLIT = "validate_x"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Rendered infants, with a blanket where one lies."""
    root = tmp_path_factory.mktemp("rendered")
    looks = {"blankets": Appearance(blanket=1.0, fill=(0.5, 0.6))}
    settings = RenderSettings(looks, (96, 80), 3, more_labels="joints")
    write_split(root, SPLIT, [ImageSet("infant", "blankets", False, 12)], settings)
    return root


def read(root, labels3d=None):
    folder = root / "labels3d" / SPLIT if labels3d is None else labels3d
    file = root / f"annotations/person_keypoints_{SPLIT}.json"
    return with_rendered_labels(read_annotations(file, root / "images" / SPLIT).people, folder)


def write_labels(folder, person, hidden=(), posture="supine"):
    folder.mkdir(exist_ok=True)
    occluder = np.zeros(17, np.uint8)
    occluder[list(hidden)] = 2
    np.savez(folder / f"{person.image_path.stem}.npz", occluder=occluder, posture=posture)


def test_people_under_a_blanket_and_on_their_side_are_known(root):
    people = read(root)
    for person in people:
        with np.load(root / "labels3d" / SPLIT / f"{person.image_path.stem}.npz") as labels:
            hidden = [labels["occluder"][k] == 2 for k in range(11, 17)]
            assert person.is_covered is bool(sum(hidden) >= 2)
            assert person.is_side_lying is (str(labels["posture"]) == "side")
        if person.posture == "Unknown":
            assert person.is_side_lying
    assert {person.is_covered for person in people} == {True, False}
    assert {person.is_side_lying for person in people} == {True, False}


def test_the_test_set_of_a_data_module_has_them(root):
    data = SyripDataModule(root=root, input_wh=(64, 64), test_split=SPLIT, train_split=SPLIT)
    data.setup("validate")
    expected = {p.image_id: (p.is_covered, p.is_side_lying) for p in read(root)}
    for people in (data.test_people, data.val_people):
        assert {
            p.image_id: (p.is_covered, p.is_side_lying) for p in people
        }.items() <= expected.items()


def test_without_the_folder_only_the_posture_label_counts(root, tmp_path):
    people = read(root, tmp_path / "none")
    assert {person.is_covered for person in people} == {None}
    expected = {person.posture: person.is_side_lying for person in people}
    assert {expected.pop("Unknown"), *expected.values()} == {None, False}


@pytest.mark.parametrize(
    ("hidden", "is_covered"), [((16,), False), ((0, 9, 16), False), ((11, 16), True)]
)
def test_two_hidden_joints_of_the_legs_are_a_cover(root, tmp_path, hidden, is_covered):
    first = read(root).labelled[0]
    write_labels(tmp_path / "x", first, hidden)
    person, *others = read(root, tmp_path / "x")
    assert person.is_covered is is_covered
    assert {other.is_covered for other in others} == {None}


def test_the_annotation_file_has_precedence_and_a_second_person_has_no_labels(tiny_copy, tmp_path):
    file = tiny_copy / "annotations/person_keypoints_train_infant.json"
    content = json.loads(file.read_text())
    first, second = content["annotations"][:2]
    first["covered"] = False
    content["annotations"].append({**second, "id": 9999})
    file.write_text(json.dumps(content))
    people = read_annotations(file, tiny_copy / "images/train_infant").people
    for person in people.labelled[:3]:
        write_labels(tmp_path / "x", person, (15, 16))
    found = with_rendered_labels(people, tmp_path / "x").labelled
    assert [person.is_covered for person in found[:3]] == [False, None, True]


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "text", "no array", "shape", "posture", "pickle"]
)
def test_a_damaged_file_is_one_line(root, tmp_path, damage):
    first = read(root).labelled[0]
    write_labels(tmp_path / "x", first)
    file = tmp_path / "x" / f"{first.image_path.stem}.npz"
    zeros = np.zeros(17)
    if damage in ("empty", "cut", "text"):
        whole = file.read_bytes()
        file.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"text"}[damage])
    else:
        arrays = {
            "no array": {"occluder": zeros},
            "shape": {"occluder": zeros[:5], "posture": "side"},
            "posture": {"occluder": zeros, "posture": ["side", "side"]},
            "pickle": {"occluder": np.array([{}] * 17, object), "posture": "side"},
        }
        np.savez(file, **arrays[damage])
    with pytest.raises(DataError, match=rf"{first.image_path.stem}\.npz: .*; expected") as error:
        read(root, tmp_path / "x")
    assert "\n" not in str(error.value)
