"""All usual layouts of SyRIP and COCO are found, and missing files are named."""

import json
import shutil
from pathlib import Path

import pytest

from fidip.core.errors import DataError, DatasetMissingError
from fidip.data import read_annotations
from fidip.data.layout import find_split, split_names
from fidip.io.run_directory import RunDirectory

ARCHIVE = ("200R", "1000S", "200R_1000S", "train600", "validate100", "validate500")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    return path


def make_folders(root, *names):
    folders = tuple(root / name for name in names)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


@pytest.mark.parametrize("name", [*ARCHIVE, "train_infant", "validate_infant"])
@pytest.mark.parametrize(
    "file", ["person_keypoints_{}.json", "{}.json", "{}/person_keypoints_{}.json"]
)
def test_annotations_are_found_in_every_form(tmp_path, name, file):
    json_file = touch(tmp_path / "annotations" / file.format(name, name))
    assert find_split(tmp_path, name).json == json_file
    assert split_names(tmp_path) == [name]


def test_a_split_s_own_images_come_first(tmp_path):
    touch(tmp_path / "annotations/200R.json")
    folders = make_folders(tmp_path, "images/200R", "200R", "images")
    make_folders(tmp_path, "images/train_infant")
    assert find_split(tmp_path, "200R").image_dirs == folders


@pytest.mark.parametrize(
    ("name", "base", "folder"),
    [
        ("200R", "200R", "train_infant"),
        ("validate500", "validate500", "validate_infant"),
        ("200R", "train_infant", "train_infant"),
        ("Test100", "validate_infant", "validate_infant"),
        ("train600", "real", "real"),
    ],
)
def test_splits_share_the_images_of_their_base(tmp_path, name, base, folder):
    touch(tmp_path / f"annotations/{name}/person_keypoints_{base}.json")
    make_folders(tmp_path, "images/train_infant", "images/validate_infant", "images/real")
    images, first, *_ = find_split(tmp_path, name).image_dirs
    assert (images, first) == (tmp_path / "images", tmp_path / "images" / folder)


def test_coco_s_images_may_lie_at_the_root(tmp_path):
    touch(tmp_path / "annotations/person_keypoints_val2017.json")
    for other in ("instances_val2017", "captions_val2017", "image_info_test2017"):
        touch(tmp_path / f"annotations/{other}.json")
    folders = make_folders(tmp_path, "val2017")
    assert find_split(tmp_path, "val2017").image_dirs == folders
    assert split_names(tmp_path) == ["val2017"]


def test_file_names_are_honoured_wherever_the_images_are(tiny_copy):
    """Names that follow no pattern, images of two base folders, one in a folder of its own."""
    source = tiny_copy / "annotations/person_keypoints_train_infant.json"
    content = json.loads(source.read_text())
    images, there = tiny_copy / "images", content["images"]
    moves = ["images/validate_infant/baby.jpg", "images/a/b.jpg", "images/train_infant/c d.jpg"]
    for record, place, name in zip(there, moves, ["baby.jpg", "a/b.jpg", "c d.jpg"], strict=False):
        (tiny_copy / place).parent.mkdir(exist_ok=True)
        (images / "train_infant" / record["file_name"]).rename(tiny_copy / place)
        record["file_name"] = name
    (tiny_copy / "annotations/200R").mkdir()
    (tiny_copy / "annotations/200R/person_keypoints_x.json").write_text(json.dumps(content))
    split = find_split(tiny_copy, "200R")
    people = read_annotations(split.json, *split.image_dirs).people
    assert [p.image_path for p in people.labelled[:3]] == [tiny_copy / place for place in moves]
    assert [p.image_id for p in people] == [record["id"] for record in there]
    assert all(p.image_path.is_file() for p in people)


def test_a_folder_with_two_files_is_not_guessed_at(tmp_path):
    for name in ("train", "test"):
        touch(tmp_path / f"annotations/200R/person_keypoints_{name}.json")
    with pytest.raises(DataError, match="holds 2 files person_keypoints_"):
        find_split(tmp_path, "200R")


def test_a_missing_split_names_what_was_looked_for_and_what_is_there(tiny_copy):
    shutil.copy(
        tiny_copy / "annotations/person_keypoints_train_infant.json",
        tiny_copy / "annotations/200R.json",
    )
    with pytest.raises(DataError) as error:
        find_split(tiny_copy, "1000S")
    message = str(error.value)
    assert not isinstance(error.value, DatasetMissingError)
    assert "\n" not in message
    for words in (
        "no split 1000S (looked for annotations/person_keypoints_1000S.json, ",
        "annotations/1000S.json and annotations/1000S/person_keypoints_*.json)",
        "there are 200R, train_adult, train_infant, train_pre_infant, ",
        "choose with data.train_split",
    ):
        assert words in message


def test_a_missing_data_set_is_named_with_how_to_get_one(tmp_path):
    root = tmp_path / "nowhere"
    with pytest.raises(DatasetMissingError) as error:
        find_split(root, "train_infant")
    message = str(error.value)
    assert "\n" not in message
    for words in (
        f"{root}: there is no dataset (no annotations/person_keypoints_train_infant.json)",
        "SyRIP is available only on request from its authors",
        "Augmented Cognition Lab",
        f"{root}/annotations and {root}/images",
        f"fidip synthesize preset=demo out={root}",
    ):
        assert words in message


@pytest.mark.parametrize("root", ["x" * 300, "a\0b", "x/" * 3000, "\ud800", "/dev/null"])
def test_a_folder_that_cannot_be_is_one_line(root):
    with pytest.raises(DatasetMissingError) as error:
        find_split(Path(root), "train_infant")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700
    assert RunDirectory.of_checkpoint(root) is None


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a/b", "y" * 300, "a\0", "a\nb"])
def test_the_name_of_a_split_is_a_plain_one(tiny_root, name):
    with pytest.raises(DataError, match="expected a plain name"):
        find_split(tiny_root, name)
