import json

import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.data.annotations import read_annotations
from fidip.data.detections import read_detections


@pytest.fixture
def people(tiny_root):
    split = "validate_infant"
    path = tiny_root / "annotations" / f"person_keypoints_{split}.json"
    return read_annotations(path, tiny_root / "images" / split).people


def write(tmp_path, *detections):
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(detections))
    return path


def detection(**changes):
    return {"image_id": 2, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9, **changes}


def test_detections_become_people_without_joints(tmp_path, people):
    path = write(
        tmp_path,
        detection(),
        detection(score=0.4),
        detection(score=0.1),
        detection(category_id=3),
        detection(image_id=777),
    )
    found = read_detections(path, people, threshold=0.3)
    assert [(a.id, a.image_id, a.box_score) for a in found] == [(1, 2, 0.9), (2, 2, 0.4)]
    assert found[0].image_path == people[2].image_path
    np.testing.assert_array_equal(found[0].box_xywh, [1, 2, 30, 40])
    assert found[0].area == 1200
    assert not found[0].keypoints.any()


def test_boxes_of_low_scores_may_be_too_small(tmp_path, people):
    speck = {"bbox": [5, 5, 2, 3], "score": 0.05}
    path = write(tmp_path, detection(), detection(**speck))
    assert len(read_detections(path, people, threshold=0.3)) == 1
    with pytest.raises(DataError, match=r"position 1: bbox \[5.*shows less than 4 px"):
        read_detections(path, people, threshold=0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox": [500, 2, 3, 4]}, "detection at position 0: bbox [500.0, 2.0, 3.0, 4.0] lies"),
        ({"score": None}, "score is None, expected a finite number"),
        ({"image_id": 777}, "none of 1 detections is a person with a score of at least 0 in the 5"),
    ],
)
def test_wrong_detections_are_named(tmp_path, people, change, words):
    path = write(tmp_path, detection(**change))
    with pytest.raises(DataError) as error:
        read_detections(path, people)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


def test_a_file_of_annotations_is_not_one_of_detections(tiny_root, people):
    path = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    with pytest.raises(DataError, match="expected a list of detections"):
        read_detections(path, people)


def test_a_plain_list_of_people_is_refused(tmp_path, people):
    with pytest.raises(TypeError, match=r"expected fidip\.core\.people\.People"):
        read_detections(write(tmp_path, detection()), list(people))
