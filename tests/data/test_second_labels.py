"""Labels of a second annotator, good and bad."""

import json

import pytest

from fidip.data import read_annotations, read_second_labels
from fidip.errors import DataError

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
    return read_second_labels(file, people)


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
def test_what_is_wrong_is_said_in_a_line(tmp_path, people, content, words):
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path, people, content)
    assert "\n" not in str(error.value)
    assert "second.json" in str(error.value)
