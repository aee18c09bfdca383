"""Agreement of predictions in several views of the same people, without labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.skeleton import COCO17, Skeleton
from fidip.metrics.oks import oks_per_joint


def view_agreement(xy: Floats, area: Floats, skeleton: Skeleton = COCO17) -> Floats:
    """Return the mean similarity of the keypoints in all pairs of views.

    The similarity is that of OKS, with one of the two views in place of the labels. It needs no
    labels, so it can choose between networks on unlabelled images. Wrong predictions can agree,
    too: a network that always predicts the mean pose does in views that differ little.

    Args:
        xy: (V, N, K, 2) keypoints of N people in at least two views, mapped back to the same px.
        area: (N,) areas of the people in px².
        skeleton: skeleton with the sigmas of the joints.

    Returns:
        (N,) agreement from 0 to 1.

    Example:
        >>> first = np.full((1, 17, 2), 10.0)
        >>> view_agreement(np.stack([first, first, first + 3.0]), np.array([1e4])).round(3)
        array([0.935])
    """
    seen = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    pairs = combinations(range(len(xy)), 2)
    each = [oks_per_joint(xy[a], seen[b], area, skeleton).mean(axis=1) for a, b in pairs]
    agreement: Floats = np.mean(each, axis=0)
    return agreement
