"""AP of single joints against its definition, errors in torso lengths by hand."""

from dataclasses import replace

import numpy as np
import pytest

from fidip.core.people import People
from fidip.core.skeleton import COCO17
from fidip.io.coco import annotations_to_coco, from_coco_results
from fidip.metrics import evaluate_keypoints, evaluate_poses, match_people
from fidip.metrics.joints import joint_ap, torso_errors
from tests.metrics.made_people import GRID, SIDE, distance_for, entry, people_of, person

ANKLE = 15


def average_precision(similarity, scores):
    """COCO's AP of one prediction a person and image: 101 recalls, 10 thresholds, no library."""
    ranked = similarity[np.argsort(-scores)]
    values = []
    for threshold in np.linspace(0.5, 0.95, 10):
        hits = np.cumsum(ranked >= threshold)
        recall, precision = hits / len(ranked), hits / np.arange(1, len(ranked) + 1)
        best = [precision[recall >= r].max(initial=0) for r in np.linspace(0, 1, 101)]
        values.append(np.mean(best))
    return np.mean(values)


def test_ap_of_a_joint_is_that_of_people_with_the_oks_of_the_joint():
    rng = np.random.default_rng(0)
    similarity, scores = rng.uniform(0.3, 1, 40), rng.uniform(0, 1, 40)
    people = [person(i + 1, image=i) for i in range(40)]
    results = []
    for someone, like, score in zip(people, similarity, scores, strict=True):
        xy = GRID.copy()
        xy[ANKLE, 1] += distance_for(like, ANKLE)
        results.append(entry(someone, xy, score))
    ap = joint_ap(from_coco_results(results), People.without_others(people))
    assert ap[COCO17.joints[ANKLE]] == pytest.approx(average_precision(similarity, scores))
    assert ap["nose"] == pytest.approx(1)


def test_people_without_the_joint_are_left_out_of_its_ap():
    flags = np.full(17, 2)
    flags[ANKLE] = 0
    blind = person(2, image=1, visibility=flags)
    results = [entry(person()), entry(blind, GRID, score=2.0)]
    assert joint_ap(from_coco_results(results), People.without_others([person(), blind]))[
        "left_ankle"
    ] == pytest.approx(1)
    assert (
        joint_ap(from_coco_results(results[1:]), People.without_others([blind]))["left_ankle"]
        is None
    )


def test_ap_of_joints_in_a_crowd_is_that_of_pycocotools():
    """Several people and predictions an image, joints unlabelled, crowds, and equal scores."""
    rng = np.random.default_rng(0)
    people, results = [], []
    for number in range(60):
        flags = rng.integers(0, 3, 17) * (rng.uniform() > 0.1)
        at = rng.uniform(0, 150, 2)
        people.append(person(number + 1, image=number // 3, at=at, visibility=flags))
        people[-1] = replace(people[-1], is_crowd=bool(rng.uniform() < 0.1))
        for _ in range(int(rng.integers(0, 4))):
            xy = people[-1].keypoints[:, :2] + rng.normal(0, rng.uniform(1, 25), (17, 2))
            results.append(entry(people[-1], xy, round(rng.uniform(), 1)))
    labelled = [p for p in people if (p.keypoints[:, 2] > 0).any() and not p.is_crowd]
    others = [p for p in people if p not in labelled]
    everyone = People(labelled, others, People.without_others(people).images)
    ap = joint_ap(from_coco_results(results), everyone)
    truth = annotations_to_coco(everyone)
    whole = [np.reshape(someone["keypoints"], (17, 3)) for someone in truth["annotations"]]
    for k, joint in enumerate(COCO17.joints):
        for someone, keypoints in zip(truth["annotations"], whole, strict=True):
            alone = np.where(np.arange(17)[:, None] == k, keypoints, 0)
            count = int((alone[:, 2] > 0).sum())
            someone.update(keypoints=alone.ravel().tolist(), num_keypoints=count)
        assert ap[joint] == pytest.approx(
            evaluate_keypoints(people_of(truth), from_coco_results(results)).metrics["AP"],
            abs=1e-12,
        )


def test_errors_in_torso_lengths():
    joints = GRID.copy()
    joints[[5, 6, 11, 12]] = [(0, 0), (20, 0), (6, 40), (14, 40)]  # 40 from mid to mid
    xy = joints + np.array([3, 4])
    keypoints = np.stack([person(joints=joints).keypoints] * 2)
    keypoints[0, 0] = 0
    keypoints[1, 5] = 0
    errors = torso_errors(np.stack([xy, xy]), keypoints)
    assert np.isnan(errors[0, 0])
    np.testing.assert_allclose(errors[0, 1:], 5 / 40)
    assert np.isnan(errors[1]).all()


def test_predictions_are_of_those_they_are_most_like():
    people = [person(1), person(2, at=(600, 0)), person(3, image=1)]
    xy = np.stack([people[1].keypoints, people[0].keypoints, people[0].keypoints])[..., :2] + 2
    scores = np.array([0.5, 0.6, 0.9])
    assert match_people(xy, np.zeros(3, int), scores, people).tolist() == [1, -1, 0]
    assert match_people(xy, np.array([0, 7, 1]), scores, people).tolist() == [1, -1, 2]


def test_joints_are_described_with_how_many_they_are():
    flags = np.full(17, 2)
    flags[[ANKLE, 11]] = 0
    people = [person(1), person(2, image=1, visibility=flags)]
    shift = 0.06 * 400  # of the longer side of the box: beyond PCK@0.05, within PCK@0.1
    found = [entry(p, GRID + np.array([shift, 0])) for p in people]
    content = evaluate_poses(from_coco_results(found), People.without_others(people))
    ankle = content.per_joint["left_ankle"]
    assert (ankle["count"], ankle["torso_count"]) == (1, 1)
    assert (content.per_joint["nose"]["count"], content.per_joint["nose"]["torso_count"]) == (
        2,
        1,
    )
    assert (content.torso_count, content.matched) == (17, 2)
    assert (content.pck["pck@0.05"], content.pck["pck@0.1"]) == (0.0, 1.0)
    torso = np.linalg.norm(GRID[[11, 12]].mean(0) - GRID[[5, 6]].mean(0))
    assert content.torso_error == pytest.approx(shift / torso)
    for joint in content.per_joint.values():
        assert sum(joint["kinds"].values()) == pytest.approx(1)
    k = 2 * COCO17.sigmas[ANKLE]
    assert ankle["oks"] == pytest.approx(np.exp(-(shift**2) / (2 * SIDE**2 * k**2)))


def test_unmatched_predictions_have_scores_and_no_joints():
    cat = {**entry(person()), "category_id": 17}
    content = evaluate_poses(
        from_coco_results([entry(person(), GRID + 5000), cat]), People.without_others([person()])
    )
    assert (content.metrics["AP"], content.matched) == (0, 0)
    assert content.per_joint is None


@pytest.mark.parametrize("predictions", [0, 2])
@pytest.mark.parametrize("images", [0, 1])
def test_without_people_no_joint_has_an_ap(images, predictions):
    nobody = People([], [], People.without_others([person()]).images[:images])
    found = from_coco_results([entry(person())] * predictions * images)
    assert joint_ap(found, nobody) == dict.fromkeys(COCO17.joints)
