"""Poses as people: which of them are one person, and which person is the infant.

Infants have large heads. The head's girth is 0.61 (12 months) to 0.69 (birth) of their length (WHO Child
Growth Standards 2006 and 2007) and a third of an adult's (Gordon et al., 2012 Anthropometric Survey of
U.S. Army Personnel, 2014). Leg to torso, which differs as well, says nothing in a picture: foreshortening
changes it by more than age does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_convert, box_iou

from fidip.core.arrays import Floats
from fidip.core.skeleton import FACE
from fidip.core.types import Poses, keypoint_boxes
from fidip.metrics.oks import prediction_oks

LIMBS = (
    (5, 6, 0.259), (5, 11, 0.288), (6, 12, 0.288), (5, 7, 0.186), (6, 8, 0.186), (7, 9, 0.146),
    (8, 10, 0.146), (11, 13, 0.245), (12, 14, 0.245), (13, 15, 0.246), (14, 16, 0.246),
)  # fmt: skip
"""Two joints and their distance in an adult, relative to stature (Drillis and Contini 1966, in Winter,
Biomechanics and Motor Control of Human Movement, 2009)."""

ADULT_GIRTH, INFANT_GIRTH = 0.335, 0.645
"""Head circumference relative to stature: of adults, and at 6 months."""
BREADTH = 0.27
"""Breadth of a head, about from ear to ear, relative to its circumference."""
SPREAD = 0.35
"""Standard deviation of the logarithm of a head's relative size, as a picture shows it."""
UNSEEN = 0.3
"""Infant probability where the head is not visible, lower than that of a visibly large head."""
SURE = 0.5
"""Joints with less than this fraction of the highest confidence are not measured."""

SAME_OKS, SAME_BOX = 0.5, 0.35
"""OKS and box overlap above which two poses are of the same person."""


Preference = Callable[[Poses], Floats]
"""Returns (N,) weights from 0 to 1; the confidence of a pose is multiplied by its weight."""


def infancy(poses: Poses) -> Floats:
    """Return the (N,) probabilities that poses are an infant's, by the size of their heads.

    The size of a head is the extent of the face's keypoints. It is compared with the stature that an
    adult with the longest of the person's limbs would have: foreshortening makes limbs shorter,
    never longer. ``UNSEEN`` where the head or all limbs are uncertain.
    """
    return np.array([_infancy(xy, s) for xy, s in zip(poses.xy, poses.scores, strict=True)])


def _infancy(xy: Floats, scores: NDArray[np.float32]) -> float:
    sure = scores >= SURE * scores.max()
    face = [_length(xy, a, b) for a, b in combinations(FACE, 2) if sure[a] and sure[b]]
    body = [_length(xy, a, b) / share for a, b, share in LIMBS if sure[a] and sure[b]]
    if not face or not body:
        return UNSEEN
    # Quantiles, not the longest: a single misplaced joint would decide.
    head, stature = np.quantile(face, 0.9), max(np.quantile(body, 0.8), 1e-9)
    middle = BREADTH * math.sqrt(ADULT_GIRTH * INFANT_GIRTH)
    steepness = math.log(INFANT_GIRTH / ADULT_GIRTH) / SPREAD**2
    return float(1 / (1 + (head / stature / middle + 1e-9) ** -steepness))


def anyone(poses: Poses) -> Floats:
    """Return weight 1 for everyone."""
    return np.ones(len(poses))


PREFERENCES: dict[str, Preference] = {"infant": infancy, "surest": anyone}


def without_uncertain(poses: Poses, lost: float) -> Poses:
    """Return the poses with boxes of their keypoints; all is unknown where confidence is below ``lost``."""
    sure = poses.confidence >= lost
    return replace(
        poses,
        xy=np.where(sure[:, None, None], poses.xy, np.nan),
        scores=np.where(sure[:, None], poses.scores, np.float32(0)),
        boxes_xywh=np.where(sure[:, None], keypoint_boxes(poses.xy), np.nan),
    )


def similarity(poses: Poses, other: Poses) -> Floats:
    """Return the (N,) OKS of poses with another (one row), relative to the mean area of both boxes."""
    areas = keypoint_boxes(poses.xy)[:, 2:].prod(axis=1)
    area = (areas + keypoint_boxes(other.xy)[:, 2:].prod()) / 2
    return prediction_oks(other.xy[0], poses.xy, area)


def one_per_person(poses: Poses) -> Poses:
    """Return the most confident pose of each person, most confident first.

    Poses that confuse head and feet have a low OKS and share a box, so the overlap of boxes counts
    as well.
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
    boxes = box_convert(torch.from_numpy(np.stack([box, other])), "xywh", "xyxy")
    return float(box_iou(boxes[:1], boxes[1:]))


def _length(xy: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(xy[a] - xy[b]))
