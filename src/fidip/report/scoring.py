"""What train and evaluate do with predictions: score, print, and write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.errors import CheckpointError
from fidip.core.types import People, Poses
from fidip.io.json import write_json
from fidip.io.run_directory import RunDirectory
from fidip.io.terminal import print_parts, text_table
from fidip.metrics import (
    Calibration,
    evaluate_poses,
    to_coco_results,
)
from fidip.report.diagnosis_tables import diagnosis
from fidip.report.formatting import show_interval, show_number
from fidip.report.results import Results

GROUND_TRUTH = "ground truth"
DECIMALS = 4
"""Of the coordinates in ``predictions.json``."""


def score_poses(
    poses: Poses, people: People, calibration: Calibration | None = None
) -> dict[str, Any]:
    """Scores of poses in the boxes of labelled people."""
    return {
        "box_source": GROUND_TRUTH,
        **evaluate_poses(poses.rounded(), people, poses.index, calibration),
    }


def require_finite(poses: Poses, source: str | Path) -> Poses:
    """Check that a network predicts numbers.

    Raises:
        CheckpointError: coordinates or scores are NaN or infinite.
    """
    odd = ~(np.isfinite(poses.xy).all((1, 2)) & np.isfinite(poses.scores).all(1))
    if odd.any():
        raise CheckpointError(
            f"{source}: the network predicts NaN or infinity for {odd.sum()} of {len(poses)} people; "
            "expected finite numbers. Its training may have diverged: take weights of an earlier epoch"
        )
    return poses


def score_results(
    poses: Poses, people: People, boxes: str, source: str = "predictions"
) -> dict[str, Any]:
    """Scores of people that a detector found; ``source`` names them in messages."""
    return {"box_source": boxes, **evaluate_poses(poses, people, source=source)}


def results_of(scores: Mapping[str, Any], settings: Mapping[str, Any], **facts: Any) -> Results:
    """Return the results of a run.

    Args:
        scores: what ``score_poses`` or ``score_results`` return.
        settings: of the run; its name, group and seed are taken.
        facts: further fields of ``Results``.
    """
    about = {"experiment": settings["name"], "group": settings["group"], "seed": settings["seed"]}
    return Results.from_json({**about, **facts, **scores})


def write_results(run: RunDirectory, results: Results, poses: Poses | None) -> None:
    """Write, of poses, ``predictions.json``, then ``results.json``; print the table.

    A run that has ``results.json`` is finished, so whatever else it leaves is written before.
    """
    if poses is not None:
        write_json(run.predictions, to_coco_results(poses, decimals=DECIMALS))
    write_json(run.results, results.to_json())
    print_table(results.to_json())


def print_table(scores: dict[str, Any]) -> None:
    """COCO's ten numbers with their intervals, under what they depend on; then what explains them."""
    leaked = scores.get("leaked_images")
    print(
        f"{_predicted(scores)}, {scores['box_source']} boxes, OKS by {scores['area_source']}"
        + (f", LEAKAGE: trained on {leaked} of the images" if leaked else "")
    )
    intervals = scores["intervals"]
    rows = [
        [name, show_number(value), show_interval(intervals.get(name), "")]
        for name, value in scores["metrics"].items()
    ]
    if "second_annotator" in scores:
        second = scores["second_annotator"]
        name = f"AP, second annotator ({second['images']} of {scores['images']} images)"
        rows.append([name, show_number(second["AP"]), show_interval(second["interval"], "")])
    table = text_table(("", "value", "95 % interval over images"), rows)
    print_parts(table, *diagnosis(scores), width=80)


def _predicted(scores: dict[str, Any]) -> str:
    """How many people the numbers rest on, which a smoke test makes few."""
    people = f"{scores['matched']} of {scores['instances']} people"
    if scores["box_source"] != GROUND_TRUTH:
        return f"{people} found by {scores['predictions']} predictions"
    missed = " (the others count as missed)" if scores["matched"] < scores["instances"] else ""
    return f"{people} predicted{missed}"
