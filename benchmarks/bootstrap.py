"""What intervals and comparisons cost: ``python benchmarks/bootstrap.py``.

Seconds of CPU on one core for 1,000 rounds on 500 images: the intervals of the ten numbers of one
run, and the comparison of two runs (its intervals and its permutation test, matching excluded). Ground-truth
boxes make one prediction a person; a detector's make up to 20 an image. Target: below 10 for the
intervals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fidip.metrics import Experiment, compare_experiments, evaluate_keypoints, match_keypoints

IMAGES, ROUNDS = 500, 1000
CASES = {"ground-truth boxes": 1, "20 detections an image": 20}


def make_truth(rng: np.random.Generator) -> dict[str, Any]:
    """One person an image, medium or large."""
    images = [{"id": i, "width": 220, "height": 220, "file_name": str(i)} for i in range(IMAGES)]
    people = [
        {
            "id": i + 1, "image_id": i, "category_id": 1, "iscrowd": 0, "bbox": [10, 10, 200, 200],
            "area": float(rng.choice([3000, 20000])), "num_keypoints": 17,
            "keypoints": np.insert(rng.uniform(20, 200, (17, 2)), 2, 2, axis=1).ravel().tolist(),
        }
        for i in range(IMAGES)
    ]  # fmt: skip
    return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def make_results(
    rng: np.random.Generator, truth: dict[str, Any], found: int
) -> list[dict[str, Any]]:
    """Every person found so many times, with errors of up to 25 px."""
    return [
        {
            "image_id": person["image_id"],
            "category_id": 1,
            "keypoints": (person["keypoints"] + rng.normal(0, rng.uniform(0, 25), 51)).tolist(),
            "score": rng.uniform(),
        }
        for person in truth["annotations"]
        for _ in range(found)
    ]


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    rng = np.random.default_rng(0)
    truth = make_truth(rng)
    print(f"seconds, {ROUNDS} rounds on {IMAGES} images")
    print(f"{'':<24}{'intervals':>12}{'comparison':>12}")
    for name, found in CASES.items():
        results = [make_results(rng, truth, found) for _ in range(2)]
        once = seconds(lambda: evaluate_keypoints(truth, results[0]))  # noqa: B023
        intervals = seconds(lambda: evaluate_keypoints(truth, results[0], ROUNDS)) - once  # noqa: B023
        matches = [match_keypoints(truth, r) for r in results]

        def compare_runs() -> None:
            runs = [Experiment.of([one], ROUNDS) for one in matches]  # noqa: B023
            compare_experiments(runs[0], runs[1], ROUNDS)

        print(f"{name:<24}{intervals:12.1f}{seconds(compare_runs):12.1f}", flush=True)
    print("target: intervals below 10")


if __name__ == "__main__":
    main()
