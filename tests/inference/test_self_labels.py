"""Labels that a network gives itself: guards, consensus of views, and the dataset."""

import json

import cv2
import numpy as np
import pytest

from fidip.core.crop_window import CropWindow
from fidip.core.errors import DataError
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.data.annotations import read_annotations
from fidip.data.layout import find_split
from fidip.inference.label_guards import (
    LIMB_ENDS,
    agrees_with_smoothed,
    best_ranked,
    has_possible_bone,
    is_far_from_swap,
    kept_by_speed,
    spread_by_motion,
)
from fidip.inference.output_names import name_inputs
from fidip.inference.self_label_dataset import (
    HELD_OUT,
    TRAIN,
    SelfLabelledVideo,
    confident_videos,
    require_enough,
    write_self_labels,
)
from fidip.inference.self_labels import SelfLabels, guarded
from fidip.inference.view_consensus import TEACHER_VIEWS, consensus, predict_views
from fidip.io.video import read_photo
from tests.fuzz.stage import write_video

WH = (96, 80)
STANDING = np.array(
    [
        (0, -8), (1, -9), (-1, -9), (2, -8), (-2, -8), (4, -5), (-4, -5), (6, -2), (-6, -2),
        (7, 1), (-7, 1), (3, 2), (-3, 2), (3, 6), (-3, 6), (3, 10), (-3, 10),
    ],
    dtype=float,
)  # fmt: skip
WRIST, ANKLE = COCO17.joints.index("left_wrist"), COCO17.joints.index("right_ankle")


def walk(frames=40, fps=25.0):
    """Times and keypoints of a figure that moves smoothly through the image."""
    times = np.arange(frames) / fps
    return times, 3 * STANDING + [40, 32] + 8 * np.sin(times)[:, None, None] * [1.0, 0.5]


def track_of(times, xy):
    scores = np.full(xy.shape[:2], 0.8, np.float32)
    return Track(times, xy, scores, np.zeros((len(xy), 4)), WH)


def test_each_guard_rejects_its_own_defect_only():
    times, xy = walk()
    assert guarded(track_of(times, xy)).allowed.all()
    torso = np.linalg.norm(xy[0, [5, 6]].mean(axis=0) - xy[0, [11, 12]].mean(axis=0))

    jump = xy.copy()
    jump[20, ANKLE] += [0.35 * torso, 0.0]
    found = guarded(track_of(times, jump)).allowed
    assert not found[20, ANKLE]
    assert found[:18].all()
    assert found[23:].all()

    swapped = xy.copy()
    swapped[20:22, [15, 16]] = xy[20:22, [16, 15]]
    labels = guarded(track_of(times, swapped))
    np.testing.assert_allclose(labels.xy, xy)
    near = np.abs(times - times[20]) <= 0.1 + 1e-9
    assert not labels.allowed[near][:, [15, 16]].any()
    assert labels.allowed[:, :15].all()
    assert labels.allowed[30:].all()

    outside = xy - [xy[..., 0].min() + 5, 0.0]
    labels = guarded(track_of(times, outside))
    assert not labels.allowed[(outside[..., 0] < 0)].any()
    assert labels.allowed[(outside[..., 0] >= 0)].all()


def test_unknown_keypoints_are_never_labels():
    times, xy = walk()
    xy[5:8] = np.nan
    labels = guarded(track_of(times, xy))
    assert not labels.allowed[5:8].any()
    assert labels.allowed[10:].all()
    assert not np.isin(labels.chosen(100), [5, 6, 7]).any()
    assert not guarded(track_of(times, np.full_like(xy, np.nan))).allowed.any()
    assert len(guarded(track_of(times, np.full_like(xy, np.nan))).chosen(9)) == 0


def test_bones_may_look_shorter_but_hardly_longer():
    _, xy = walk(5)
    forearm = xy[:, WRIST] - xy[:, 7]
    factors = np.array([1.0, 1.19, 1.21, 0.51, 0.49])
    xy[:, WRIST] = xy[:, 7] + factors[:, None] * forearm
    assert has_possible_bone(xy)[:, WRIST].tolist() == [True, True, False, True, False]
    assert has_possible_bone(xy)[:, 10].all()
    assert has_possible_bone(xy, longer=0.1)[1, WRIST] == np.False_


def test_the_limit_of_smoothing_is_in_torso_lengths():
    _, xy = walk(3)
    torso = np.linalg.norm(xy[0, [5, 6]].mean(axis=0) - xy[0, [11, 12]].mean(axis=0))
    moved = xy.copy()
    moved[1, ANKLE, 1] += 0.099 * torso
    moved[2, ANKLE, 1] += 0.101 * torso
    for scale in (1.0, 7.0):
        near = agrees_with_smoothed(scale * moved, scale * xy)
        assert near[:, ANKLE].tolist() == [True, True, False]
        assert near.sum() == near.size - 1


def test_a_swap_rejects_both_joints_for_a_time_on_both_sides():
    times = np.array([0.0, 0.09, 0.2, 0.31, 0.35])
    xy = np.arange(5 * 4.0).reshape(5, 2, 2)
    repaired = xy.copy()
    repaired[2] = xy[2, ::-1]
    far = is_far_from_swap(times, xy, repaired, reach=0.11)
    assert far.tolist() == [[True] * 2, [False] * 2, [False] * 2, [False] * 2, [True] * 2]


def test_the_best_joints_are_ranked_over_all_frames_and_joints():
    rng = np.random.default_rng(0)
    confidence, allowed = rng.random((30, 17)), rng.random((30, 17)) < 0.5
    kept = best_ranked(confidence, allowed, 0.2)
    assert kept.sum() == int(0.2 * 30 * 17)
    assert not (kept & ~allowed).any()
    assert confidence[kept].min() > confidence[allowed & ~kept].max()
    assert (best_ranked(confidence, allowed, 1.0) == allowed).all()
    assert not best_ranked(confidence, np.zeros_like(allowed), 0.5).any()


def test_frames_are_spread_over_the_movement_and_not_over_time():
    xy = np.tile(3 * STANDING, (100, 1, 1))
    xy[60:80] += np.linspace(0, 21, 20)[:, None, None] * [1.0, 0.0]
    xy[80:] += [21.0, 0.0]
    rows = spread_by_motion(xy, 10)
    assert len(rows) == 10
    assert rows[0] == 0
    assert (rows[1:] > 60).all()
    assert (rows <= 80).all()
    moved = np.diff(xy[rows, 0, 0])
    assert moved.min() > 0
    assert len(spread_by_motion(np.tile(3 * STANDING, (50, 1, 1)), 10)) == 1
    assert len(spread_by_motion(xy, 3)) == 3


def test_kept_joints_are_counted_by_speed():
    speeds = np.random.default_rng(0).random((50, 17))
    kept = speeds < 0.8
    found = kept_by_speed(speeds, kept, quantile=0.5)
    ends = speeds[:, LIMB_ENDS]
    fast = ends > np.quantile(ends, 0.5)
    assert found["fast"] == pytest.approx((ends < 0.8)[fast].mean())
    assert found["slow"] == 1.0
    nothing = kept_by_speed(np.full((2, 17), np.nan), kept[:2])
    assert nothing == {"fast": None, "slow": None}


def test_the_consensus_ignores_a_minority_of_wrong_views():
    rng = np.random.default_rng(0)
    truth = 30 * STANDING + 300
    xy = truth + rng.normal(0, 1, (8, 17, 2))
    xy[:3, WRIST] = truth[WRIST] + [200.0, 0.0]
    scores = rng.uniform(0.5, 0.9, (8, 17))
    found, confidence = consensus(xy, scores, 1e5)
    assert np.linalg.norm(found - truth, axis=1).max() < 2
    assert confidence[WRIST] < 0.75 * confidence.max()
    assert (confidence <= scores.mean(axis=0) + 1e-9).all()
    order = rng.permutation(8)
    again, _ = consensus(xy[order], scores[order], 1e5)
    np.testing.assert_allclose(again, found, atol=0.5)


class SpotPredictor:
    """Predictor of a bright spot in windows; left joints are 2 px beside it as it sees them."""

    def __call__(self, image, windows):
        poses = []
        for window in windows:
            affine = window.image_to_crop((64, 64))
            crop = cv2.warpAffine(image, affine, (64, 64))
            y, x = np.unravel_index(crop[..., 0].argmax(), crop.shape[:2])
            spot = cv2.invertAffineTransform(affine) @ [x, y, 1]
            sides = spot + np.array([[2.0, 0.0], [-2.0, 0.0]])
            sides = sides[::-1] if window.mirrored else sides
            poses.append(np.vstack([spot, np.tile(sides, (8, 1))]))
        return Poses.of_keypoints(np.stack(poses), np.ones((len(poses), 17), np.float32))


def test_views_are_mapped_back_to_the_image():
    image = np.zeros((80, 80, 3), np.uint8)
    cv2.circle(image, (45, 30), 3, (255, 255, 255), -1)
    image = cv2.GaussianBlur(image, (9, 9), 3)
    xy, scores = predict_views(SpotPredictor(), image, CropWindow(np.array([40.0, 40.0]), 70.0))
    assert xy.shape == (len(TEACHER_VIEWS), 17, 2)
    assert scores.shape == xy.shape[:2]
    assert np.abs(xy[:, 1:3].mean(axis=1) - [45, 30]).max() < 2
    sides = np.sign(xy[:, 1, 0] - xy[:, 2, 0])
    assert (sides == sides[0]).all()  # mirrored views name the sides as the others


@pytest.fixture
def labelled(tmp_path):
    """A video with labels that the guards accept, except one wrist."""
    path = tmp_path / "day 1.mp4"
    write_video(path, 40, WH)
    times, xy = walk()
    labels = guarded(track_of(times, xy))
    allowed = labels.allowed.copy()
    allowed[:, WRIST] = False
    confidence = np.tile(np.linspace(0.9, 0.1, 17), (40, 1))
    labels = SelfLabels(times, labels.xy, labels.smooth, confidence, allowed, WH)
    (source,) = name_inputs([path], tmp_path / "out")
    return SelfLabelledVideo(source, labels, np.arange(0, 40, 2))


def test_the_dataset_has_only_accepted_joints_and_says_who_labelled_it(labelled, tmp_path):
    report = write_self_labels(tmp_path, [labelled], fraction=0.4)
    train, held_out = (find_split(tmp_path, name) for name in (TRAIN, HELD_OUT))
    people = read_annotations(train.json, *train.image_dirs).people
    assert len(people) == 18
    assert len(read_annotations(held_out.json, *held_out.image_dirs).people) == 2
    content = json.loads(train.json.read_text())
    assert content["info"]["labels_are_predicted"] is True
    assert {image["is_synthetic"] for image in content["images"]} == {False}
    seen = np.stack([person.keypoints[:, 2] > 0 for person in people])
    assert seen.sum() == int(0.4 * 18 * 17)
    assert not seen[:, WRIST].any()
    assert seen[:, :6].all()  # the joints with the highest confidence
    for person, row in zip(people, labelled.rows, strict=False):
        labels = person.keypoints[:, 2] > 0
        known = person.keypoints[labels, :2]
        np.testing.assert_allclose(known, labelled.labels.xy[row][labels], atol=1e-3)
        assert read_photo(person.image_path).shape == (WH[1], WH[0], 3)
    (clip,) = report
    assert (clip["frames"], clip["found"], clip["used"]) == (40, 40, 18)
    assert clip["accepted"]["slow"] == pytest.approx(0.75, abs=0.02)


def test_videos_on_which_the_network_does_not_agree_are_left_out(labelled):
    """Half the confidence, in half of the frames: three quarters on average."""
    rows, least = labelled.rows, 0.5
    sure = np.full_like(labelled.labels.confidence, 0.6)
    half = sure.copy()
    half[rows[::2]] /= 2
    videos = [
        SelfLabelledVideo(
            labelled.source, SelfLabels(**{**vars(labelled.labels), "confidence": values}), rows
        )
        for values in (half, sure)
    ]
    assert videos[0].confidence == pytest.approx(0.45)
    assert confident_videos(videos, least) == videos[1:]
    assert confident_videos(videos, 0.45 - 1e-9) == videos
    with pytest.raises(DataError, match=r"day 1\.mp4: .* confidence 0\.45, expected at least 0\.5"):
        confident_videos(videos[:1], least)
    with pytest.raises(DataError, match=r"the best of 2 videos: .* confidence 0\.60, .* 0\.7"):
        confident_videos(videos, 0.7)
    assert SelfLabelledVideo(labelled.source, videos[0].labels, rows[:0]).confidence == 0


def test_too_few_labels_are_refused_in_one_line(labelled, tmp_path):
    few = SelfLabelledVideo(labelled.source, labelled.labels, labelled.rows[:9])
    with pytest.raises(DataError, match=r"day 1\.mp4: the infant is found in 9 different frames"):
        require_enough([few])
    require_enough([few, few])
    none = labelled.labels.allowed & False
    rejected = SelfLabels(**{**vars(labelled.labels), "allowed": none})
    video = SelfLabelledVideo(labelled.source, rejected, labelled.rows)
    with pytest.raises(DataError, match="the guards accept no joint of the 20") as refused:
        write_self_labels(tmp_path, [video], fraction=0.4)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "annotations").exists()
