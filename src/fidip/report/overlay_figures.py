"""Predictions drawn on images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import DataError, shown
from fidip.core.people import Annotation
from fidip.core.poses import Poses
from fidip.io.coco import read_results
from fidip.io.drawing import draw_pose, sheet, spread
from fidip.io.images import decode_rgb
from fidip.io.run_directory import RunDirectory
from fidip.report.html_templates import image_uri
from fidip.report.runs import Run

log = logging.getLogger(__name__)
LEAST_DRAWN = 0.1
"""Keypoints with a lower score are not drawn."""


def prediction_sheet(
    poses: Poses, people: Sequence[Annotation], count: int = 12, tile: int = 224, columns: int = 4
) -> NDArray[np.uint8]:
    """Draw evenly spaced predictions on their images and arrange them in a grid.

    Args:
        poses: the predictions, in image px.
        people: the people that the predictions belong to.
        count: number of predictions.
        tile: side of a square tile in px.
        columns: tiles per row.

    Returns:
        (H, W, 3) uint8 RGB image. The tiles of images that cannot be read are white.
    """
    tiles, missing = [], []
    for row in spread(len(poses), count):
        path = people[poses.index[row]].image_path
        image = _read_image(path)
        if image is None:
            missing.append(path)
            tiles.append(np.full((tile, tile, 3), 255, np.uint8))
        else:
            tiles.append(draw_pose(image, poses.xy[row], poses.scores[row] > LEAST_DRAWN))
    if missing:
        log.warning(
            "%d of %d images to draw predictions on cannot be read (the first: %s); their tiles "
            "are white",
            *(len(missing), len(tiles), shown(missing[0])),
        )
    return sheet(tiles, tile, columns)


def side_by_side(
    runs: list[Run], people: Sequence[Annotation], count: int = 6
) -> list[dict[str, Any]]:
    """Draw the predictions of all runs on the same test images.

    Args:
        runs: runs that were tested on the same images.
        people: the labelled people in these images.
        count: number of images.

    Returns:
        One row per image with labels and JPEG data URIs, ground truth first; empty if there are no
        runs, or no image can be read.
    """
    labelled = list({person.image_id: person for person in people}.values())
    predictions = [_best_by_image(run) for run in runs]
    rows = []
    for person in [labelled[i] for i in spread(len(labelled), count)] if runs else []:
        image = _read_image(person.image_path)
        if image is None:
            continue
        entries = [("labelled", person.keypoints, 0.0)]
        entries += [
            (f"{run.experiment}, seed {run.results.seed}", best[person.image_id], LEAST_DRAWN)
            for run, best in zip(runs, predictions, strict=True)
            if person.image_id in best
        ]
        name = person.image_path.name
        rows.append({"name": name, "cells": [_cell(image, *entry) for entry in entries]})
    return rows


def _read_image(path: Path) -> NDArray[np.uint8] | None:
    """Return the (H, W, 3) RGB image; None if the file is missing or not an image."""
    try:
        return decode_rgb(path.read_bytes(), path)
    except (OSError, DataError, cv2.error):
        return None


def _best_by_image(run: Run) -> dict[int, NDArray[np.float64]]:
    entries = read_results(RunDirectory(run.root).predictions)
    return {
        e["image_id"]: np.array(e["keypoints"]).reshape(-1, 3)
        for e in sorted(entries, key=lambda e: e["score"])
    }


def _cell(
    image: NDArray[np.uint8], label: str, keypoints: NDArray[np.float64], threshold: float
) -> dict[str, str]:
    drawn = draw_pose(image, keypoints[:, :2], keypoints[:, 2] > threshold)
    return {"label": label, "uri": image_uri(drawn)}
