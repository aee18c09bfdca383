"""AP against pycocotools called by hand, OKS against its matrix, and the bootstrap's identity."""

import contextlib
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fidip.core.errors import DataError
from fidip.core.people import Annotation, People
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.io.coco import from_coco_results
from fidip.metrics import (
    NAMES,
    annotations_to_coco,
    describe_agreement,
    evaluate_keypoints,
    evaluate_poses,
    instance_oks,
    oks_nms,
    oks_per_joint,
    pose_scores,
    soft_oks_nms,
    to_coco_results,
    validation_scores,
)
from fidip.metrics.coco_bootstrap import Matches, draw_images
from fidip.metrics.joints import joint_ap
from fidip.metrics.keypoint_ap import average_precision, match_keypoints
from fidip.metrics.oks import prediction_oks
from fidip.metrics.slices import describe_slices


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    out = []
    for i in range(60):
        keypoints = np.column_stack([rng.uniform(20, 200, (17, 2)), rng.integers(0, 3, 17)])
        keypoints[keypoints[:, 2] == 0] = 0
        keypoints[0, 2] = 2
        area = float(rng.choice([3000.0, 20000.0]))
        box = np.array([20.0, 20.0, 180.0, 180.0])
        out.append(
            Annotation(i + 1, i // 2, Path(f"{i // 2}.jpg"), (220, 220), box, area, keypoints)
        )
    return People.without_others(out)


@pytest.fixture
def poses(people):
    rng = np.random.default_rng(1)
    xy = np.stack([a.keypoints[:, :2] for a in people])
    return Poses(
        xy=xy + rng.normal(0, 1, xy.shape) * rng.uniform(0, 25, (60, 1, 1)),
        scores=rng.uniform(0, 1, (60, 17)).astype(np.float32),
        image_ids=np.array([a.image_id for a in people]),
        boxes_xywh=np.stack([a.box_xywh for a in people]),
        box_scores=np.ones(60),
        index=np.arange(60),
    )


def by_hand(truth, results):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def test_the_ten_numbers_are_those_of_pycocotools(people, poses):
    truth, results = annotations_to_coco(people), to_coco_results(poses)
    metrics = evaluate_keypoints(people, poses).metrics
    assert list(metrics) == list(NAMES)
    assert list(metrics.values()) == by_hand(truth, results).stats.tolist()
    assert 0.1 < metrics["AP"] < 0.9


def test_sizes_without_people_are_not_available(people, poses):
    large = [
        Annotation(a.id, a.image_id, a.image_path, a.image_wh, a.box_xywh, 20000.0, a.keypoints)
        for a in people
    ]
    metrics = evaluate_keypoints(People.without_others(large), poses).metrics
    assert metrics["AP(M)"] is None
    assert metrics["AR(M)"] is None
    assert metrics["AP(L)"] == pytest.approx(metrics["AP"])


def test_drawing_every_image_once_gives_the_plain_numbers(people, poses):
    evaluated = by_hand(annotations_to_coco(people), to_coco_results(poses))
    numbers = Matches.of(evaluated).numbers(np.ones((1, 30), dtype=int))[0]
    np.testing.assert_allclose(numbers, evaluated.stats, atol=1e-12)


def repeated(truth, results, counts):
    """A data set in which image i is there ``counts[i]`` times, and the results on it."""
    found = {i: [r for r in results if r["image_id"] == i] for i in range(len(counts))}
    labels = {i: [a for a in truth["annotations"] if a["image_id"] == i] for i in found}
    images, annotations, repeats = [], [], []
    for i in np.repeat(np.arange(len(counts)), counts).tolist():
        new = {"image_id": len(images)}
        images.append({**truth["images"][i], "id": len(images)})
        annotations += [
            {**a, **new, "id": len(annotations) + k} for k, a in enumerate(labels[i], 1)
        ]
        repeats += [{**r, **new} for r in found[i]]
    return {**truth, "images": images, "annotations": annotations}, repeats


def test_a_draw_equals_pycocotools_on_the_repeated_images(people, poses):
    truth, results = annotations_to_coco(people), to_coco_results(poses)
    for i, result in enumerate(results):  # equal scores in many images, never within one
        result["score"] = round(result["score"], 1) + 0.01 * (i % 2)
    draws = draw_images(30, 5)
    assert (draws.sum(1) == 30).all()
    assert draws.max() > 1
    ours = match_keypoints(people, from_coco_results(results)).numbers(draws)
    for counts, numbers in zip(draws, ours, strict=True):
        np.testing.assert_allclose(
            numbers, by_hand(*repeated(truth, results, counts)).stats, atol=1e-12
        )


def test_a_draw_without_people_of_a_size_has_no_number(people, poses):
    one_size = [replace(a, area=20000.0 if a.image_id else 3000.0) for a in people]
    matches = match_keypoints(People.without_others(one_size), poses)
    numbers = dict(zip(NAMES, matches.numbers(np.arange(30)[None])[0], strict=True))
    assert [name for name, value in numbers.items() if np.isnan(value)] == ["AP(M)", "AR(M)"]


def test_a_draw_without_matches_is_zero(people, poses):
    matches = match_keypoints(people, poses[poses.image_ids != 7])
    numbers = matches.numbers(np.eye(30, dtype=int)[[7]])[0]
    assert set(numbers[~np.isnan(numbers)]) == {0.0}


def test_nothing_found_is_zero_and_sizes_without_people_are_not_available(people):
    large = [replace(a, area=20000.0) for a in people]
    evaluation = evaluate_keypoints(People.without_others(large), from_coco_results([]), rounds=10)
    for name in NAMES:
        is_empty = name in ("AP(M)", "AR(M)")
        assert evaluation.metrics[name] == (None if is_empty else 0.0)
        assert evaluation.intervals[name] == (None if is_empty else (0.0, 0.0))


def test_intervals_hold_the_value(people, poses):
    evaluation = evaluate_keypoints(people, poses, rounds=200)
    for name in NAMES:
        low, high = evaluation.intervals[name]
        assert low <= evaluation.metrics[name] <= high
    assert evaluation.intervals["AP"][1] - evaluation.intervals["AP"][0] > 0.02


def test_the_seed_draws_other_images(people, poses):
    first, again, other = (evaluate_keypoints(people, poses, 20, seed) for seed in (0, 0, 1))
    assert first.intervals == again.intervals != other.intervals
    assert first.metrics == other.metrics


def test_oks_is_pycocotools_oks(people, poses):
    evaluation = by_hand(annotations_to_coco(people), to_coco_results(poses))
    keypoints = np.stack([a.keypoints for a in people])
    area = np.array([a.area for a in people])
    ours = np.nanmean(oks_per_joint(poses.xy, keypoints, area), axis=1)
    scores = pose_scores(poses)
    for image in range(30):
        rows = np.array([2 * image, 2 * image + 1])
        order = rows[np.argsort(-scores[rows], kind="mergesort")]
        theirs = evaluation.ious[image, 1]
        for d, row in enumerate(order):
            assert theirs[d, row - 2 * image] == pytest.approx(ours[row], abs=1e-9)


def test_of_two_equal_poses_the_better_scored_one_stays(poses):
    twice = Poses.concatenate([poses[:3], poses[:3]])
    scores = np.array([0.1, 0.9, 0.5, 0.2, 0.8, 0.6])
    kept = oks_nms(twice, scores, np.full(6, 30000.0))
    assert kept.tolist() == [1, 3, 5]


def test_scores_are_means_of_confident_joints(poses):
    expected = [row[row > 0.2].mean() for row in poses.scores.astype(float)]
    np.testing.assert_allclose(pose_scores(poses), expected, rtol=1e-6)


def test_perfect_poses_are_described_as_perfect(people, poses):
    xy = np.stack([a.keypoints[:, :2] for a in people])
    perfect = Poses(
        xy, poses.scores, poses.image_ids, poses.boxes_xywh, poses.box_scores, poses.index
    )
    content = evaluate_poses(perfect, people, perfect.index)
    assert content.metrics["AP"] == pytest.approx(1.0)
    assert content.oks == pytest.approx(1.0)
    assert content.pck["pck@0.05"] == 1.0
    assert content.per_joint["nose"]["count"] == 60


def test_an_evaluation_needs_images():
    with pytest.raises(DataError, match="people: no images"):
        evaluate_poses(from_coco_results([]), People([], [], []))


def test_of_two_equal_scores_the_later_pose_stays(poses):
    twice = Poses.concatenate([poses[:1], poses[:1]])
    assert oks_nms(twice, np.array([0.5, 0.5]), np.full(2, 30000.0)).tolist() == [1]


def test_at_most_twenty_poses_of_an_image_are_kept_softly(poses):
    crowd = Poses.concatenate([poses[:1]] * 30)
    scores = np.linspace(0.1, 0.9, 30)
    assert len(soft_oks_nms(crowd, scores, np.full(30, 30000.0))) == 20
    assert len(soft_oks_nms(crowd, scores, np.full(30, 30000.0), limit=7)) == 7
    assert len(soft_oks_nms(crowd[:5], scores[:5], np.full(5, 30000.0))) == 5


def similarity(one, other, area):
    """OKS of two poses by its definition, joint by joint; neither is labelled, so all 17 count."""
    terms = [
        math.exp(-(math.dist(a, b) ** 2) / (2 * area * (2 * sigma) ** 2))
        for a, b, sigma in zip(one, other, COCO17.sigmas, strict=True)
    ]
    return sum(terms) / len(terms)


def official(poses, rows, scores, areas, threshold, soft):
    """Return the rows that HRNet's loop keeps, in its order: a reversed argsort picks the best."""
    left = {int(row): float(scores[row]) for row in rows}
    order = [int(row) for row in rows[np.argsort(scores[rows], kind="stable")[::-1]]]
    kept = []
    while order and len(kept) < (20 if soft else len(rows)):
        best, order = order[0], order[1:]
        kept.append(best)
        likeness = {
            row: similarity(poses.xy[best], poses.xy[row], (areas[best] + areas[row]) / 2)
            for row in order
        }
        if not soft:
            order = [row for row in order if likeness[row] <= threshold]
            continue
        for row in order:
            left[row] *= math.exp(-(likeness[row] ** 2) / threshold)
        ranks = np.argsort([left[row] for row in order], kind="stable")[::-1]
        order = [order[rank] for rank in ranks]
    return kept


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_the_rows_and_their_order_are_those_of_the_official_loop(poses, soft):
    rng = np.random.default_rng(3)
    crowd = Poses.concatenate([poses] * 12)
    crowd = replace(
        crowd, xy=crowd.xy + rng.normal(0, 1, crowd.xy.shape) * rng.uniform(0, 9, (720, 1, 1))
    )
    scores, areas = rng.integers(1, 6, 720) / 5, rng.uniform(5000, 40000, 720)
    kept = (soft_oks_nms if soft else oks_nms)(crowd, scores, areas, threshold=0.8)
    assert len(set(kept.tolist())) == len(kept) < 720
    for image in np.unique(crowd.image_ids):
        rows = np.flatnonzero(crowd.image_ids == image)
        ours = [row for row in kept.tolist() if crowd.image_ids[row] == image]
        assert ours == official(crowd, rows, scores, areas, 0.8, soft)


@pytest.mark.parametrize("suppress", [oks_nms, soft_oks_nms])
def test_of_equal_scores_the_later_pose_is_matched_first(people, poses, suppress):
    """COCO's AP of a miss before a hit of one score: precision 1/2 at every recall, not 1."""
    one = People.without_others(people.labelled[:1])
    hit = np.stack([people[0].keypoints[:, :2]])
    both = Poses.concatenate([replace(poses[:1], xy=hit), replace(poses[:1], xy=hit + 300)])
    kept = suppress(both, np.array([0.5, 0.5]), np.full(2, 30000.0))
    assert kept.tolist() == [1, 0]
    results = to_coco_results(both[kept])
    assert by_hand(annotations_to_coco(one), results).stats[0] == pytest.approx(0.5)
    assert evaluate_poses(both[kept], one).metrics["AP"] == pytest.approx(0.5)


def test_an_annotation_with_id_0_can_be_found(people, poses):
    zero = People.without_others([replace(a, id=a.id - 1) for a in people])
    expected = evaluate_keypoints(people, poses).metrics
    assert evaluate_keypoints(zero, poses).metrics == expected


@pytest.mark.parametrize(
    "score",
    [
        lambda people, poses: annotations_to_coco(people),
        lambda people, poses: evaluate_poses(poses, people, poses.index),
        lambda people, poses: evaluate_poses(poses, people),
        lambda people, poses: validation_scores(poses, people),
        lambda people, poses: joint_ap(poses, people),
        lambda people, poses: describe_slices(poses, poses.index, people, 1),
        lambda people, poses: describe_agreement(list(people), people, 1),
    ],
    ids=["truth", "poses", "results", "score", "joints", "slices", "human"],
)
def test_a_list_of_annotations_is_refused(people, poses, score):
    score(people, poses)
    for plain in (list(people), people.labelled, tuple(people)):
        with pytest.raises(TypeError, match=r"expected fidip\.core\.people\.People"):
            score(plain, poses)


def test_people_have_no_slices_and_parts_keep_what_else_is_on_their_images(people):
    crowd, unmatched = replace(people[5], is_crowd=True), people[9]
    others = [crowd, unmatched]
    everyone = People(people.labelled[:4], others, people.images)
    with pytest.raises(TypeError, match=r"people\.part"):
        everyone[:2]
    part = everyone.part([everyone[0]])
    assert (list(part), part.others, [image.id for image in part.images]) == (
        [everyone[0]],
        [],
        [0],
    )
    on = everyone.on_images({0, crowd.image_id, 7})
    assert (list(on), on.others) == (list(people.labelled[:2]), [crowd])
    assert [image.id for image in on.images] == [0, crowd.image_id, 7]


def moved_copies(poses, *shifts_px):
    """The first pose, and copies of it moved along x."""
    first = poses[:1]
    return Poses.concatenate(
        [replace(first, xy=first.xy + np.array([px, 0.0])) for px in (0, *shifts_px)]
    )


def test_soft_suppression_takes_others_before_doubles(poses):
    # The second is the first again, the third is far from both and scored lower than the second.
    three = moved_copies(poses, 0.5, 1000)
    scores, areas = np.array([0.9, 0.8, 0.4]), np.full(3, 30000.0)
    assert soft_oks_nms(three, scores, areas, limit=2).tolist() == [0, 2]
    assert soft_oks_nms(three, scores, areas, limit=3).tolist() == [0, 2, 1]
    # By hand: 0.8 falls by exp(-1 / threshold), which stays above 0.4 where the threshold is 2.
    assert soft_oks_nms(three, scores, areas, threshold=2.0, limit=2).tolist() == [0, 1]


def test_soft_suppression_keeps_twenty_an_image(poses):
    many = moved_copies(poses, *range(100, 2500, 100))
    scores = np.linspace(0.1, 1, len(many))
    assert soft_oks_nms(many, scores, np.full(len(many), 100.0)).tolist() == list(range(24, 4, -1))


def test_scores_are_float64_in_the_order_of_the_official_code(poses):
    row = poses.scores[0]
    total, count = 0.0, 0
    for score in row:  # one joint after the other
        if score > 0.2:
            total, count = total + float(score), count + 1
    boxed = replace(poses[:1], box_scores=np.array([0.3]))
    assert pose_scores(boxed)[0] == total / count * 0.3


def with_unknown(poses, unknown):
    """The poses without the keypoints where ``unknown`` is set."""
    return replace(poses, xy=np.where(unknown[..., None], np.nan, poses.xy))


def test_a_joint_that_is_not_predicted_is_as_wrong_as_one_far_away(people, poses):
    unknown = np.random.default_rng(2).uniform(size=(60, 17)) < 0.1
    far = replace(poses, xy=np.where(unknown[..., None], 1e4, poses.xy))
    expected = by_hand(annotations_to_coco(people), to_coco_results(far)).stats
    partly = with_unknown(poses, unknown)
    metrics = evaluate_keypoints(people, partly).metrics
    # The extent of far keypoints is another one, so numbers by size are tested below.
    names = ["AP", "AP50", "AP75", "AR", "AR50", "AR75"]
    assert [metrics[name] for name in names] == expected[[0, 1, 2, 5, 6, 7]].tolist()
    assert 0.05 < metrics["AP"] < 0.9
    assert average_precision(people, partly)[0] == pytest.approx(metrics["AP"])
    drawn = match_keypoints(people, partly).numbers(np.ones((1, 30), int))[0]
    np.testing.assert_allclose(drawn, list(metrics.values()), atol=1e-12)
    keypoints = np.stack([a.keypoints for a in people])
    errors = np.linalg.norm(poses.xy - keypoints[..., :2], axis=-1)
    area = np.array([[a.area] for a in people])
    alike = np.exp(-(errors**2) / (2 * area * (2 * np.array(COCO17.sigmas)) ** 2)) * ~unknown
    labelled = keypoints[..., 2] > 0
    oks = (alike * labelled).sum(axis=1) / labelled.sum(axis=1)
    np.testing.assert_allclose(instance_oks(partly.xy, list(people)), oks, atol=1e-9)


@pytest.mark.parametrize("unknown", [[0], range(17)], ids=["nose", "everything"])
def test_unknown_joints_do_not_turn_a_wrong_pose_into_a_right_one(people, poses, unknown):
    one = People.without_others([people[0]])
    wrong = np.isin(np.arange(17), list(unknown))[None]
    moved = with_unknown(replace(poses[:1], xy=people[0].keypoints[None, :, :2] + 1000), wrong)
    assert set(evaluate_keypoints(one, moved).metrics.values()) <= {0.0, None}
    assert average_precision(one, moved)[0] == 0
    found = evaluate_poses(moved, one, np.array([0]))
    assert found.predictions == found.matched == (0 if len(unknown) == 17 else 1)
    assert joint_ap(moved, one)["nose"] == 0


def test_a_single_right_joint_is_not_a_right_pose(people, poses):
    keypoints = people[0].keypoints.copy()
    keypoints[:, 2] = 2
    one = People.without_others([replace(people[0], keypoints=keypoints)])
    nose = with_unknown(replace(poses[:1], xy=keypoints[None, :, :2]), np.arange(17)[None] > 0)
    assert instance_oks(nose.xy, list(one)) == pytest.approx([1 / 17])
    assert evaluate_keypoints(one, nose).metrics["AP"] == 0
    ap = joint_ap(nose, one)
    assert (ap["nose"], ap["left_eye"]) == (pytest.approx(1.0), 0.0)


def test_a_lost_person_is_a_missed_one(people):
    """A track of 20 frames: right in 10 of them, lost in 5 and far away in 5."""
    keypoints = people[0].keypoints
    frames = [replace(people[0], id=t + 1, image_id=t) for t in range(20)]
    xy = np.repeat(keypoints[None, :, :2], 20, axis=0)
    xy[10:15], xy[15:] = np.nan, xy[15:] + 500
    scores = np.ones((20, 17), np.float32)
    scores[10:15] = 0
    track = Track(np.arange(20) / 25, xy, scores, np.ones((20, 4)), (220, 220))
    for right, rows in [(0.5, slice(None)), (0.0, slice(10, None))]:
        truth = People.without_others(frames[rows])
        found = evaluate_poses(track.poses[rows], truth)
        # 10 hits before or among 5 misses, in the order of the frames: precision 1 up to recall .5
        recalls = np.linspace(0, 1, 101)
        assert found.metrics["AP"] == pytest.approx((recalls <= right).mean() if right else 0)
        assert found.metrics["AR"] == right
        assert (found.predictions, found.matched) == (len(track.poses[rows]) - 5, 20 * right)


def test_the_size_of_an_unmatched_pose_is_that_of_its_known_joints(people, poses):
    """Of 10 x 10 px, it is too small to count among large people: AP is 1/2, and AP(L) 1."""
    large = People.without_others([replace(people[0], area=20000.0)])
    right = replace(
        poses[:1], xy=people[0].keypoints[None, :, :2], scores=np.full_like(poses.scores[:1], 0.5)
    )
    wrong = replace(right, xy=right.xy + 1000, scores=np.ones_like(right.scores))
    small = wrong.xy[0, :1] + np.array([[0.0, 0.0], [10.0, 10.0]])
    wrong = replace(wrong, xy=np.concatenate([small, np.full((15, 2), np.nan)])[None])
    metrics = evaluate_keypoints(large, Poses.concatenate([right, wrong])).metrics
    assert metrics["AP"] == pytest.approx(0.5)
    assert metrics["AP(L)"] == pytest.approx(1.0)


def test_poses_are_compared_by_the_joints_that_both_have(poses):
    whole, areas = poses[:1], np.full(3, 30000.0)
    upper = with_unknown(whole, np.arange(17)[None] >= 11)
    lower = with_unknown(whole, np.arange(17)[None] < 11)
    far = replace(whole, xy=whole.xy + 1e4)
    both = Poses.concatenate([upper, lower, far])
    assert prediction_oks(whole.xy[0], both.xy, areas).tolist() == [1, 1, 0]
    assert prediction_oks(upper.xy[0], both.xy, areas).tolist() == [1, 0, 0]
    moved = upper.xy + np.array([3.0, 0.0])
    variances = (2 * np.array(COCO17.sigmas[:11])) ** 2
    expected = np.exp(-(3.0**2) / (2 * 30000.0 * variances)).mean()
    assert prediction_oks(whole.xy[0], moved, areas[:1]) == pytest.approx([expected])
    three = Poses.concatenate([upper, whole, far])
    assert oks_nms(three, np.array([0.9, 0.8, 0.7]), areas).tolist() == [0, 2]
