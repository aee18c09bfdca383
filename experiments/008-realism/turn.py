"""Turn the images of a split, and their labels, by quarter turns, without loss.

``python experiments/008-realism/turn.py DATA SPLIT OUT`` turns each image so that the
head of its person points up. It omits images in which it does already, or in which its direction is
unknown.

``python experiments/008-realism/turn.py DATA SPLIT OUT 2`` turns all images by two quarters,
counter-clockwise.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fidip.data import read_annotations
from fidip.io.json import read_json
from fidip.io.run_directory import write_json
from fidip.metrics.slices import DIRECTIONS, properties


def image_folder(data: Path, split: str) -> Path:
    """Where the images of a split are, in SyRIP's layout or in COCO's."""
    folders = data / "images" / split, data / split
    return next(folder for folder in folders if folder.is_dir())


def quarters_to_upright(data: Path, split: str) -> dict[int, int]:
    """Counter-clockwise quarter turns by image id, where there is at least one."""
    file = data / "annotations" / f"person_keypoints_{split}.json"
    people = read_annotations(file, image_folder(data, split)).people
    rotations = properties(people)["rotation"]
    return {
        person.image_id: DIRECTIONS.index(rotation)
        for person, rotation in zip(people, rotations, strict=True)
        if rotation in DIRECTIONS[1:]
    }


def turned_points(points: np.ndarray, wh: tuple[int, int], turns: int) -> np.ndarray:
    """(K, 3) keypoints after counter-clockwise quarter turns of an image of size (w, h)."""
    x, y, v = points.T
    width, height = wh
    for _ in range(turns):
        x, y, width, height = y, width - 1 - x, height, width
    return np.stack([x * (v > 0), y * (v > 0), v], axis=1)


def turned_box(box: list[float], wh: tuple[int, int], turns: int) -> list[float]:
    """A box x, y, w, h after counter-clockwise quarter turns of an image of size (w, h)."""
    x, y, w, h = box
    width, height = wh
    for _ in range(turns):
        x, y, w, h, width, height = y, width - x - w, h, w, height, width
    return [x, y, w, h]


def turned_person(record: dict[str, Any], wh: tuple[int, int], turns: int) -> dict[str, Any]:
    """An annotation record after counter-clockwise quarter turns of an image of size (w, h)."""
    points = turned_points(np.reshape(record["keypoints"], (-1, 3)).astype(float), wh, turns)
    box = turned_box(record["bbox"], wh, turns)
    kept = {key: value for key, value in record.items() if key != "segmentation"}
    return {**kept, "bbox": box, "keypoints": points.ravel().tolist()}


def turn_split(data: Path, split: str, out: Path, turns: int | None = None) -> None:
    """Write a turned split; see the module."""
    content = read_json(data / "annotations" / f"person_keypoints_{split}.json")
    if turns is None:
        quarters = quarters_to_upright(data, split)
    else:
        quarters = {image["id"]: turns for image in content["images"]}
    images = [image for image in content["images"] if image["id"] in quarters]
    sizes = {image["id"]: (image["width"], image["height"]) for image in images}
    source, folder = image_folder(data, split), out / "images" / split
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        pixels = cv2.imread(str(source / image["file_name"]))
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters[image["id"]]))
        image["file_name"] = Path(image["file_name"]).stem + ".png"
        image["height"], image["width"] = pixels.shape[:2]
        cv2.imwrite(str(folder / image["file_name"]), pixels)
    people = [
        turned_person(record, sizes[record["image_id"]], quarters[record["image_id"]])
        for record in content["annotations"]
        if record["image_id"] in quarters
    ]
    (out / "annotations").mkdir(exist_ok=True)
    file = out / "annotations" / f"person_keypoints_{split}.json"
    write_json(file, {**content, "images": images, "annotations": people})
    print(f"{out}: {split}, {len(images)} images")


if __name__ == "__main__":
    root, name, target, *count = sys.argv[1:]
    turn_split(Path(root), name, Path(target), *map(int, count))
