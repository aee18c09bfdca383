"""Measure how far apart appearances are: pixel statistics, and the accuracy of a linear classifier.

``python experiments/003-appearances/table.py experiments/003-appearances`` writes statistics.csv
and accuracy.csv and prints them.
"""

from __future__ import annotations

import csv
import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from fidip.cli import config_dir
from fidip.synth import render_person
from fidip.synth.body.body_model import default_body

APPEARANCES = ("clean", "varied", "home", "clinic", "night", "far", "wild")
SIZE_WH, IMAGES, FOLDS, RIDGE = (128, 128), 160, 5, 1.0
COLUMNS = (
    "brightness",
    "contrast",
    "saturation",
    "edges",
    "fine noise",
    "joints hidden, %",
    "joints outside, %",
    "person, % of image",
)


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Statistics (N, 8) and classifier features (N, F) of infants in an appearance, after JPEG."""
    appearance = instantiate(OmegaConf.load(Path(config_dir()) / "appearance" / f"{name}.yaml"))
    statistics, features = [], []
    for number in range(IMAGES):
        rng = np.random.default_rng([11, APPEARANCES.index(name), number])
        picture = render_person(default_body(), "infant", appearance, SIZE_WH, rng)
        jpeg = cv2.imencode(".jpg", picture.image[..., ::-1], [1, picture.quality])[1]
        image = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
        v = picture.keypoints[:, 2]
        person = 100 * picture.area / (SIZE_WH[0] * SIZE_WH[1])
        statistics.append([*pixels(image), 100 * (v == 1).mean(), 100 * (v == 0).mean(), person])
        features.append(described(image))
    return np.array(statistics), np.array(features)


def pixels(image: np.ndarray) -> list[float]:
    """Return pixel statistics, 0 to 255.

    They are mean and deviation of grey, mean saturation, mean gradient, and the deviation of a fine
    high pass.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)) / 8
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1)
    noise = 1.4826 * np.median(np.abs(fine))
    spread = np.ptp(image, axis=2).mean()
    return [grey.mean(), grey.std(), spread, gradient.mean(), noise]


def described(image: np.ndarray) -> np.ndarray:
    """Return (F,) log energies of 24 bands of grey, colour histograms, and pixel statistics."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spectrum = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    y, x = np.meshgrid(*(np.fft.fftfreq(n) for n in grey.shape), indexing="ij")
    band = np.minimum((np.hypot(x, y) * 48).astype(int), 23)
    energy = np.log1p(np.bincount(band.ravel(), spectrum.ravel(), 24) / np.bincount(band.ravel()))
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    colors = [np.sqrt(np.histogram(hsv[..., c], 8, (0, 256))[0] / grey.size) for c in range(3)]
    return np.concatenate([energy, *colors, pixels(image)])


def accuracy(a: np.ndarray, b: np.ndarray) -> float:
    """Share that a logistic regression gets right, mean over folds it was not fitted on."""
    x = np.concatenate([a, b])
    y = np.repeat([0.0, 1.0], [len(a), len(b)])
    fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
    right = [
        ((predict(x[fold != f], y[fold != f], x[fold == f]) > 0) == y[fold == f])
        for f in range(FOLDS)
    ]
    return float(np.concatenate(right).mean())


def predict(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Scores of new rows by ridge logistic regression on standardised features."""
    mean, deviation = x.mean(0), x.std(0) + 1e-9
    rows, target = torch.tensor((x - mean) / deviation), torch.tensor(y)
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200)

    def loss():
        optimizer.zero_grad()
        scores = rows @ weights[:-1] + weights[-1]
        value = torch.nn.functional.binary_cross_entropy_with_logits(scores, target)
        value = value + RIDGE * (weights[:-1] ** 2).sum() / len(x)
        value.backward()
        return value

    optimizer.step(loss)
    fitted = weights.detach().numpy()
    return (new - mean) / deviation @ fitted[:-1] + fitted[-1]


def write(file: Path, header: list[str], rows: list[list[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    for row in [header, ["---"] * len(header), *rows]:
        print("| " + " | ".join(map(str, row)) + " |")
    print()


def main(out: Path) -> None:
    made = {name: samples(name) for name in APPEARANCES}
    rows = [[name, *(f"{v:.1f}" for v in made[name][0].mean(0))] for name in APPEARANCES]
    write(out / "statistics.csv", ["look", *COLUMNS], rows)
    table = {pair: accuracy(*(made[n][1] for n in pair)) for pair in combinations(APPEARANCES, 2)}
    control = {n: accuracy(made[n][1][::2], made[n][1][1::2]) for n in APPEARANCES}
    cells = [
        [a, *(f"{table.get((a, b), table.get((b, a), control[a])):.2f}" for b in APPEARANCES)]
        for a in APPEARANCES
    ]
    write(out / "accuracy.csv", ["look", *APPEARANCES], cells)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
