"""Labels of video frames: their videos and subjects, and the split without leakage."""

import json
import shutil
from itertools import pairwise

import cv2
import numpy as np
import pytest

from fidip.core.errors import FidipError
from fidip.core.skeleton import COCO17
from fidip.data.adaptation_data import ImageSource, copy_images, joined
from fidip.data.video_labels import LabelledFrame, read_video_labels
from fidip.data.video_split import (
    split_by_subject,
    split_by_video,
    spread_order,
    subset_sizes,
)
from tests.conftest import STANDING, annotation_record, category, image_record

VIDEOS = {"anna/day 1.mp4": "anna", "ben/day 1.mp4": "ben", "ben/day 2.mp4": "ben"}
WH = (96, 80)
IMAGE = "images/anna-day 1_000001.jpg"


def frame_labels(folder, frames, subjects=None):
    """Write a label file as ``fidip frames`` does, of (video, frame) pairs, with bare images."""
    (folder / "images").mkdir(parents=True)
    videos = sorted({video for video, _ in frames})
    content = {"videos": [], "images": [], "annotations": [], "categories": [category()]}
    for number, video in enumerate(videos, start=1):
        named = {"subject": subjects[video]} if subjects else {}
        content["videos"].append({"id": number, "file_name": video, **named})
    for number, (video, frame) in enumerate(frames, start=1):
        image = np.full((WH[1], WH[0], 3), number, np.uint8)
        name = f"images/{video.removesuffix('.mp4').replace('/', '-')}_{frame:06}.jpg"
        cv2.imwrite(str(folder / name), image)
        about = {"video_id": videos.index(video) + 1, "frame_index": frame}
        content["images"].append({**image_record(number, name, image, None), **about})
        keypoints = np.column_stack([STANDING * 2 + [45, 40], np.full(17, 2)])
        content["annotations"].append(annotation_record(number, keypoints))
    file = folder / "labels.json"
    file.write_text(json.dumps(content))
    return file


def changed(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def file(tmp_path):
    return frame_labels(tmp_path, [(video, frame) for video in VIDEOS for frame in (3, 1)])


def test_frames_have_the_video_and_the_subject_of_the_label_file(file):
    labels = read_video_labels(file, VIDEOS, None)
    assert [(f.image_id, f.video, f.subject) for f in labels.frames] == [
        *((2, "anna/day 1.mp4", "anna"), (1, "anna/day 1.mp4", "anna")),
        *((4, "ben/day 1.mp4", "ben"), (3, "ben/day 1.mp4", "ben")),
        *((6, "ben/day 2.mp4", "ben"), (5, "ben/day 2.mp4", "ben")),
    ]
    known = {**dict.fromkeys(VIDEOS, "one"), "ben/day 2.mp4": "two"}
    changed(file, lambda c: [v.update(subject=known[v["file_name"]]) for v in c["videos"]])
    assert read_video_labels(file, VIDEOS, None).subjects == known
    with pytest.raises(FidipError, match=r"so the subject of new\.mp4 is unknown"):
        read_video_labels(file, {**VIDEOS, "new.mp4": "new"}, None)
    with pytest.raises(FidipError, match="which are both of one in"):
        read_video_labels(file, VIDEOS, r"\w+")


def test_a_file_without_videos_is_matched_by_the_names_of_its_images(file):
    def anonymous(content):
        for image in content["images"]:
            del image["video_id"], image["frame_index"]
        content.pop("videos")

    flat = {name.replace("/", "-"): subject for name, subject in VIDEOS.items()}
    labels = read_video_labels(changed(file, anonymous), flat, None)
    assert [f.video for f in labels.frames][::2] == list(flat)
    with pytest.raises(FidipError, match="the video images/anna-day 1 is not in source"):
        read_video_labels(file, VIDEOS, None)


def test_only_people_that_were_confirmed_are_labels(file):
    def predict(content, rows=slice(None)):
        for person in content["annotations"][rows]:
            person["is_predicted"] = True

    changed(file, lambda content: predict(content, slice(4)))
    labels = read_video_labels(file, VIDEOS, None)
    assert {frame.video for frame in labels.frames} == {"ben/day 2.mp4"}
    assert len(labels.people.images) == 2
    with pytest.raises(FidipError, match="all 6 people are predictions that no person has conf"):
        read_video_labels(changed(file, predict), VIDEOS, None)


def same_person_twice(content):
    other = dict(content["annotations"][0], id=999)
    other["keypoints"] = [value + 1 if value > 2 else value for value in other["keypoints"]]
    content["annotations"].append(other)


def same_frame_twice(content):
    content["images"][1]["frame_index"] = content["images"][0]["frame_index"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (same_person_twice, "has two labels of one person (annotations 101 and 999)"),
        (same_frame_twice, "frame 3 of anna/day 1.mp4 is labelled twice (images 1 and 2"),
        (
            lambda c: c["videos"][0].update(file_name="anna/day_1.mp4"),
            "anna/day_1.mp4 is not in source, the most similar name without labels is anna/day 1.m",
        ),
        (
            lambda c: c["videos"][0].update(file_name="day 1.mp4"),
            "can be anna/day 1.mp4 or ben/day 1.mp4; expected one",
        ),
        (
            lambda c: c["categories"][0].update(keypoints=["nose", *COCO17.joints[:0:-1]]),
            "expected the 17 joints",
        ),
        (
            lambda c: c["images"][0].update(subject="eva") or c["images"][1].update(subject="ida"),
            "anna/day 1.mp4 has the subjects eva and ida",
        ),
        (lambda c: c.update(annotations=[]), "expected at least one person with a labelled joint"),
    ],
)
def test_what_would_fool_the_user_is_one_line(file, change, words):
    with pytest.raises(FidipError) as caught:
        read_video_labels(changed(file, change), VIDEOS, None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def two_files(root):
    (root / "annotations").mkdir()
    for name in ("anna", "ben"):
        (root / "labels.json").rename(root / "annotations" / f"person_keypoints_{name}.json")
        shutil.copy(root / "annotations" / f"person_keypoints_{name}.json", root / "labels.json")
    (root / "labels.json").unlink()


def of_two_annotators(root):
    shutil.copy(root / "labels.json", root / "ben.json")
    (root / "labels.json").rename(root / "anna.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda root: (root / "labels.json").unlink(),
            "the folder has no labels.json, pre_annotat",
        ),
        (of_two_annotators, "NAME.json, only anna.json, ben.json; expected one label file"),
        (two_files, "has 2 annotation files, such as person_keypoints_anna.json and person_keypoi"),
        (lambda root: (root / IMAGE).unlink(), "1 of 6 image files are missing (the first: "),
        (lambda root: (root / IMAGE).write_bytes(b""), f"{IMAGE}: "),
        (
            lambda root: cv2.imwrite(str(root / IMAGE), np.zeros((9, 8, 3))),
            f"{IMAGE} was labelled on 96x80 px, but the image has 8x9 px; expected the image",
        ),
    ],
)
def test_a_folder_that_is_not_as_labelled_is_one_line(file, change, words):
    change(file.parent)
    with pytest.raises(FidipError) as caught:
        read_video_labels(file.parent, VIDEOS, None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_infants_in_a_frame_are_two_people(file):
    def twin(content):
        other = dict(content["annotations"][0], id=999)
        pairs = np.reshape(other["keypoints"], (17, 3)) + np.array([14, 0, 0])
        other["keypoints"] = pairs.ravel().tolist()
        content["annotations"].append(other)

    assert len(read_video_labels(changed(file, twin), VIDEOS, None).people) == 7


def test_only_the_people_of_images_are_copied(file, tmp_path):
    changed(file, lambda content: content["annotations"].append({"category_id": 3}))
    labels = read_video_labels(file, VIDEOS, None)
    source = ImageSource(file, labels.people.images, "labelled", is_synthetic=False)
    records = copy_images(tmp_path / "copy", source)
    assert [each["id"] for each in records["annotations"]] == list(range(101, 107))
    assert len(joined(records, records)["annotations"]) == 12


def frames_of(**counts):
    """Labelled frames by subject: a number, or numbers of the subject's videos."""
    frames = []
    for subject, numbers in counts.items():
        for video, number in enumerate([numbers] if isinstance(numbers, int) else numbers):
            found = [(f"{subject}{video}.mp4", subject)] * number
            frames += [LabelledFrame(len(frames) + i, *each) for i, each in enumerate(found)]
    return frames


def subjects_in(frames):
    return {frame.video: frame.subject for frame in frames}


@pytest.mark.parametrize("seed", range(5))
def test_videos_of_a_subject_stay_together(seed):
    frames = frames_of(a=(5, 6), b=(7, 8), c=(9, 5), d=5, e=(5, 5), f=5, g=5, h=5)
    unlabelled = {"a9.mp4": "a", "z.mp4": "z"}
    split = split_by_subject(frames, {**subjects_in(frames), **unlabelled}, None, seed)
    sides = [{frame.subject for frame in side} for side in (split.train, split.test)]
    assert sides[0] | sides[1] == set("abcdefgh")
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 2  # a quarter of eight
    assert ("a9.mp4" in split.test_videos) == ("a" in sides[1])
    assert "z.mp4" not in split.test_videos
    assert split == split_by_subject(frames, {**subjects_in(frames), **unlabelled}, None, seed)


@pytest.mark.parametrize(
    ("counts", "test", "words"),
    [
        ({"a": (9, 9)}, None, "are of one subject, a; expected at least two"),
        ({"a": (9, 9)}, ["a"], "leaves no subject to train on"),
        ({"a": 9, "b": 9}, ["c"], "no labelled frame is of c"),
        ({"anna": 9, "b": 9}, ["ana"], "did you mean anna?; there are labels of anna, b"),
        ({"a": 9, "b": 9}, ["a", "b"], "leaves no subject to train on"),
        ({"a": 9, "b": 9}, [], "expected at least one"),
        ({"a": 4, "b": 9}, ["a"], "9 labelled frames to train on and 4 to test on (subjects a)"),
        ({"a": 4, "b": 9}, ["b"], "4 labelled frames to train on and 9 to test on (subjects b)"),
    ],
)
def test_a_split_by_subject_that_cannot_be_is_one_line(counts, test, words):
    frames = frames_of(**counts)
    with pytest.raises(FidipError) as caught:
        split_by_subject(frames, subjects_in(frames), test, 0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_infant_is_split_by_video():
    frames = frames_of(a=(6, 6, 6, 6))
    split = split_by_video(frames, 0)
    assert (split.by, len(split.train), len(split.test)) == ("video", 18, 6)
    assert split.test_videos == {frame.video for frame in split.test}
    with pytest.raises(FidipError, match=r"are of one video, a0\.mp4, whose frames are alike"):
        split_by_video(frames_of(a=20), 0)


def test_smaller_subsets_are_in_larger_ones_and_spread_over_subjects_and_videos():
    frames = frames_of(a=(20, 2), b=3, c=(1, 1))
    for seed in range(5):
        order = spread_order(frames, seed)
        assert sorted(f.image_id for f in order) == [f.image_id for f in frames]
        assert {frame.subject for frame in order[:3]} == set("abc")
        assert {f.video for f in order[:6]} >= {"a0.mp4", "a1.mp4", "b0.mp4", "c0.mp4", "c1.mp4"}
    assert spread_order(frames, 0) != spread_order(frames, 1)
    sizes = subset_sizes([50, 25, 10, 10, 27], len(frames))
    assert sizes == {"10": 10, "25": 25, "all": 27}
    assert all(a < b for a, b in pairwise(sizes.values()))
