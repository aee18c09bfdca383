"""Labels of a second annotator, good and bad."""

import json

import pytest

from fidip.core.errors import DataError
from fidip.data import read_annotations, read_second_annotator

SPLIT = "validate_infant"


@pytest.fixture
def people(tiny_root):
    json_file = tiny_root / "annotations" / f"person_keypoints_{SPLIT}.json"
    return read_annotations(json_file, tiny_root / "images" / SPLIT).people


def record(person, **changes):
    triplets = person.keypoints.ravel().tolist()
    return {"id": person.id, "image_id": person.image_id, "keypoints": triplets, **changes}


def read(tmp_path, people, content):
    file = tmp_path / "second.json"
    file.write_text(json.dumps(content))
    return read_second_annotator(file, people)


def test_only_people_of_these_images_are_read(tmp_path, people):
    records = [
        record(people[0]),
        record(people[1], image_id=999),
        record(people[1], category_id=2),
        record(people[1], iscrowd=1),
        record(people[1], keypoints=[0] * 51),
        {k: v for k, v in record(people[2]).items() if k != "id"},
    ]
    second = read(tmp_path, people, {"annotations": records})
    first, nameless = second.people
    assert second.images == {people[i].image_id for i in range(3)}
    assert (first.id, first.image_id) == (people[0].id, people[0].image_id)
    assert (first.keypoints == people[0].keypoints).all()
    assert nameless.id not in {person.id for person in people}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "has no list 'annotations'"),
        ({"annotations": []}, "none of 0 annotations is a person"),
        ({"annotations": [{"id": 7, "image_id": 0}]}, "annotation 7: keypoints is missing"),
    ],
)
def test_mistakes_are_one_line(tmp_path, people, content, words):
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path, people, content)
    assert "\n" not in str(error.value)
    assert "second.json" in str(error.value)


def images(people):
    return [
        {"id": i.id, "file_name": i.file_name, "width": i.wh[0], "height": i.wh[1]}
        for i in people.images
    ]


def test_annotated_images_count_even_without_labelled_people(tmp_path, people):
    content = {"images": images(people), "annotations": [record(people[0])]}
    assert read(tmp_path, people, content).images == {image.id for image in people.images}


def test_folders_in_names_do_not_matter(tmp_path, people):
    listed = [{**image, "file_name": f"round 2/{image['file_name']}"} for image in images(people)]
    content = {"images": listed, "annotations": [record(people[0])]}
    assert len(read(tmp_path, people, content).people) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file_name": "other.jpg"}, "image 1 is other.jpg, in the data set test1.jpg"),
        ({"width": 5}, "image 1 has 5x"),
    ],
)
def test_labels_of_other_images_with_the_same_ids_are_refused(tmp_path, people, change, words):
    listed = images(people)
    listed[1].update(change)
    with pytest.raises(DataError, match=f"{words}.*; expected labels of the same images") as error:
        read(tmp_path, people, {"images": listed, "annotations": [record(people[0])]})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("with_images", [True, False])
def test_labels_of_another_split_are_refused(tmp_path, people, with_images):
    strange = [{**image, "id": 100 + image["id"]} for image in images(people)]
    strange[0]["id"] = people.images[0].id
    records = [record(people[0], image_id=image["id"]) for image in strange]
    content = {"annotations": records} | ({"images": strange} if with_images else {})
    words = r"1 of its 5 images are among the 5 of the data set \(the first other: image_id 101\)"
    with pytest.raises(DataError, match=words):
        read(tmp_path, people, content)


def test_a_plain_list_of_people_is_refused(tmp_path, people):
    with pytest.raises(TypeError, match=r"expected fidip\.core\.people\.People"):
        read(tmp_path, list(people), {"annotations": [record(people[0])]})
