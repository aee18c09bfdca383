"""Skeletons drawn on images."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.report.runs import Run
from fidip.skeleton import COCO17
from fidip.types import Annotation, Poses

SIDES = {"left": (0, 158, 115), "right": (213, 94, 0), "middle": (0, 114, 178)}


def draw_pose(
    image: NDArray[np.uint8], xy: NDArray[np.float64], shown: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The (H, W, 3) RGB image with (K, 2) key points in image px drawn where ``shown`` (K,)."""
    out = image.copy()
    width = max(1, round(max(image.shape[:2]) / 130))
    points = np.rint(xy).astype(int).tolist()
    for a, b in COCO17.limbs:
        if shown[a] and shown[b]:
            cv2.line(out, points[a], points[b], _color(a, b), width, cv2.LINE_AA)
    for joint, point in enumerate(points):
        if shown[joint]:
            cv2.circle(out, point, width + 1, _color(joint, joint), -1, cv2.LINE_AA)
    return out


def _color(a: int, b: int) -> tuple[int, int, int]:
    sides = {COCO17.joints[j].split("_")[0] for j in (a, b)} & {"left", "right"}
    return SIDES[sides.pop() if len(sides) == 1 else "middle"]


def contact_sheet(
    poses: Poses, people: Sequence[Annotation], count: int = 12, tile: int = 224, columns: int = 4
) -> NDArray[np.uint8]:
    """(H, W, 3) RGB: evenly chosen predictions on their images, shrunk to squares of ``tile`` px."""
    rows = np.unique(np.linspace(0, len(poses) - 1, min(count, len(poses))).astype(int))
    tiles = [_tile(poses, row, people[poses.index[row]], tile) for row in rows]
    blank = np.full((tile, tile, 3), 255, dtype=np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(lines)


def _tile(poses: Poses, row: int, person: Annotation, tile: int) -> NDArray[np.uint8]:
    image = cv2.imread(str(person.image_path), cv2.IMREAD_COLOR_RGB)
    assert image is not None  # it was there to predict on
    drawn = draw_pose(image, poses.xy[row], poses.scores[row] > 0.1)
    scale = tile / max(image.shape[:2])
    shrunk = cv2.resize(drawn, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:tile, :tile]
    out = np.full((tile, tile, 3), 255, dtype=np.uint8)
    out[: shrunk.shape[0], : shrunk.shape[1]] = shrunk
    return out


def side_by_side(runs: list[Run], count: int = 6) -> list[dict[str, Any]]:
    """The same test images for every run: rows of (label, PNG data URI), ground truth first.

    Empty when the images are no longer where the runs saw them.
    """
    about = runs[0].environment
    truth_file, folder = Path(about.get("test_json", "")), Path(about.get("test_images", ""))
    if not truth_file.is_file():
        return []
    truth = json.loads(truth_file.read_text(encoding="utf-8"))
    people = {a["image_id"]: a for a in truth["annotations"]}
    predictions = [_best_by_image(run) for run in runs]
    chosen = [
        truth["images"][i] for i in np.linspace(0, len(truth["images"]) - 1, count).astype(int)
    ]
    rows = []
    for record in chosen:
        image = cv2.imread(str(folder / record["file_name"]), cv2.IMREAD_COLOR_RGB)
        if image is None or record["id"] not in people:
            continue
        entries = [("labelled", people[record["id"]]["keypoints"], 0.0)]
        entries += [
            (f"{run.experiment}, seed {run.results['seed']}", best[record["id"]], 0.1)
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
    ok, png = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert ok
    return {
        "label": label,
        "uri": "data:image/jpeg;base64," + base64.b64encode(png.tobytes()).decode(),
    }
