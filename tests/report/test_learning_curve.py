"""The learning curve of ``fidip adapt`` and its pictures."""

from pathlib import Path

import cv2
import numpy as np

from fidip.core.people import Annotation, ImageInfo, People
from fidip.core.poses import Poses
from fidip.report.adaptation_page import Adaptation, adaptation_html, card_section
from fidip.report.before_after import before_after_sheet, most_changed
from fidip.report.learning_curve import learning_curve
from tests.conftest import STANDING


def people_in(videos, frames, folder=Path()):
    """A labelled person in each frame of each video."""
    labelled, images = [], []
    for id_ in range(videos * frames):
        keypoints = np.column_stack([STANDING * 3 + [50, 50], np.full(17, 2.0)])
        box, wh = np.array([20.0, 15.0, 60.0, 70.0]), (100, 100)
        path, video = folder / f"{id_}.png", f"{id_ // frames}.mp4"
        labelled.append(Annotation(id_, id_, path, wh, box, 2000.0, keypoints))
        images.append(ImageInfo(id_, path.name, path, wh, video=video, frame=id_ % frames))
    return People(labelled, [], images)


def poses_of(people, is_right):
    """Predictions that are the labels, or far from them."""
    xy = np.array([p.keypoints[:, :2] + (0 if right else 90)
                   for p, right in zip(people, is_right, strict=True)])  # fmt: skip
    ids = np.array([p.image_id for p in people])
    return Poses.of_keypoints(xy, np.ones((len(people), 17), np.float32), image_ids=ids)


def test_differences_are_paired_and_over_videos_where_there_are_five():
    people = people_in(videos=6, frames=4)
    none, whole = np.zeros(24, bool), np.ones(24, bool)
    half = np.repeat([True, False], 12)  # three videos are right, three wrong
    predictions = {0: none, 10: half, 20: whole}
    curve = learning_curve(people, {n: poses_of(people, is_) for n, is_ in predictions.items()})
    start, middle, last = curve.points
    assert (start.labels, start.ap, start.difference, start.between) == (0, 0.0, None, None)
    assert (last.ap, last.difference) == (1.0, 1.0)
    np.testing.assert_allclose(last.between, (1.0, 1.0))
    assert curve.over == "test videos"

    single = people_in(videos=4, frames=6)
    found = learning_curve(single, {n: poses_of(single, is_) for n, is_ in predictions.items()})
    assert found.over == "test frames"
    width = np.diff(middle.between) - np.diff(found.points[1].between)
    assert width > 0.1  # frames of a video are alike, so videos give wider intervals
    assert curve.rows()[0] == ["0 (start)", "0.000", "0.000 to 0.000", "n/a", "n/a"]
    assert curve.rows()[2][:4] == ["20", "1.000", "1.000 to 1.000", "+1.000"]


def test_pictures_show_where_the_predictions_changed_most(tmp_path):
    people = people_in(videos=1, frames=3, folder=tmp_path)
    for image in people.images:
        cv2.imwrite(str(image.path), np.full((100, 100, 3), 128, np.uint8))
    before = np.array([np.c_[p.keypoints[:, :2], np.ones(17)] for p in people])
    after = before + np.array([1.0, 9.0, 4.0])[:, None, None] * [1, 0, 0]
    assert most_changed(before, after, people.labelled, 2).tolist() == [1, 2]
    picture = before_after_sheet(before, after, people.labelled, [1])
    left, right = picture[:, :224].astype(int), picture[:, 224:448].astype(int)
    assert (left != 128).any()  # a skeleton
    assert np.abs(left - right).max() > 50  # that has moved


def test_the_page_tells_what_the_numbers_hold_for_and_escapes_names():
    people = people_in(videos=2, frames=5)
    found = {n: poses_of(people, np.full(10, bool(n))) for n in (0, 7)}
    facts = {"start": "zoo:fast", "method": "finetune", "updates": 3, "unlabelled": 0}
    curve = learning_curve(people, found)
    rows = [["<b>", "a|b.mp4", "test", "7"]]
    adaptation = Adaptation(**facts, by="video", videos=rows, synthetic=9, curve=curve)
    page = adaptation_html(adaptation, [])
    assert "&lt;b&gt;" in page
    assert "say nothing about other infants" in page
    assert "five test videos give intervals over videos" in page
    assert "+1.000 (95 % interval over test frames 1.000 to 1.000)" in page
    assert "| &lt;b&gt; | a&#124;b.mp4 | test | 7 |" in card_section(adaptation)
