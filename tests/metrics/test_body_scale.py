"""PCKsh and mKS against their formulas, person by person and joint by joint, without arrays."""

import math

import numpy as np
import pytest

from fidip.core.people import People
from fidip.core.skeleton import COCO17
from fidip.io.coco import from_coco_results
from fidip.metrics import (
    BodySums,
    Experiment,
    body_scales,
    compare_experiments,
    evaluate_poses,
    mks,
    pcksh,
)
from fidip.metrics.body_scale import BETA, MKS, PCKSH, SMOOTHING, TABLE_NAMES, describe_body_scaled
from fidip.metrics.significance import swapped_differences
from tests.metrics.made_people import GRID, entry, person

INDEX = {joint: k for k, joint in enumerate(COCO17.joints)}
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def scale_of(keypoints):
    """S of one person by the formula; None without a scale."""
    at = {joint: tuple(keypoints[k, :2]) for joint, k in INDEX.items() if keypoints[k, 2] > 0}
    if any(
        f"{side}_{joint}" not in at for side in ("left", "right") for joint in ("shoulder", "hip")
    ):
        return None
    face = [at[joint] for joint in FACE if joint in at]
    if not face:
        return None
    head = [sum(axis) / len(face) for axis in zip(*face, strict=True)]
    hips = [(a + b) / 2 for a, b in zip(at["left_hip"], at["right_hip"], strict=True)]
    scale = math.sqrt(math.dist(at["left_shoulder"], at["right_shoulder"]) * math.dist(head, hips))
    return scale or None


def by_hand(xy, keypoints, score):
    """Mean of a score of (distance, scale), and the numbers of people with and without a scale."""
    scores, left_out = [], 0
    for found, labelled in zip(xy, keypoints, strict=True):
        scale = scale_of(labelled)
        if scale is None:
            left_out += 1
            continue
        scores += [
            score(math.dist(found[k], labelled[k, :2]), scale)
            for k in range(17)
            if labelled[k, 2] > 0
        ]
    return sum(scores) / len(scores), len(xy) - left_out, left_out


@pytest.fixture
def crowd():
    """Fifty people with missing labels, and predictions that are up to 30 px away."""
    rng = np.random.default_rng(0)
    flags = rng.choice([0, 1, 2, 2, 2, 2, 2, 2], (50, 17))
    keypoints = np.concatenate([rng.uniform(0, 200, (50, 17, 2)), flags[..., None]], axis=2)
    keypoints[:4, : len(FACE), 2] = 0
    keypoints[:4, 5:, 2] = 2
    xy = keypoints[..., :2] + rng.normal(0, rng.uniform(0, 30, (50, 1, 1)), (50, 17, 2))
    return xy, keypoints


@pytest.mark.parametrize("beta", [0.02, BETA, 0.3])
def test_pcksh_is_its_formula(crowd, beta):
    found = pcksh(*crowd, beta)
    value, people, left_out = by_hand(*crowd, lambda d, scale: d < beta * scale)
    assert (found.people, found.left_out) == (people, left_out)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert 4 < left_out < 46


@pytest.mark.parametrize("smoothing", [SMOOTHING, 0.01, 1.0])
def test_mks_is_its_formula(crowd, smoothing):
    found = mks(*crowd, smoothing)
    value, people, left_out = by_hand(
        *crowd, lambda d, scale: math.exp(-(d**2) / (2 * scale**2 * smoothing))
    )
    assert (found.people, found.left_out) == (people, left_out)
    assert found.value == pytest.approx(value, abs=1e-12)


def test_an_error_of_the_threshold_itself_is_wrong():
    joints = np.zeros((17, 2))
    joints[[5, 6]] = (-32, 0), (32, 0)  # 64 apart
    joints[[11, 12]] = 0, 16  # 16 from the head, so S = 32
    keypoints = person(joints=joints).keypoints[None]
    assert body_scales(keypoints) == pytest.approx(32)
    xy = np.repeat(keypoints[..., :2], 2, axis=0)
    xy[0] += (4, 0)
    xy[1] += (3.999, 0)
    assert [pcksh(one[None], keypoints, 0.125).value for one in xy] == [0, 1]


@pytest.mark.parametrize(
    "unlabelled",
    [*([side] for side in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")), FACE],
    ids=str,
)
def test_people_without_a_scale_are_left_out_and_counted(unlabelled):
    flags = np.full(17, 2)
    flags[[INDEX[joint] for joint in unlabelled]] = 0
    keypoints = np.stack([person().keypoints, person(visibility=flags).keypoints])
    xy = keypoints[..., :2].copy()
    xy[1] += 1000  # would be wrong
    for found in (pcksh(xy, keypoints), mks(xy, keypoints)):
        assert (found.value, found.people, found.left_out) == (1, 1, 1)


@pytest.mark.parametrize("joint", FACE)
def test_one_joint_of_the_face_is_a_head(joint):
    flags = np.full(17, 2)
    flags[[INDEX[other] for other in FACE if other != joint]] = 0
    keypoints = person(visibility=flags).keypoints
    assert body_scales(keypoints[None]) == pytest.approx(scale_of(keypoints))


def test_shoulders_behind_one_another_give_no_scale():
    joints = GRID.copy()
    joints[6] = joints[5]
    keypoints = person(joints=joints).keypoints[None]
    assert np.isnan(body_scales(keypoints)).all()
    found = pcksh(keypoints[..., :2], keypoints)
    assert (found.value, found.people, found.left_out) == (None, 0, 1)


def test_no_people_have_no_value():
    found = mks(np.zeros((0, 17, 2)), np.zeros((0, 17, 3)))
    assert (found.value, found.people, found.left_out) == (None, 0, 0)


def test_a_joint_that_is_not_predicted_is_wrong():
    keypoints = person().keypoints[None]
    xy = keypoints[..., :2].copy()
    xy[0, 3] = np.nan
    assert pcksh(xy, keypoints).value == mks(xy, keypoints).value == pytest.approx(16 / 17)


def test_values_do_not_depend_on_the_size_and_position_of_people(crowd):
    xy, keypoints = crowd
    moved = keypoints.copy()
    moved[..., :2] = 2 * keypoints[..., :2] + 64
    for metric in (pcksh, mks):
        assert metric(2 * xy + 64, moved).value == pytest.approx(metric(xy, keypoints).value)


def test_the_interval_is_that_of_the_mean_over_drawn_images(crowd):
    xy, keypoints = crowd
    image = np.arange(50) // 2
    found = describe_body_scaled(xy, keypoints, image, images=26, rounds=400)
    rng = np.random.default_rng(1)
    means = []
    for _ in range(400):
        rows = np.concatenate([np.flatnonzero(image == i) for i in rng.integers(26, size=26)])
        means.append(mks(xy[rows], keypoints[rows]).value)
    assert found["intervals"][MKS] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.02)
    low, high = found["intervals"][PCKSH]
    assert low < found[PCKSH] < high


def test_sums_of_drawn_and_of_joined_images_are_those_of_their_people(crowd):
    xy, keypoints = crowd
    image = np.arange(50) // 2
    sums = BodySums.of(xy, keypoints, image, 26)  # the last image has no one
    draws = np.random.default_rng(0).integers(0, 3, (5, 26))
    for draw, numbers in zip(draws, sums.numbers(draws), strict=True):
        rows = np.repeat(np.arange(50), draw[image])
        drawn = xy[rows], keypoints[rows]
        assert numbers.tolist() == pytest.approx([pcksh(*drawn).value, mks(*drawn).value])
    both = sums.beside(BodySums.of(xy + 5, keypoints, image, 26))
    joined = np.concatenate([xy, xy + 5]), np.concatenate([keypoints, keypoints])
    (numbers,) = both.numbers(np.ones((1, both.images), int))
    assert numbers.tolist() == pytest.approx([pcksh(*joined).value, mks(*joined).value])
    assert np.isnan(sums.numbers(np.eye(26, dtype=int)[25:])).all()


def test_differences_of_sums_are_those_of_the_values(crowd):
    xy, keypoints = crowd
    image = np.arange(50) // 2
    runs = [BodySums.of(found, keypoints, image, 25) for found in (xy, xy + 3)]
    names = list(TABLE_NAMES.values())
    experiments = [Experiment.of([run], 300, names=names) for run in runs]
    found = compare_experiments(*experiments, rounds=300)
    assert list(found) == names
    value = mks(xy, keypoints).value - mks(xy + 3, keypoints).value
    assert found["mKS"].value == pytest.approx(value)
    low, high = found["mKS"].interval
    assert low < value < high
    same = compare_experiments(experiments[0], experiments[0], rounds=300)
    assert {(d.value, d.interval, d.p) for d in same.values()} == {(0.0, (0.0, 0.0), 1.0)}
    swaps = np.array([[0] * 25, [1] * 25])
    np.testing.assert_allclose(*swapped_differences(runs[:1], runs[1:], swaps) * [[1], [-1]])


def test_they_are_part_of_an_evaluation_which_keeps_its_other_numbers():
    flags = np.full(17, 2)
    flags[11] = 0
    people = [person(1), person(2, image=1, visibility=flags)]
    shift = 0.05 * scale_of(people[0].keypoints)
    found = [entry(p, GRID + np.array([shift, 0])) for p in people]
    content = evaluate_poses(from_coco_results(found), People.without_others(people))
    similarity = math.exp(-(0.05**2) / (2 * SMOOTHING))
    assert content.body_scaled == {
        PCKSH: 1.0,
        MKS: pytest.approx(similarity),
        "intervals": {PCKSH: (1.0, 1.0), MKS: pytest.approx((similarity, similarity))},
        "people": 1,
        "left_out": 1,
    }
    assert content.per_joint["nose"][MKS] == pytest.approx(similarity)
    assert content.per_joint["left_hip"][PCKSH] == 1
    assert set(content.pck) == {"pck@0.05", "pck@0.1", "pck@0.2"}


def test_an_evaluation_without_body_scales():
    flags = np.full(17, 2)
    flags[5] = 0
    people = People.without_others([person(visibility=flags)])
    content = evaluate_poses(from_coco_results([entry(people[0])]), people)
    assert content.body_scaled == {
        PCKSH: None,
        MKS: None,
        "intervals": {PCKSH: None, MKS: None},
        "people": 0,
        "left_out": 1,
    }
