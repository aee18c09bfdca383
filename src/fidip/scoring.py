"""What train and evaluate do with predictions: score, print, and write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from fidip.data import PoseDataset
from fidip.data.augment import View
from fidip.errors import DataError
from fidip.metrics import (
    annotations_to_coco,
    area_source,
    describe_poses,
    evaluate_keypoints,
    oks_nms,
    pose_scores,
    soft_oks_nms,
    to_coco_results,
)
from fidip.run_folder import RunFolder, write_json
from fidip.types import Annotation, Poses

GROUND_TRUTH = "ground truth"
ROUNDS = 1000
NMS = {"hard": oks_nms, "soft": soft_oks_nms}


def score_poses(poses: Poses, people: Sequence[Annotation]) -> dict[str, Any]:
    """Scores of poses in the boxes of labelled people."""
    return {"box_source": GROUND_TRUTH, **describe_poses(poses, people)}


def score_results(
    results: list[dict[str, Any]], people: Sequence[Annotation], source: str
) -> dict[str, Any]:
    """Scores of COCO results, whatever boxes they come from."""
    evaluation = evaluate_keypoints(annotations_to_coco(people), results, rounds=ROUNDS)
    return {
        "box_source": source,
        "area_source": area_source(people),
        "images": len({a.image_id for a in people}),
        "instances": len(people),
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
    }


def suppress(poses: Poses, dataset: PoseDataset, kind: str, threshold: float) -> Poses:
    """Leave out the lesser of poses that are the same person found twice.

    Args:
        poses: what was predicted of ``dataset``.
        dataset: its crops' areas are what likeness is relative to, as in the official code.
        kind: a key of ``NMS``.
        threshold: of that kind.
    """
    width, height = dataset.input_wh
    views = (View.of_person(dataset.annotations[i], width / height) for i in poses.index)
    areas = np.array([view.width**2 * height / width for view in views])
    return poses[NMS[kind](poses, pose_scores(poses), areas, threshold)]


def read_results(path: Path) -> list[dict[str, Any]]:
    """A COCO key point results file: a list of image_id, category_id, keypoints and score.

    Raises:
        DataError: the file is missing or something else.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); give a results file") from error
    needed = {"image_id", "category_id", "keypoints", "score"}
    if not isinstance(results, list) or any(
        not isinstance(entry, dict) or not needed <= set(entry) for entry in results
    ):
        raise DataError(f"{path}: expected a list of objects with {', '.join(sorted(needed))}")
    return results


def write_scores(
    run: RunFolder, scores: dict[str, Any], poses: Poses | None, config: DictConfig, **facts: Any
) -> None:
    """Write ``results.json`` and, of poses, ``predictions.json``; print the table."""
    about = {"experiment": config.name, "group": config.group, "seed": config.seed}
    write_json(run.results, {**about, **facts, **scores})
    if poses is not None:
        write_json(run.predictions, to_coco_results(poses))
    print_table(scores)


def print_table(scores: dict[str, Any]) -> None:
    """COCO's ten numbers with their intervals, under what they depend on."""
    print(
        f"{scores['instances']} people, {scores['box_source']} boxes, "
        f"OKS by {scores['area_source']}"
        + (
            f", CONTAMINATED: trained on {n} of the images"
            if (n := scores.get("contaminated"))
            else ""
        )
    )
    table = Table("", "value", "95 % interval over images")
    for name, value in scores["metrics"].items():
        table.add_row(name, _number(value), _interval(scores["intervals"].get(name)))
    Console(width=80).print(table)


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _interval(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
