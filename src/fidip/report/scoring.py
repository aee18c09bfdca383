"""Scoring and writing of predictions, for ``fidip train`` and ``fidip evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.io.json import write_json
from fidip.io.run_directory import RunDirectory
from fidip.metrics import Calibration, Results, evaluate_poses, to_coco_results

DECIMALS = 4
"""Decimals of coordinates in ``predictions.json``."""


def score_poses(poses: Poses, people: People, calibration: Calibration | None = None) -> Results:
    """Score poses that were predicted in the boxes of labelled people.

    Args:
        poses: the poses, in image px.
        people: the labelled people.
        calibration: calibration of the scores, if there is one.
    """
    return evaluate_poses(poses.rounded(), people, poses.index, calibration)


def score_results(poses: Poses, people: People, boxes: str, source: str = "predictions") -> Results:
    """Score poses of people that a detector found.

    Args:
        poses: the poses, in image px.
        people: the labelled people.
        boxes: source of the boxes.
        source: name of the poses in messages.
    """
    return replace(evaluate_poses(poses, people, source=source), box_source=boxes)


def results_of(scores: Results, settings: Mapping[str, Any], **facts: Any) -> Results:
    """Return the results of a run.

    Args:
        scores: return value of ``score_poses`` or ``score_results``.
        settings: settings of the run, for its name, group and seed.
        facts: further fields of ``Results``.
    """
    about = {"experiment": settings["name"], "group": settings["group"], "seed": settings["seed"]}
    return replace(scores, **about, **facts)


def write_results(run: RunDirectory, results: Results, poses: Poses | None) -> None:
    """Write ``predictions.json`` if there are poses, then ``results.json``.

    A run with ``results.json`` is finished, so all other files are written before.

    Args:
        run: the run directory.
        results: the results.
        poses: the poses, in image px; None to write no predictions.
    """
    if poses is not None:
        write_json(run.predictions, to_coco_results(poses, decimals=DECIMALS))
    write_json(run.results, results.to_json())
