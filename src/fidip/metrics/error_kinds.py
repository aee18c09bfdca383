"""Kinds of error of single joints, after Ronchi and Perona.

"Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation", ICCV 2017, section 3.1. With ks the
similarity of a predicted joint to a labelled one (``oks_per_joint``), a labelled joint's prediction is

- good: ks to the true joint is at least 0.85, which is where people who label disagree, too;
- jitter: it is from 0.5 to below 0.85;

and where it is below 0.5, by the nearest (of highest ks) of the places it can be taken for, if its ks is at
least 0.5:

- inversion: the left or right twin of the joint in the same person;
- swap: the same joint or its twin in another labelled person of the image;
- miss: none of them.

The paper counts only left and right as inversions, and so do we: nose has no twin. Its authors' own program
lets a twin that is nearer win even where ks to the true joint is 0.5 or more; the paper, and we, do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation
from fidip.metrics.oks import labels, oks_per_joint

KINDS = ("good", "jitter", "inversion", "swap", "miss")
GOOD, NEAR = 0.85, 0.5
"""Similarities from which a joint is well placed, and from which it is near a place."""


def error_kinds(
    xy: Floats, index: NDArray[np.int64], people: Sequence[Annotation]
) -> NDArray[np.int64]:
    """(N, K) position in ``KINDS`` of every predicted joint; -1 where it is unlabelled.

    Args:
        xy: (N, K, 2) predicted key points in image px.
        index: (N,) whom of ``people`` each prediction is of.
        people: all labelled people of the images.
    """
    keypoints, area, _ = labels([people[i] for i in index])
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
    """(N, K) best similarity to the same joint or its twin in the image's other people; 0 for none."""
    in_image = defaultdict(list)
    for i, person in enumerate(people):
        in_image[person.image_id].append(i)
    best = np.zeros(xy.shape[:2])
    for row, i in enumerate(index):
        others = [j for j in in_image[people[i].image_id] if j != i]
        if others:
            keypoints, area, _ = labels([people[j] for j in others])
            both = np.concatenate([keypoints, keypoints[:, COCO17.flip_order]])
            similar = oks_per_joint(xy[row], both, np.tile(area, 2))
            best[row] = np.nan_to_num(similar).max(0)
    return best
