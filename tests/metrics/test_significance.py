"""Differences between runs, against pycocotools on swapped and repeated data and formulas."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fidip.io.coco import from_coco_results
from fidip.metrics import Experiment, compare_experiments, evaluate_keypoints, match_keypoints
from fidip.metrics.coco_bootstrap import draw_images
from fidip.metrics.keypoint_ap import NAMES
from fidip.metrics.significance import (
    Difference,
    _mean_of_drawn_seeds,
    p_value,
    swapped_differences,
)
from tests.metrics.made_people import people_of


def make_truth(images, people=2):
    """A COCO ground truth with medium and large people."""
    rng = np.random.default_rng(0)
    annotations = [
        {
            "id": i + 1, "image_id": i // people, "category_id": 1, "iscrowd": 0,
            "bbox": [0, 0, 200, 200], "area": float(rng.choice([3000, 20000])), "num_keypoints": 17,
            "keypoints": np.column_stack([rng.uniform(20, 200, (17, 2)), np.full(17, 2)])
            .ravel()
            .tolist(),
        }
        for i in range(people * images)
    ]  # fmt: skip
    records = [{"id": i, "width": 220, "height": 220, "file_name": f"{i}"} for i in range(images)]
    return {"images": records, "annotations": annotations, "categories": [{"id": 1}]}


def make_results(truth, error, seed):
    """Every person found with an error of up to so many px; scores of many images are equal."""
    rng = np.random.default_rng(seed)
    results = []
    for a in truth["annotations"]:
        keypoints = np.reshape(a["keypoints"], (17, 3)).copy()
        keypoints[:, :2] += rng.normal(0, 1, (17, 2)) * rng.uniform(0, error)
        results.append(
            {"image_id": a["image_id"], "category_id": 1, "keypoints": keypoints.ravel().tolist(),
             "score": float(rng.integers(1, 6)) / 5 + 0.01 * (a["id"] % 2)}
        )  # fmt: skip
    return results


def match(truth, results):
    return match_keypoints(people_of(truth), from_coco_results(results))


def numbers(truth, results):
    values = evaluate_keypoints(people_of(truth), from_coco_results(results)).metrics.values()
    return np.array([np.nan if v is None else v for v in values])


def swap(first, second, coins):
    """Results of both runs after they swapped those of every image with a 1."""
    kept = [r for r in first if not coins[r["image_id"]]]
    got = [r for r in second if coins[r["image_id"]]]
    # pycocotools takes equal scores in the order of the images
    return sorted(kept + got, key=lambda r: r["image_id"])


def test_every_swap_of_four_images_equals_pycocotools():
    truth = make_truth(4)
    first, second = make_results(truth, 15, 1), make_results(truth, 25, 2)
    swaps = np.array(list(product((0, 1), repeat=4)))
    ours = swapped_differences([match(truth, first)], [match(truth, second)], swaps)
    theirs = [
        numbers(truth, swap(first, second, coins)) - numbers(truth, swap(second, first, coins))
        for coins in swaps
    ]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    np.testing.assert_allclose(ours, -ours[::-1], atol=1e-12)  # all swapped back


def test_p_of_random_swaps_nears_that_of_all_swaps():
    truth = make_truth(6)
    runs = [[match(truth, make_results(truth, e, e))] for e in (14, 25)]
    every = swapped_differences(*runs, np.array(list(product((0, 1), repeat=6))))[:, 0]
    exact = (np.abs(every) >= abs(every[0]) - 1e-12).mean()
    assert 0.05 < exact < 0.8
    difference = compare_experiments(*(Experiment.of(run, 20) for run in runs), rounds=1000)["AP"]
    assert difference.value == pytest.approx(every[0])
    assert difference.p == pytest.approx(exact, abs=0.05)  # three standard errors


def test_p_counts_the_difference_found():
    assert p_value(0.3, np.array([0.1, -0.3, 0.5])) == 3 / 4
    assert p_value(0.6, np.array([0.1, -0.3, 0.5])) == 1 / 4


def test_the_interval_is_paired_by_image():
    truth = make_truth(25)
    results = [make_results(truth, 12, 1), make_results(truth, 20, 2)]
    runs = [Experiment.of([match(truth, r)], rounds=40, seed=3) for r in results]
    found = compare_experiments(*runs, rounds=1)
    sampled = []
    for counts in draw_images(25, 40, seed=3):
        chosen = np.repeat(np.arange(25), counts)
        both = [numbers(*repeated(truth, r, chosen)) for r in results]
        sampled.append(both[0] - both[1])
    low, high = np.percentile(sampled, [2.5, 97.5], axis=0)
    for k, name in enumerate(NAMES):
        assert found[name].interval == pytest.approx((low[k], high[k]), abs=1e-12)


def test_paired_seeds_are_drawn_together():
    truth = make_truth(5)
    run = Experiment.of([match(truth, make_results(truth, 12, seed)) for seed in range(3)], 2000)
    shared = np.array([0.0, 0.3, 0.6])[:, None, None]
    gains = np.array([0.01, 0.02, 0.04])[:, None, None]
    second = replace(run, sampled=np.broadcast_to(shared, run.sampled.shape))
    first = replace(run, sampled=second.sampled + gains)
    paired, unpaired = (
        compare_experiments(first, second, rounds=1, pair_seeds=pair)["AP"].interval
        for pair in (True, False)
    )
    # Two of three seeds are drawn, so each end is drawn twice with probability 1/9.
    assert paired == pytest.approx((0.01, 0.04))
    assert unpaired[0] < -0.3
    assert unpaired[1] > 0.3


def repeated(truth, results, chosen):
    """Ground truth and results in which the chosen images are copies, with new ids."""
    annotations, copies = [], []
    for new, old in enumerate(chosen.tolist()):
        for a in truth["annotations"]:
            if a["image_id"] == old:
                annotations.append({**a, "image_id": new, "id": len(annotations) + 1})
        copies += [{**r, "image_id": new} for r in results if r["image_id"] == old]
    images = [{**truth["images"][old], "id": new} for new, old in enumerate(chosen.tolist())]
    return {**truth, "images": images, "annotations": annotations}, copies


def test_a_run_does_not_differ_from_itself():
    truth = make_truth(20)
    run = Experiment.of([match(truth, make_results(truth, 20, 1))], rounds=50)
    for difference in compare_experiments(run, run, rounds=50).values():
        assert difference == Difference(0.0, (0.0, 0.0), 1.0)
        assert difference.verdict == "not distinguishable"


def test_a_clearly_better_run_has_a_verdict_by_its_sign():
    truth = make_truth(40)
    good, bad = (
        Experiment.of([match(truth, make_results(truth, error, seed)) for seed in (1, 2)], 100)
        for error in (5, 30)
    )  # fmt: skip
    better, worse = (
        compare_experiments(good, bad, 200)["AP"],
        compare_experiments(bad, good, 200)["AP"],
    )
    assert better.p == 1 / 201
    assert better.interval[0] > 0.2
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert worse.value == pytest.approx(-better.value)


@pytest.mark.parametrize(
    ("interval", "p", "verdict"),
    [
        ((0.01, 0.2), 0.04, "better"),
        ((0.01, 0.2), 0.05, "not distinguishable"),
        ((0.0, 0.2), 0.001, "not distinguishable"),
        ((-0.2, -0.01), 0.001, "worse"),
    ],
)
def test_both_the_interval_and_p_must_say_so(interval, p, verdict):
    assert Difference(sum(interval) / 2, interval, p).verdict == verdict


def test_drawn_seeds_spread_like_the_standard_error_of_their_mean():
    values = np.array([0.21, 0.30, 0.24, 0.27])
    sampled = np.broadcast_to(values[:, None, None], (4, 40000, 10))
    means = _mean_of_drawn_seeds(sampled, np.random.default_rng(0))[:, 0]
    assert means.mean() == pytest.approx(values.mean(), abs=1e-3)
    assert means.std() == pytest.approx(values.std(ddof=1) / 2, rel=0.02)


@pytest.mark.parametrize(
    ("seeds", "luck", "least"), [(3, 0, 0.93), (3, 1, 0.93), (3, 3, 0.85), (5, 3, 0.9)]
)
def test_the_interval_covers_the_truth_as_often_as_documented(seeds, luck, least):
    """Experiments that do not differ; seeds' luck in standard errors of one run over the images."""
    rng = np.random.default_rng(0)
    trials, rounds, images = 200, 200, 40
    covered = 0
    for _ in range(trials):
        counts = rng.multinomial(images, np.full(images, 1 / images), size=rounds)
        difficulty = rng.normal(size=images)
        means = []
        for _ in range(2):
            offset = luck / np.sqrt(images) * rng.normal(size=(seeds, 1))
            values = offset + difficulty + rng.normal(size=(seeds, images))
            means.append(_mean_of_drawn_seeds((values @ counts.T / images)[..., None], rng))
        low, high = np.percentile(means[0] - means[1], [2.5, 97.5])
        covered += low <= 0 <= high
    assert covered / trials >= least


def test_seeds_that_differ_widen_the_interval():
    truth = make_truth(30)
    alike = [match(truth, make_results(truth, 15, 1))] * 3
    unlike = [match(truth, make_results(truth, error, 1)) for error in (10, 15, 22)]
    narrow, wide = (Experiment.of(seeds, 300).intervals()["AP"] for seeds in (alike, unlike))
    assert wide[1] - wide[0] > 1.3 * (narrow[1] - narrow[0])


def test_a_single_seed_has_the_interval_of_its_evaluation():
    truth, results = make_truth(20), make_results(make_truth(20), 15, 1)
    run = Experiment.of([match(truth, results)], rounds=100)
    assert (
        run.intervals()
        == evaluate_keypoints(people_of(truth), from_coco_results(results), rounds=100).intervals
    )


def test_seeds_have_equal_weight_whatever_their_number():
    truth = make_truth(12)
    many, few = (
        [match(truth, make_results(truth, error, seed)) for seed in range(count)]
        for error, count in ((10, 3), (20, 2))
    )
    nobody_swaps = np.zeros((1, 12), int)
    once = np.ones((1, 12), int)
    expected = np.mean([m.numbers(once)[0] for m in many], 0) - np.mean(
        [m.numbers(once)[0] for m in few], 0
    )
    np.testing.assert_allclose(swapped_differences(many, few, nobody_swaps)[0], expected)


def test_sizes_without_people_have_no_difference():
    truth = make_truth(5)
    for annotation in truth["annotations"]:
        annotation["area"] = 20000.0
    run = Experiment.of([match(truth, make_results(truth, 15, 1))], rounds=5)
    differences = compare_experiments(run, run, rounds=5)
    assert [name for name, d in differences.items() if d is None] == ["AP(M)", "AR(M)"]
