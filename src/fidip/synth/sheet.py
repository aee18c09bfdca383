"""A contact sheet of a generated split: images with their labels drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.skeleton import COCO17

_SIDE_BGR = {"left": (80, 200, 60), "right": (60, 80, 235), "middle": (230, 190, 60)}
_COLUMNS = 8


def contact_sheet(root: Path, split: str, out: Path, count: int = 48, tile: int = 224) -> None:
    """Draw images spread evenly over a split; hidden joints are hollow. Left is green, right is red."""
    content = json.loads((root / "annotations" / f"person_keypoints_{split}.json").read_text())
    pairs = list(zip(content["images"], content["annotations"], strict=True))
    chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, min(count, len(pairs))).astype(int)]
    tiles = [
        _tile(root / "images" / split / i["file_name"], a["keypoints"], tile) for i, a in chosen
    ]
    blank = np.full((tile, tile, 3), 255, np.uint8)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack(rows))


def _tile(path: Path, flat: list[float], size: int) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None
    keypoints = np.array(flat).reshape(-1, 3)
    zoom = size / max(image.shape[:2])
    canvas = np.full((size, size, 3), 255, np.uint8)
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    canvas[: small.shape[0], : small.shape[1]] = small
    xy = np.rint((keypoints[:, :2] + 0.5) * zoom - 0.5).astype(int).tolist()
    for a, b in COCO17.limbs:
        if keypoints[a, 2] and keypoints[b, 2]:
            cv2.line(canvas, xy[a], xy[b], _color(a, b), 1, cv2.LINE_AA)
    for joint, point in enumerate(xy):
        if keypoints[joint, 2]:
            seen = keypoints[joint, 2] == 2
            cv2.circle(canvas, point, 3, _color(joint, joint), -1 if seen else 1, cv2.LINE_AA)
    return canvas


def _color(a: int, b: int) -> tuple[int, int, int]:
    sides = {COCO17.joints[j].split("_")[0] for j in (a, b)} & {"left", "right"}
    return _SIDE_BGR[sides.pop() if len(sides) == 1 else "middle"]
