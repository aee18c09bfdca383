"""Missed and redundant detections by video."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fidip.core.people import ImageInfo, People
from fidip.io.coco import from_coco_results
from fidip.metrics import evaluate_poses
from fidip.metrics.detection_counts import count_detections
from tests.metrics.made_people import entry, person

NOTHING = {"frames": 0, "people": 0, "predictions": 0, "missed": 0, "redundant": 0}


def frame(number, video):
    return ImageInfo(number, f"{number}.jpg", Path("x.jpg"), (2000, 2000), video=video)


def counts(**values):
    return {**NOTHING, **values}


def test_frames_are_counted_by_video():
    images = [frame(i, "b.mp4" if i < 4 else "a.mp4") for i in range(6)] + [frame(6, None)]
    people = [person(i + 1, image=i) for i in range(7)]
    found = np.array([0, 2, 2, 2, 4, 4, 6, 6])
    videos = count_detections(found, People(people, [], images))
    assert list(videos) == ["b.mp4", "a.mp4"]
    assert videos["b.mp4"] == counts(frames=4, people=4, predictions=4, missed=2, redundant=2)
    assert videos["a.mp4"] == counts(frames=2, people=2, predictions=2, missed=1, redundant=1)


def test_a_frame_may_have_several_people_or_none():
    images = [frame(i, "a.mp4") for i in range(4)]
    people = [person(1), person(2, at=(900, 0)), person(3, image=1), person(4, image=1)]
    videos = count_detections(np.array([0, 0, 1, 2]), People(people, [], images))
    # frame 0: two of two; 1: one of two; 2: one of none; 3: none of none
    assert videos["a.mp4"] == counts(frames=4, people=4, predictions=4, redundant=1)


def test_people_without_labels_are_people_and_crowds_have_room_for_any():
    images = [frame(i, "a.mp4") for i in range(3)]
    unlabelled = person(2, visibility=0)
    crowd = person(4, image=1, is_crowd=True)
    people = [person(1), person(3, image=1)]
    everyone = People(people, [unlabelled, crowd, replace(unlabelled, id=5, image_id=2)], images)
    videos = count_detections(np.array([0, 0, 1, 1, 1]), everyone)
    assert videos["a.mp4"] == counts(frames=3, people=4, predictions=5, missed=1)


def test_photographs_have_none():
    people = People.without_others([person()])
    assert count_detections(np.array([0]), people) == {}
    assert evaluate_poses(from_coco_results([entry(people[0])]), people).videos is None


def test_a_plain_sequence_lacks_the_frames():
    with pytest.raises(TypeError, match="expected fidip"):
        count_detections(np.array([0]), [person()])


def test_they_are_part_of_an_evaluation_of_found_people_only():
    people = [person(1), person(2, image=1)]
    everyone = People(people, [], [frame(i, "a.mp4") for i in range(2)])
    found = from_coco_results([entry(people[0]), entry(people[0], score=0.5)])
    expected = {"a.mp4": counts(frames=2, people=2, predictions=2, missed=1, redundant=1)}
    assert evaluate_poses(found, everyone).videos == expected
    assert evaluate_poses(found, everyone, np.array([0, 0])).videos is None
    nothing = evaluate_poses(from_coco_results([]), everyone)
    assert nothing.videos["a.mp4"] == counts(frames=2, people=2, missed=2)
