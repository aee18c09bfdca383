"""Selection of people: which poses belong to one person, and which person is the infant.

Infants have large heads. The head circumference is 0.61 (12 months) to 0.69 (birth) of their length
(WHO Child Growth Standards 2006 and 2007), and a third of an adult's stature (Gordon et al., 2012
Anthropometric Survey of U.S. Army Personnel, 2014). The ratio of leg to torso length also differs,
but foreshortening changes it more than age does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask

from fidip.core.arrays import Floats
from fidip.core.poses import Poses, keypoint_boxes
from fidip.core.skeleton import FACE
from fidip.metrics.oks import prediction_oks

LIMBS = (
    (5, 6, 0.259), (5, 11, 0.288), (6, 12, 0.288), (5, 7, 0.186), (6, 8, 0.186), (7, 9, 0.146),
    (8, 10, 0.146), (11, 13, 0.245), (12, 14, 0.245), (13, 15, 0.246), (14, 16, 0.246),
)  # fmt: skip
"""Two joints and their distance in an adult, relative to stature.

From Drillis and Contini 1966, in Winter, Biomechanics and Motor Control of Human Movement, 2009.
"""

ADULT_GIRTH, INFANT_GIRTH = 0.335, 0.645
"""Head circumference relative to stature, of adults and of infants at 6 months."""
BREADTH = 0.27
"""Breadth of a head, approximately from ear to ear, relative to its circumference."""
SPREAD = 0.35
"""Standard deviation of the logarithm of the relative head size in images."""
UNSEEN = 0.3
"""Infant probability if the head is not visible, lower than that of a visibly large head."""
MEASURED = 0.5
"""Minimum confidence of measured joints, relative to the highest confidence of the person."""

SAME_OKS, SAME_BOX = 0.5, 0.35
"""OKS and box overlap above which two poses belong to the same person."""


Preference = Callable[[Poses], Floats]
"""Returns (N,) weights from 0 to 1, which are multiplied by the confidence of poses."""


def infancy(poses: Poses) -> Floats:
    """Return the probability that poses belong to an infant, from the size of the head.

    The size of the head is the extent of the face keypoints. It is compared with the stature of an
    adult with the longest limb of the person, because foreshortening makes limbs shorter but never
    longer.

    Args:
        poses: N poses.

    Returns:
        (N,) probabilities, ``UNSEEN`` where the head or all limbs are uncertain.
    """
    return np.array([_infancy(xy, s) for xy, s in zip(poses.xy, poses.scores, strict=True)])


def _infancy(xy: Floats, scores: NDArray[np.float32]) -> float:
    sure = scores >= MEASURED * scores.max()
    face = [_length(xy, a, b) for a, b in combinations(FACE, 2) if sure[a] and sure[b]]
    body = [_length(xy, a, b) / share for a, b, share in LIMBS if sure[a] and sure[b]]
    if not face or not body:
        return UNSEEN
    # Quantiles instead of maxima, which a single misplaced joint would determine.
    head, stature = np.quantile(face, 0.9), max(np.quantile(body, 0.8), 1e-9)
    middle = BREADTH * math.sqrt(ADULT_GIRTH * INFANT_GIRTH)
    steepness = math.log(INFANT_GIRTH / ADULT_GIRTH) / SPREAD**2
    return float(1 / (1 + (head / stature / middle + 1e-9) ** -steepness))


def anyone(poses: Poses) -> Floats:
    """Return equal weights for all people.

    Args:
        poses: N poses.

    Returns:
        (N,) ones.
    """
    return np.ones(len(poses))


PREFERENCES: dict[str, Preference] = {"infant": infancy, "surest": anyone}
"""Preferences by name."""


def without_uncertain(poses: Poses, lost: float) -> Poses:
    """Return poses with the boxes of their keypoints; uncertain poses become unknown.

    Args:
        poses: N poses.
        lost: minimum mean confidence of a pose; below it, all keypoints are unknown.

    Example:
        >>> poses = Poses.of_keypoints(np.ones((1, 17, 2)), np.full((1, 17), 0.1, np.float32))
        >>> without_uncertain(poses, lost=0.2).known.any()
        np.False_
    """
    sure = poses.confidence >= lost
    return replace(
        poses,
        xy=np.where(sure[:, None, None], poses.xy, np.nan),
        scores=np.where(sure[:, None], poses.scores, np.float32(0)),
        boxes_xywh=np.where(sure[:, None], keypoint_boxes(poses.xy), np.nan),
    )


def similarity(poses: Poses, other: Poses) -> Floats:
    """Return the OKS of poses with another pose, relative to the mean area of both boxes.

    Args:
        poses: N poses.
        other: one pose.

    Returns:
        (N,) values from 0 to 1.

    Example:
        >>> xy = np.random.default_rng(0).uniform(0, 100, (1, 17, 2))
        >>> pose = Poses.of_keypoints(xy, np.ones((1, 17), np.float32))
        >>> similarity(pose, pose)
        array([1.])
    """
    areas = keypoint_boxes(poses.xy)[:, 2:].prod(axis=1)
    area = (areas + keypoint_boxes(other.xy)[:, 2:].prod()) / 2
    return prediction_oks(other.xy[0], poses.xy, area)


def one_per_person(poses: Poses) -> Poses:
    """Return the most confident pose of each person, in order of decreasing confidence.

    Poses that confuse head and feet have a low OKS but share a box, so box overlap is used as well.

    Args:
        poses: N poses.

    Example:
        >>> xy = np.random.default_rng(0).uniform(0, 100, (1, 17, 2))
        >>> poses = Poses.of_keypoints(
        ...     np.concatenate([xy, xy + 1, xy + 500]), np.ones((3, 17), np.float32)
        ... )
        >>> one_per_person(poses).index
        array([0, 2])
    """
    poses = poses[np.argsort(-poses.confidence, kind="stable")]
    boxes = keypoint_boxes(poses.xy)
    kept: list[int] = []
    for row in range(len(poses)):
        alike = similarity(poses[np.array(kept, np.int64)], poses[row : row + 1]) > SAME_OKS
        if not (alike.any() or any(_overlap(boxes[row], boxes[k]) > SAME_BOX for k in kept)):
            kept.append(row)
    return poses[np.array(kept, np.int64)]


def _overlap(box: Floats, other: Floats) -> float:
    """Return the intersection over union of two boxes xywh."""
    return float(mask.iou(box[None], other[None], [0])[0, 0])


def _length(xy: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(xy[a] - xy[b]))
