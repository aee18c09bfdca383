"""Assignment of predictions to labelled people by OKS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.people import Annotation
from fidip.metrics.oks import instance_oks

UNMATCHED = -1
"""Index of predictions without a labelled person."""


def match_people(
    xy: Floats,
    image_ids: NDArray[np.int64],
    scores: Floats,
    people: Sequence[Annotation],
    threshold: float = 0.1,
) -> NDArray[np.int64]:
    """Assign each prediction to a labelled person.

    Greedy matching per image: in order of decreasing score, each prediction takes the unassigned
    person with the highest OKS, if that is at least the threshold (0.1 in Ronchi and Perona, ICCV
    2017).

    Args:
        xy: (N, K, 2) predicted keypoints in image px.
        image_ids: (N,) ids of their images.
        scores: (N,) scores of the predictions.
        people: labelled people, in any order.
        threshold: minimum OKS of a match.

    Returns:
        (N,) positions in ``people``, -1 for predictions without a match.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> xy = np.stack([keypoints[:, :2] + 500, keypoints[:, :2] + 1])
        >>> match_people(xy, np.array([1, 1]), np.array([0.9, 0.8]), [person])
        array([-1,  0])
    """
    free = defaultdict(list)
    for i, person in enumerate(people):
        free[person.image_id].append(i)
    index = np.full(len(xy), UNMATCHED)
    for row in np.argsort(-scores, kind="stable"):
        candidates = free[int(image_ids[row])]
        if candidates:
            similar = instance_oks(xy[row], [people[i] for i in candidates])
            best = int(similar.argmax())
            if similar[best] >= threshold:
                index[row] = candidates.pop(best)
    return index
