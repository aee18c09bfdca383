"""Predictions drawn on their images."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.drawing import draw_pose, sheet, spread
from fidip.report.runs import Run
from fidip.types import Annotation, Poses

SURE = 0.1
"""Key points with a lower score are not drawn."""


def contact_sheet(
    poses: Poses, people: Sequence[Annotation], count: int = 12, tile: int = 224, columns: int = 4
) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: evenly chosen predictions on their images, shrunk to squares of ``tile`` px."""
    tiles = []
    for row in spread(len(poses), count):
        image = cv2.imread(str(people[poses.index[row]].image_path), cv2.IMREAD_COLOR_RGB)
        assert image is not None  # it was there to predict on
        tiles.append(draw_pose(image.astype(np.uint8), poses.xy[row], poses.scores[row] > SURE))
    return sheet(tiles, tile, columns)


def side_by_side(runs: list[Run], count: int = 6) -> list[dict[str, Any]]:
    """The same test images for every run: rows of (label, JPEG data URI), ground truth first.

    Args:
        runs: tested on the same images.
        count: of images.

    Returns:
        No rows where there are no runs, or the images are no longer where they saw them.
    """
    if not runs or not runs[0].test_json.is_file():
        return []
    truth = json.loads(runs[0].test_json.read_text(encoding="utf-8"))
    people = {a["image_id"]: a for a in truth["annotations"]}
    predictions = [_best_by_image(run) for run in runs]
    chosen = [truth["images"][i] for i in spread(len(truth["images"]), count)]
    rows = []
    for record in chosen:
        image = cv2.imread(str(runs[0].test_images / record["file_name"]), cv2.IMREAD_COLOR_RGB)
        if image is None or record["id"] not in people:
            continue
        entries = [("labelled", people[record["id"]]["keypoints"], 0.0)]
        entries += [
            (f"{run.experiment}, seed {run.results['seed']}", best[record["id"]], SURE)
            for run, best in zip(runs, predictions, strict=True)
            if record["id"] in best
        ]
        rows.append(
            {"name": record["file_name"], "cells": [_cell(image, *entry) for entry in entries]}
        )
    return rows


def _best_by_image(run: Run) -> dict[int, list[float]]:
    entries = json.loads((run.root / "predictions.json").read_text(encoding="utf-8"))
    return {e["image_id"]: e["keypoints"] for e in sorted(entries, key=lambda e: e["score"])}


def _cell(
    image: NDArray[np.uint8], label: str, flat: list[float], threshold: float
) -> dict[str, str]:
    keypoints = np.array(flat).reshape(-1, 3)
    drawn = draw_pose(image, keypoints[:, :2], keypoints[:, 2] > threshold)
    ok, jpeg = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert ok
    return {
        "label": label,
        "uri": "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode(),
    }
