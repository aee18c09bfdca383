"""Cost of intervals and comparisons: ``python benchmarks/bootstrap.py``.

CPU seconds on one core for 1,000 rounds on 500 images: the intervals of the ten metrics of one run,
and the comparison of two runs (intervals and permutation test, without matching). Ground-truth
boxes give one prediction per person, a detector up to 20 per image. Target: less than 10 s for the
intervals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fidip.core.people import Annotation, People
from fidip.core.poses import Poses
from fidip.metrics import Experiment, compare_experiments, evaluate_keypoints, match_keypoints

IMAGES, ROUNDS = 500, 1000
CASES = {"ground-truth boxes": 1, "20 detections an image": 20}


def make_people(rng: np.random.Generator) -> People:
    """Return one person per image, medium or large."""
    return People.without_others(
        [
            Annotation(
                id=i + 1,
                image_id=i,
                image_path=Path(f"{i}.jpg"),
                image_wh=(220, 220),
                box_xywh=np.array([10.0, 10.0, 200.0, 200.0]),
                area=float(rng.choice([3000, 20000])),
                keypoints=np.insert(rng.uniform(20, 200, (17, 2)), 2, 2, axis=1),
            )
            for i in range(IMAGES)
        ]
    )


def make_poses(rng: np.random.Generator, people: People, found: int) -> Poses:
    """Return ``found`` predictions per person, with errors of up to 25 px."""
    index = np.repeat(np.arange(len(people)), found)
    xy = np.stack([person.keypoints[:, :2] for person in people])[index]
    error = rng.normal(0, rng.uniform(0, 25, (len(index), 1, 1)), xy.shape)
    scores = np.ones(xy.shape[:2], np.float32)
    ranks = rng.uniform(size=len(index))
    return Poses.of_keypoints(xy + error, scores, image_ids=index, box_scores=ranks)


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    rng = np.random.default_rng(0)
    people = make_people(rng)
    print(f"seconds, {ROUNDS} rounds on {IMAGES} images")
    print(f"{'':<24}{'intervals':>12}{'comparison':>12}")
    for name, found in CASES.items():
        results = [make_poses(rng, people, found) for _ in range(2)]
        once = seconds(lambda: evaluate_keypoints(people, results[0]))  # noqa: B023
        intervals = seconds(lambda: evaluate_keypoints(people, results[0], ROUNDS)) - once  # noqa: B023
        matches = [match_keypoints(people, r) for r in results]

        def compare_runs() -> None:
            runs = [Experiment.of([one], ROUNDS) for one in matches]  # noqa: B023
            compare_experiments(runs[0], runs[1], ROUNDS)

        print(f"{name:<24}{intervals:12.1f}{seconds(compare_runs):12.1f}", flush=True)
    print("target: intervals below 10")


if __name__ == "__main__":
    main()
