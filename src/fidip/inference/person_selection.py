"""Poses as people: which of them are one person, and which person is the infant.

Infants have large heads. The head's girth is 0.61 (12 months) to 0.69 (birth) of their length (WHO Child
Growth Standards 2006 and 2007) and a third of an adult's (Gordon et al., 2012 Anthropometric Survey of
U.S. Army Personnel, 2014). Leg to torso, which differs as well, says nothing in a picture: foreshortening
changes it by more than age does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_convert, box_iou

from fidip.core.arrays import Floats
from fidip.core.crop_window import CropWindow
from fidip.core.skeleton import FACE
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
"""How likely somebody is an infant whose head is not seen: less likely than whose head is seen to be large."""
SURE = 0.5
"""Joints less sure than so much of the surest one are not measured."""

SAME_OKS, SAME_BOX = 0.5, 0.35
"""Similarity of key points and overlap of boxes from which on two poses are one person's."""


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one image.

    Attributes:
        xy: (K, 2) key points in image px.
        scores: (K,) their confidences: heatmap maxima, clipped to 0..1.
        window: where they were found.
    """

    xy: Floats
    scores: NDArray[np.float32]
    window: CropWindow

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", self.scores.clip(0, 1))

    @property
    def score(self) -> float:
        """Mean confidence: what one pose is preferred to another by."""
        return float(self.scores.mean())

    def box_xywh(self) -> Floats:
        """(4,) the key points' box in image px."""
        corner = self.xy.min(axis=0)
        return np.concatenate([corner, self.xy.max(axis=0) - corner])


Preference = Callable[[Pose], float]
"""How much a person is wanted, 0 to 1; the confidence of its key points is multiplied by it."""


def infancy(pose: Pose) -> float:
    """How likely a pose is an infant's, 0 to 1, by the size of its head; ``UNSEEN`` without one.

    A head is as large as its face's points are apart. The body that it is compared with is as tall as
    an adult with the longest of its limbs would be: what is foreshortened is shorter, not longer.
    """
    sure = pose.scores >= SURE * pose.scores.max()
    face = [_length(pose.xy, a, b) for a, b in combinations(FACE, 2) if sure[a] and sure[b]]
    body = [_length(pose.xy, a, b) / share for a, b, share in LIMBS if sure[a] and sure[b]]
    if not face or not body:
        return UNSEEN
    # Not the very longest: a single misplaced joint would tell.
    head, stature = np.quantile(face, 0.9), max(np.quantile(body, 0.8), 1e-9)
    middle = BREADTH * math.sqrt(ADULT_GIRTH * INFANT_GIRTH)
    steepness = math.log(INFANT_GIRTH / ADULT_GIRTH) / SPREAD**2
    return float(1 / (1 + (head / stature / middle + 1e-9) ** -steepness))


def seen(pose: Pose, lost: float) -> tuple[Floats, NDArray[np.float32], Floats]:
    """Return keypoints, scores and box of a pose; unknown ones where its score is below ``lost``."""
    xy, scores, box_xywh = pose.xy, pose.scores, pose.box_xywh()
    if pose.score >= lost:
        return xy, scores, box_xywh
    return np.full_like(xy, np.nan), np.zeros_like(scores), np.full_like(box_xywh, np.nan)


def anyone(pose: Pose) -> float:
    """The same for everybody."""
    return 1.0


PREFERENCES: dict[str, Preference] = {"infant": infancy, "surest": anyone}


def likeness(pose: Pose, other: Pose) -> float:
    """How similar two poses are, 0 to 1: OKS, relative to the mean area of their boxes."""
    area = (pose.box_xywh()[2:].prod() + other.box_xywh()[2:].prod()) / 2
    return float(prediction_oks(pose.xy, other.xy[None], np.array([area]))[0])


def one_per_person(poses: Sequence[Pose]) -> list[Pose]:
    """The surest pose of each person, surest first.

    Poses that take head for feet are unlike one another and lie in one box, so that counts as well.
    """
    kept: list[Pose] = []
    for pose in sorted(poses, key=lambda pose: -pose.score):
        if not any(_same(pose, other) for other in kept):
            kept.append(pose)
    return kept


def _same(pose: Pose, other: Pose) -> bool:
    return likeness(pose, other) > SAME_OKS or _overlap(pose, other) > SAME_BOX


def _overlap(pose: Pose, other: Pose) -> float:
    """Intersection over union of two poses' boxes."""
    boxes = box_convert(
        torch.from_numpy(np.stack([pose.box_xywh(), other.box_xywh()])), "xywh", "xyxy"
    )
    return float(box_iou(boxes[:1], boxes[1:]))


def _length(xy: Floats, a: int, b: int) -> float:
    return float(np.linalg.norm(xy[a] - xy[b]))
