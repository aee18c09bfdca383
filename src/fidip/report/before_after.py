"""Predictions before and after training, side by side on the same frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fidip.core.arrays import Floats, Image, Ints
from fidip.core.people import Annotation
from fidip.io.drawing import draw_pose, fit_tile, sheet
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes
from fidip.report.overlay_figures import LEAST_DRAWN

TILE, PAIRS, COLUMNS = 224, 12, 6
"""Side of a tile in px, pairs of a picture, and tiles per row."""
MARGIN = 0.2
"""Margin around the box of a person, as a fraction of its longer side."""


def most_changed(before: Floats, after: Floats, people: Sequence[Annotation], count: int) -> Ints:
    """Return the people whose keypoints changed most, relative to the size of their box.

    Args:
        before: (N, K, 3) x, y and confidence in image px.
        after: the same after training.
        people: the N people.
        count: maximum number of people.

    Returns:
        Their numbers, the largest change first.
    """
    sizes = np.array([max(person.box_xywh[2:]) for person in people])
    moved = np.linalg.norm(after[..., :2] - before[..., :2], axis=-1).mean(axis=1)
    return np.argsort(-moved / sizes, kind="stable")[:count]


def random_sample(total: int, count: int, seed: int) -> Ints:
    """Return random numbers below ``total`` in ascending order, without repeats.

    Args:
        total: number of people.
        count: maximum number of people.
        seed: seed of the draw.

    Example:
        >>> len(random_sample(5, 3, seed=0)), random_sample(2, 3, seed=0).tolist()
        (3, [0, 1])
    """
    return np.sort(np.random.default_rng(seed).permutation(total)[:count])


def before_after_sheet(
    before: Floats, after: Floats, people: Sequence[Annotation], rows: Sequence[int] | Ints
) -> Image:
    """Draw predictions before training on the left and after it on the right of each pair.

    Args:
        before: (N, K, 3) x, y and confidence in image px.
        after: the same after training.
        people: the N people that the predictions belong to.
        rows: the people to draw.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: an image cannot be read.
    """
    tiles = [_tile(people[row], predicted[row]) for row in rows for predicted in (before, after)]
    return sheet(tiles, TILE, COLUMNS)


def _tile(person: Annotation, keypoints: Floats) -> Image:
    """Return the surroundings of a person with a skeleton."""
    image = decode_rgb(read_bytes(person.image_path), person.image_path)
    margin = MARGIN * max(person.box_xywh[2:])
    low = np.clip(person.box_xywh[:2] - margin, 0, None).astype(int)
    high = np.ceil(person.box_xywh[:2] + person.box_xywh[2:] + margin).astype(int)
    crop = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    zoomed = fit_tile(crop, TILE)
    zoom = TILE / max(crop.shape[:2])
    return draw_pose(zoomed, (keypoints[:, :2] - low) * zoom, keypoints[:, 2] > LEAST_DRAWN)
