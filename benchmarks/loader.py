"""Overhead of the dataset over reading and warping an image: ``python benchmarks/loader.py``.

Samples per second of one process for complete training samples at 288x384 (crop, joints, affine),
compared with ``cv2.imread`` and ``cv2.warpAffine`` of the same images to the same crops. Both take
turns on every image, so that other work on the machine affects both. Target: a ratio of at least
0.8 without appearance transforms.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import cv2
import hydra
import numpy as np

from fidip.cli import config_dir
from fidip.core.people import Annotation
from fidip.core.samples import SampleKey
from fidip.data import Augmentation, PoseDataset

INPUT_WH = (288, 384)
SIZES_WH = ((320, 240), (640, 480), (1280, 960))
IMAGES, ROUNDS = 20, 8


def make_people(folder: Path, image_wh: tuple[int, int]) -> list[Annotation]:
    """Write JPEG images that take about as long to decode as photographs; return their people."""
    width, height = image_wh
    rng = np.random.default_rng(0)
    people = []
    for number in range(IMAGES):
        path = folder / f"{width}_{number}.jpg"
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, image_wh, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(path), cv2.add(image, rng.integers(0, 12, image.shape, dtype=np.uint8)))
        xy = rng.uniform([0.2 * width, 0.2 * height], [0.8 * width, 0.8 * height], (17, 2))
        box = np.array([0.15, 0.15, 0.7, 0.7]) * [width, height, width, height]
        keypoints = np.column_stack([xy, np.full(17, 2.0)])
        people.append(Annotation(number, number, path, image_wh, box, 1.0, keypoints, True))
    return people


def demo_augmentation() -> Augmentation:
    """Return the augmentation of the demo, with its appearance transforms."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = hydra.compose("data/demo")
    augmentation: Augmentation = hydra.utils.instantiate(config.data.augment, _convert_="all")
    return augmentation


def bare(dataset: PoseDataset, key: SampleKey) -> Callable[[], object]:
    """Return a function that only reads and warps the image, with a precomputed affine."""
    affine = cv2.invertAffineTransform(dataset[key].crop_to_image)
    path = str(dataset.annotations[key.index].image_path)
    return lambda: cv2.warpAffine(cv2.imread(path), affine, INPUT_WH, flags=cv2.INTER_LINEAR)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(people: list[Annotation]) -> dict[str, float]:
    """Return the samples per second of each variant."""
    plain = PoseDataset(people, INPUT_WH, Augmentation())
    coloured = PoseDataset(people, INPUT_WH, demo_augmentation())
    spent: dict[str, list[float]] = {"bare": [], "item": [], "with appearance": []}
    for epoch in range(ROUNDS):
        for index in range(len(people)):
            key = SampleKey(index, epoch)
            spent["bare"].append(seconds(bare(plain, key)))
            spent["item"].append(seconds(lambda key=key: plain[key]))
            spent["with appearance"].append(seconds(lambda key=key: coloured[key]))
    return {name: 1 / median(times) for name, times in spent.items()}


def main() -> None:
    cv2.setNumThreads(0)
    print(f"samples/s of one worker at {INPUT_WH[0]}x{INPUT_WH[1]}")
    print(f"{'image':<10}{'bare':>8}{'item':>8}{'ratio':>8}{'with appearance':>18}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for image_wh in SIZES_WH:
            rates = measure(make_people(Path(folder), image_wh))
            bare_rate, item, coloured = rates.values()
            print(
                f"{image_wh[0]}x{image_wh[1]:<6}{bare_rate:8.0f}{item:8.0f}{item / bare_rate:8.2f}"
                f"{coloured:18.0f}{coloured / bare_rate:8.2f}"
            )
    print("target: a ratio of at least 0.8 without appearance transforms")


if __name__ == "__main__":
    main()
