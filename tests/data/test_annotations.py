"""What annotation files hold, and one clear line for everything that can be wrong with them."""

import json
from collections import Counter

import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.data.annotation_checks import require_both_domains
from fidip.data.annotations import read_annotations, read_boxes

SPLIT = "train_infant"


def json_of(root, split=SPLIT):
    return root / "annotations" / f"person_keypoints_{split}.json"


def read(root, split=SPLIT):
    return read_annotations(json_of(root, split), root / "images" / split)


def edit(root, change, split=SPLIT):
    """Apply ``change`` to the file's content."""
    content = json.loads(json_of(root, split).read_text())
    change(content)
    json_of(root, split).write_text(json.dumps(content))


def error_line(call, *arguments):
    with pytest.raises(DataError) as error:
        call(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_every_field_arrives(tiny_copy):
    edit(tiny_copy, lambda c: c["images"][0].update(posture="Supine", is_synthetic=0))
    content = json.loads(json_of(tiny_copy).read_text())
    image, record = content["images"][0], content["annotations"][0]
    person = read(tiny_copy).people[0]
    assert (person.id, person.image_id) == (record["id"], image["id"])
    assert person.image_path == tiny_copy / "images" / SPLIT / image["file_name"]
    assert person.image_wh == (image["width"], image["height"])
    np.testing.assert_array_equal(person.box_xywh, record["bbox"])
    np.testing.assert_array_equal(person.keypoints.ravel(), record["keypoints"])
    assert person.area == record["area"]
    assert person.is_synthetic is False
    assert person.posture == "Supine"


def test_domains_are_unknown_where_the_file_does_not_tell(tiny_root):
    assert {person.is_synthetic for person in read(tiny_root, "validate_infant").people} == {None}


def test_cover_is_that_of_the_person_or_else_of_the_image(tiny_copy):
    def cover(content):
        for image, value in zip(content["images"], (True, True, 0, None), strict=False):
            image["covered"] = value
        for person, value in zip(content["annotations"], (None, False), strict=False):
            person["covered"] = value

    edit(tiny_copy, cover)
    assert [a.is_covered for a in read(tiny_copy).people][:5] == [True, False, False, None, None]
    edit(tiny_copy, lambda c: c["images"][0].update(covered="thick"))
    assert "covered is 'thick', expected true or false" in error_line(read, tiny_copy)


@pytest.mark.parametrize(
    ("posture", "is_side_lying"),
    [
        ("Side", True), ("side-lying", True), ("Left side", True), ("Sidelying", True),
        ("right lateral decubitus", True), ("Supine", False), ("inside a cot", False),
        ("bilateral", False), ("Unknown", None), ("unknown", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_posture_labels_mark_people_on_their_side(tiny_copy, posture, is_side_lying):
    edit(tiny_copy, lambda c: c["images"][0].update(posture=posture))
    assert read(tiny_copy).people[0].is_side_lying is is_side_lying


def test_frames_have_the_name_of_their_video(tiny_copy):
    def name_videos(content):
        content["videos"] = [
            {"id": 1, "file_name": "a.mp4"},
            {"id": "two", "file_name": "b.mp4"},
            {"id": 3, "file_name": "b.mp4"},
            {"id": 4, "name": "c"},
        ]
        for image, video in zip(content["images"], (1, "two", 3, 4, 5, None), strict=False):
            image["video_id"] = video

    edit(tiny_copy, name_videos)
    names = [image.video for image in read(tiny_copy).people.images]
    assert names[:6] == ["a.mp4", "b.mp4 (two)", "b.mp4 (3)", "4", "5", None]
    assert set(names[6:]) <= {None}


@pytest.mark.parametrize(
    "videos", [None, 5, {"a": 1}, [5, None, {}], [{"id": [], "file_name": 5}], [{"id": 1}]]
)
@pytest.mark.parametrize("video_id", [[], {}, 1.5, True, "", "a\0b", "x" * 9999])
def test_names_of_videos_are_no_reason_to_refuse_a_file(tiny_copy, videos, video_id):
    edit(tiny_copy, lambda c: (c.update(videos=videos), c["images"][0].update(video_id=video_id)))
    image = read(tiny_copy).people.images[0]
    assert image.video == ("x" * 200 if video_id == "x" * 9999 else None)


def test_images_are_found_by_file_name_in_sub_folders_too(tiny_copy):
    folder = tiny_copy / "images" / SPLIT
    (folder / "cam 1").mkdir()
    (folder / "train00001.jpg").rename(folder / "cam 1" / "küche.jpg")
    edit(tiny_copy, lambda c: c["images"][0].update(file_name="cam 1/küche.jpg"))
    assert read(tiny_copy).people[0].image_path == folder / "cam 1" / "küche.jpg"


def test_whoever_is_left_out_is_counted_with_the_reason(tiny_copy):
    def change(content):
        crowd, other, unlabelled, unlabelled_too = content["annotations"][:4]
        crowd.update(iscrowd=1)
        other.update(category_id=18, keypoints=None)
        unlabelled.update(keypoints=[0] * 51)
        unlabelled_too.update(keypoints=[5.0, 5.0, 0] * 17)

    edit(tiny_copy, change)
    file = read(tiny_copy)
    assert len(file.people) == 8
    assert file.skipped == Counter(
        {
            "crowds": 1,
            "of another category": 1,
            "without a labelled joint": 2,
            "images without a labelled person": 4,
        }
    )
    assert "8 people, left out 1 crowds" in str(file)


def test_whoever_is_left_out_is_kept_for_the_evaluation(tiny_copy):
    def change(content):
        content["annotations"][0].update(iscrowd=1)
        content["annotations"][1].update(keypoints=[0] * 51, bbox=[0, 0, 0, 0], area=0)

    edit(tiny_copy, change)
    people = read(tiny_copy).people
    assert [(a.id, a.is_crowd) for a in people.others] == [(101, True), (102, False)]
    assert len(people.images) == 12
    part = people.part(people.labelled[:1])
    assert [image.id for image in part.images] == [3]
    assert part.others == []


def test_predicted_keypoints_are_no_labels_but_their_boxes_can_be_read(tiny_copy):
    edit(tiny_copy, lambda c: c["annotations"][0].update(is_predicted=True, score=0.9))
    file = read(tiny_copy)
    assert [a.id for a in file.people][:1] == [102]
    assert file.skipped["with predicted instead of labelled keypoints (is_predicted)"] == 1
    (other,) = file.people.others  # the evaluation ignores it, as it has no labelled joint
    assert not other.keypoints.any()
    boxes = read_boxes(json_of(tiny_copy), tiny_copy / "images" / SPLIT).people
    assert [a.id for a in boxes][:2] == [101, 102]
    edit(tiny_copy, lambda c: [a.update(is_predicted=True) for a in c["annotations"]])
    message = error_line(read, tiny_copy)
    assert "left out 12 with predicted instead of labelled keypoints" in message
    assert "expected at least one person with a labelled joint" in message


def test_people_too_small_to_crop_are_left_out_where_that_is_asked_for(tiny_copy):
    changes = [{"bbox": [5, 5, 0, 10]}, {"bbox": [900, 0, 10, 10]}, {"area": 0}]

    def change(content):
        for record, values in zip(content["annotations"], changes, strict=False):
            record.update(values)

    edit(tiny_copy, change)
    file = read_annotations(json_of(tiny_copy), tiny_copy / "images" / SPLIT, skip_unusable=True)
    assert file.skipped["with an area or a box too small to crop"] == 3
    assert [a.id for a in file.people.others] == [101, 102, 103]
    edit(tiny_copy, lambda c: c["annotations"][0].update(bbox=[5, 5, float("nan"), 10]))
    with pytest.raises(DataError, match="bbox has nan"):
        read_annotations(json_of(tiny_copy), tiny_copy / "images" / SPLIT, skip_unusable=True)


def test_two_people_of_one_image_are_two_annotations(tiny_copy):
    edit(tiny_copy, lambda c: c["annotations"][1].update(image_id=1))
    people = read(tiny_copy).people
    assert [person.image_id for person in people.labelled[:2]] == [1, 1]
    assert len(people) == 12


WRONG_ANNOTATIONS = {
    "wrong keypoint count": ({"keypoints": [1.0] * 48}, "keypoints has 48 values, expected 51"),
    "NaN keypoint": (
        {"keypoints": [float("nan")] + [1] * 50},
        "keypoints has nan, expected finite numbers",
    ),
    "text keypoint": ({"keypoints": ["1"] + [1] * 50}, "keypoints has '1', expected finite"),
    "odd visibility": ({"keypoints": [1, 1, 3] * 17}, "visibility 3, expected 0, 1 or 2"),
    "no keypoints": ({"keypoints": None}, "keypoints is None, expected a list"),
    "NaN box": ({"bbox": [0, 0, float("nan"), 5]}, "bbox has nan, expected finite numbers"),
    "endless box": ({"bbox": [0, 0, float("inf"), 5]}, "bbox has inf"),
    "box of three numbers": ({"bbox": [0, 0, 5]}, "bbox has 3 values, expected 4"),
    "box outside": ({"bbox": [900, 0, 10, 10]}, "bbox [900.0, 0.0, 10.0, 10.0] lies outside"),
    "box left of it": ({"bbox": [-30, 0, 30, 10]}, "lies outside its image"),
    "flat box": ({"bbox": [5, 5, 0, 10]}, "bbox [5.0, 5.0, 0.0, 10.0] has no area"),
    "box without height": ({"bbox": [5, 5, 10, 0]}, "bbox [5.0, 5.0, 10.0, 0.0] has no area"),
    "box of negative width": ({"bbox": [50, 50, -9, 40]}, "has no area"),
    "box of negative height": ({"bbox": [50, 50, 40, -9]}, "has no area"),
    "speck": ({"bbox": [5, 5, 0.5, 1]}, "shows less than 4 px of a person"),
    "speck left over": ({"bbox": [-98, 5, 101, 2]}, "shows less than 4 px of a person"),
    "no area": ({"area": None}, "area is None, expected a finite number"),
    "area 0": ({"area": 0}, "area is 0, expected a number above 0"),
    "unknown image": ({"image_id": 999}, "image_id 999 is not among the file's images"),
    "image id as text": ({"image_id": "1"}, "image_id is '1', expected an integer"),
}


@pytest.mark.parametrize(("change", "words"), WRONG_ANNOTATIONS.values(), ids=WRONG_ANNOTATIONS)
def test_a_wrong_annotation_is_named(tiny_copy, change, words):
    edit(tiny_copy, lambda c: c["annotations"][2].update(change))
    message = error_line(read, tiny_copy)
    assert message.startswith(f"{json_of(tiny_copy)}: annotation 103: ")
    assert words in message


WRONG_IMAGES = {
    "no width": ({"width": None}, "image 2: width is None, expected a whole number of px"),
    "no name": ({"file_name": ""}, "image 2: file_name is '', expected a text"),
    "odd domain": ({"is_synthetic": "yes"}, "image 2: is_synthetic is 'yes', expected true or"),
    "id as text": ({"id": "b"}, "image 'b': id is 'b', expected an integer"),
    "same id twice": ({"id": 1}, "1 image ids are used more than once (the first: 1)"),
    "missing file": ({"file_name": "gone.jpg"}, "1 of 12 image files are missing"),
    "missing folder": ({"file_name": "a/gone.jpg"}, "a/gone.jpg); copy them there"),
}


@pytest.mark.parametrize(("change", "words"), WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_a_wrong_image_is_named(tiny_copy, change, words):
    edit(tiny_copy, lambda c: c["images"][1].update(change))
    message = error_line(read, tiny_copy)
    assert message.startswith(f"{json_of(tiny_copy)}: ")
    assert words in message


WRONG_FILES = {
    "empty file": ("", "the file is empty"),
    "broken JSON": ('{"images": [', "not valid JSON (Expecting value: line 1 column 13"),
    "binary": (b"\xff\xd8\xff\x00", "not text in UTF-8"),
    "a list": ("[]", "has no list 'images'"),
    "no annotations": ('{"images": []}', "has no list 'annotations'"),
    "no person": ('{"images": [], "annotations": []}', "0 people; expected at least one person"),
    "not objects": ('{"images": [], "annotations": [5]}', "annotation at position 0: is 5"),
    "other joints": (
        '{"images": [], "annotations": [], "categories": [{"keypoints": ["nose", "chin"]}]}',
        "categories.keypoints is nose, chin; expected the 17 joints of COCO-17",
    ),
}


@pytest.mark.parametrize(("content", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_is_named(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = error_line(read_annotations, path, tmp_path)
    assert message.startswith(f"{path}: ")
    assert words in message


def test_a_missing_file_is_named(tmp_path):
    message = error_line(read_annotations, tmp_path / "a.json", tmp_path)
    assert message == f"{tmp_path / 'a.json'}: cannot be read (No such file or directory)"


def test_a_file_without_labelled_people_is_explained(tiny_copy):
    edit(tiny_copy, lambda c: [a.update(iscrowd=1) for a in c["annotations"]])
    assert "0 people, left out 12 crowds" in error_line(read, tiny_copy)


def test_the_errors_of_a_file_come_together(tiny_copy):
    edit(tiny_copy, lambda c: [a.update(area=-1) for a in c["annotations"][:5]])
    message = error_line(read, tiny_copy)
    for id_ in (101, 102, 103):
        assert f"annotation {id_}: area is -1" in message
    assert "104" not in message
    assert message.endswith("and 2 more problems; correct the file")


def test_spelling_of_joint_names_does_not_matter(tiny_copy):
    def change(content):
        names = content["categories"][0]["keypoints"]
        content["categories"][0]["keypoints"] = [n.replace("_", " ").title() for n in names]

    edit(tiny_copy, change)
    assert len(read(tiny_copy).people) == 12


def test_the_order_of_joints_does(tiny_copy):
    edit(tiny_copy, lambda c: c["categories"][0]["keypoints"].reverse())
    assert "in their order: nose, left_eye" in error_line(read, tiny_copy)


def test_both_domains_are_fine(tiny_root):
    require_both_domains(json_of(tiny_root), read(tiny_root).people)


def test_a_missing_domain_is_named(tiny_copy):
    edit(tiny_copy, lambda c: [image.pop("is_synthetic") for image in c["images"][3:5]])
    message = error_line(require_both_domains, json_of(tiny_copy), read(tiny_copy).people)
    assert "is_synthetic is missing for 2 images (the first: " in message
    assert "train00004.jpg" in message


@pytest.mark.parametrize(("value", "word"), [(True, "synthetic"), (False, "real")])
def test_a_single_domain_is_named(tiny_copy, value, word):
    edit(tiny_copy, lambda c: [image.update(is_synthetic=value) for image in c["images"]])
    message = error_line(require_both_domains, json_of(tiny_copy), read(tiny_copy).people)
    assert f"all training images are {word}" in message
    assert "data.balanced=false" in message
