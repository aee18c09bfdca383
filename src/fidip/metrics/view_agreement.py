"""Agreement of predictions for the same people without labels, such as in several views."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from fidip.core.arrays import Floats
from fidip.core.skeleton import COCO17, Skeleton
from fidip.metrics.oks import oks_per_joint


def view_agreement(xy: Floats, area: Floats, skeleton: Skeleton = COCO17) -> Floats:
    """Return the mean similarity of the keypoints in all pairs of views, for each person.

    The similarity is that of OKS, with one of the two views in place of the labels. Wrong
    predictions can agree, too: to compare networks, use ``agreement_beyond_chance``.

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
    return _similarity(xy, xy, area, skeleton)


def agreement_beyond_chance(xy: Floats, area: Floats, skeleton: Skeleton = COCO17) -> float:
    """Return how much more two views of a person agree than views of two different people.

        (a - c) / (1 - c)

    with the mean similarity a between views of the same person, as ``view_agreement``, and c
    between views of different people. It needs no labels, so it can choose between networks on
    unlabelled images. A network that predicts the same pose for everybody has a = c.

    Source: Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological
    Measurement 1960, with OKS in place of equal categories.

    Args:
        xy: (V, N, K, 2) keypoints of N people in at least two views, mapped back to px of their
            crops, which have the same size.
        area: (N,) areas of the people in px² of the crops.
        skeleton: skeleton with the sigmas of the joints.

    Returns:
        Agreement: 1 for equal keypoints in all views, 0 where it is that of chance, below 0 where
        it is less. 0 also for a single person, and for equal keypoints of all people.

    Example:
        Two people in two views. The middle of each view, which is another place of the person:

        >>> views = np.array([10.0, 15.0])[:, None, None, None]
        >>> area = np.array([1e4, 2e4])
        >>> agreement_beyond_chance(np.broadcast_to(views, (2, 2, 17, 2)), area)
        0.0

        Keypoints that follow the people, with an error in the second view:

        >>> people = np.array([10.0, 40.0])[:, None, None]
        >>> error = np.array([0.0, 3.0])[:, None, None, None]
        >>> round(agreement_beyond_chance(people + np.tile(error, (1, 2, 17, 2)), area), 3)
        0.918
    """
    same = _similarity(xy, xy, area, skeleton).mean()
    others = (np.roll(xy, shift, axis=1) for shift in range(1, xy.shape[1]))
    different = [_similarity(xy, other, area, skeleton).mean() for other in others]
    chance = np.mean(different) if different else 1.0
    return float((same - chance) / (1 - chance)) if chance < 1 else 0.0


def _similarity(xy: Floats, others: Floats, area: Floats, skeleton: Skeleton) -> Floats:
    """Return the (N,) mean similarity of people in one view and others in another view."""
    seen = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    pairs = combinations(range(len(xy)), 2)
    each = [oks_per_joint(others[b], seen[a], area, skeleton).mean(axis=1) for a, b in pairs]
    similarity: Floats = np.mean(each, axis=0)
    return similarity
