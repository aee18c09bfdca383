"""Which prediction is of whom, where boxes do not tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats
from fidip.core.types import Annotation
from fidip.metrics.oks import instance_oks

UNMATCHED = -1


def match_people(
    xy: Floats,
    image_ids: NDArray[np.int64],
    scores: Floats,
    people: Sequence[Annotation],
    threshold: float = 0.1,
) -> NDArray[np.int64]:
    """(N,) position in ``people`` of the person that each prediction is of; -1 for nobody.

    Image by image, in order of falling score, a prediction takes whom it is most like of those not taken
    yet, if the OKS is at least the threshold (0.1 in Ronchi and Perona 2017).

    Args:
        xy: (N, K, 2) predicted key points in image px.
        image_ids: (N,) their images.
        scores: (N,) their scores.
        people: the labelled people, in any order.
        threshold: OKS below which a prediction is of nobody.
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
