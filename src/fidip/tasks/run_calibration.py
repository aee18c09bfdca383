"""Calibration of the scores of a run, stored in its run directory."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities import rank_zero_only

from fidip.core.errors import RunError
from fidip.core.people import Annotation
from fidip.core.poses import Poses
from fidip.io.hashing import hash_files
from fidip.io.json import read_json, write_json
from fidip.io.record_fields import number
from fidip.io.records import RecordError
from fidip.io.run_directory import RunDirectory
from fidip.io.yaml import to_yaml
from fidip.metrics import Calibration, fit_calibration, instance_oks, pose_scores

log = logging.getLogger(__name__)


def fit_run(
    run: RunDirectory,
    weights: Path,
    task: Mapping[str, Any],
    poses: Poses,
    people: Sequence[Annotation],
) -> Calibration:
    """Fit the calibration to poses on validation images and write it to the run directory.

    Args:
        run: the run directory.
        weights: the weights that predicted the poses.
        task: settings of the task.
        poses: predictions for ``people``, in image px.
        people: the labelled people.

    Returns:
        The calibration.
    """
    fitted = fit_calibration(
        pose_scores(poses), instance_oks(poses.xy, [people[i] for i in poses.index])
    )
    rank_zero_only(write_json)(
        run.calibration,
        {
            "slope": fitted.slope,
            "bias": fitted.bias,
            "people": len(poses),
            "weights_sha256": hash_files([weights]),
            "task": to_yaml(task),
        },
    )
    return fitted


def read_run(run: RunDirectory, weights: Path, task: Mapping[str, Any]) -> Calibration | None:
    """Read the calibration of a run; None if it has none for these weights and settings.

    Args:
        run: the run directory.
        weights: the weights to calibrate.
        task: settings of the task.

    Raises:
        RunError: the file was not written by ``fit_run``.
    """
    if not run.calibration.is_file():
        return None
    record = read_json(run.calibration)
    try:
        if not isinstance(record, dict):
            raise RecordError("is no object, expected slope, bias, weights_sha256 and task")
        found = Calibration(number(record, "slope"), number(record, "bias"))
        of = (record.get("weights_sha256"), record.get("task"))
        if not all(isinstance(value, str) for value in of):
            raise RecordError("lacks the texts weights_sha256 and task")
    except RecordError as error:
        raise RunError(
            f"{run.calibration}: {error}; delete it, or write it again with calibrate=true"
        ) from error
    if of == (hash_files([weights]), to_yaml(task)):
        return found
    rank_zero_only(log.info)("%s is of other weights or settings: not used", run.calibration)
    return None
