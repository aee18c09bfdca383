"""Kinds of joint errors, after Ronchi and Perona.

From "Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation", ICCV 2017, section 3.1.
With ks the similarity of a predicted and a labelled joint (``oks_per_joint``), a prediction is

- good: ks to the true joint is at least 0.85, about the agreement of human annotators;
- jitter: ks is at least 0.5 and below 0.85.

If ks to the true joint is below 0.5, the most similar other joint decides, if its ks is at least
0.5:

- inversion: the left or right counterpart of the joint in the same person;
- swap: the same joint or its counterpart in another labelled person of the image;
- miss: neither.

As in the paper, only left and right joints can be inverted, so the nose has no counterpart. The
authors' program also counts a more similar counterpart as an inversion if ks to the true joint is
0.5 or more; the paper and this module do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.people import Annotation
from fidip.core.skeleton import COCO17
from fidip.metrics.oks import label_arrays, oks_per_joint

KINDS = ("good", "jitter", "inversion", "swap", "miss")
"""Names of the kinds of errors."""
GOOD, NEAR = 0.85, 0.5
"""Minimum similarity of a good joint, and of any match."""


def error_kinds(
    xy: Floats, index: NDArray[np.int64], people: Sequence[Annotation]
) -> NDArray[np.int64]:
    """Classify the errors of predicted joints.

    Args:
        xy: (N, K, 2) predicted keypoints in image px.
        index: (N,) position in ``people`` of the person of each prediction.
        people: all labelled people of the images.

    Returns:
        (N, K) int64 positions in ``KINDS``, -1 for unlabelled joints.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> kinds = error_kinds(keypoints[None, COCO17.flip_order, :2], np.array([0]), [person])
        >>> [KINDS[kind] for kind in kinds[0, [0, 1]]]
        ['good', 'inversion']
    """
    keypoints, area, _ = label_arrays([people[i] for i in index])
    true = oks_per_joint(xy, keypoints, area)
    twin = oks_per_joint(xy, keypoints[:, COCO17.flip_order], area)
    swap = _similarity_to_others(xy, index, people)
    twin, swap = np.nan_to_num(twin), np.nan_to_num(swap)
    mistaken = np.where(
        np.maximum(twin, swap) < NEAR, "miss", np.where(twin >= swap, "inversion", "swap")
    )
    placed = np.where(true >= GOOD, "good", "jitter")
    names = np.where(true >= NEAR, placed, mistaken)
    codes = np.select([names == kind for kind in KINDS], range(len(KINDS)))
    return np.where(keypoints[..., 2] > 0, codes, -1)


def _similarity_to_others(
    xy: Floats, index: NDArray[np.int64], people: Sequence[Annotation]
) -> Floats:
    """Return the best similarity to the same joint or its counterpart in other people of the image.

    Returns:
        (N, K) values from 0 to 1, 0 without other people.
    """
    in_image = defaultdict(list)
    for i, person in enumerate(people):
        in_image[person.image_id].append(i)
    best = np.zeros(xy.shape[:2])
    for row, i in enumerate(index):
        others = [j for j in in_image[people[i].image_id] if j != i]
        if others:
            keypoints, area, _ = label_arrays([people[j] for j in others])
            both = np.concatenate([keypoints, keypoints[:, COCO17.flip_order]])
            similar = oks_per_joint(xy[row], both, np.tile(area, 2))
            best[row] = np.nan_to_num(similar).max(0)
    return best
