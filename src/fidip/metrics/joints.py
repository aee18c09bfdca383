"""How well each joint is found: its average precision, and its error relative to the torso."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fidip.metrics.coco import annotations_to_coco
from fidip.metrics.keypoint_ap import Number, average_precisions
from fidip.metrics.oks import Floats
from fidip.skeleton import COCO17
from fidip.types import Annotation

SHOULDERS = [COCO17.joints.index(f"{side}_shoulder") for side in ("left", "right")]
HIPS = [COCO17.joints.index(f"{side}_hip") for side in ("left", "right")]


def joint_ap(results: Sequence[dict[str, Any]], people: Sequence[Annotation]) -> dict[str, Number]:
    """COCO's AP with an OKS of one joint only, by joint; None where nobody has it labelled.

    As COCO-WholeBody (Jin et al., ECCV 2020) evaluates feet, face and hands: the mean over the thresholds
    0.5, 0.55, ..., 0.95 of the average precision of people whose similarity is that of this joint, ranked by
    the score of the person. Who has the joint unlabelled is ignored, and so are the predictions in their box.
    """
    truth = annotations_to_coco(people)
    flat = [person["keypoints"] for person in truth["annotations"]]
    keypoints = np.array(flat, dtype=np.float64).reshape(-1, len(COCO17), 3)
    alone = (np.where(row[:, None], keypoints, 0) for row in np.eye(len(COCO17), dtype=bool))
    return dict(zip(COCO17.joints, average_precisions(truth, results, alone), strict=True))


def torsos(keypoints: Floats) -> Floats:
    """(N, 2) vectors from mid-shoulder to mid-hip of (N, K, 3) labelled key points, in image px.

    NaN where one of the four joints is unlabelled.
    """
    ends = [keypoints[:, pair, :2].mean(1) for pair in (SHOULDERS, HIPS)]
    labelled = (keypoints[:, SHOULDERS + HIPS, 2] > 0).all(axis=1, keepdims=True)
    return np.where(labelled, ends[1] - ends[0], np.nan)


def torso_errors(xy: Floats, keypoints: Floats) -> Floats:
    """(N, K) distances of predicted and labelled key points in lengths of the person's torso.

    The torso reaches from mid-shoulder to mid-hip in the image, so one that is seen from its end is short.
    NaN where the joint or one of the torso's four is unlabelled, or the torso has no length.
    """
    length = np.linalg.norm(torsos(keypoints), axis=-1, keepdims=True)
    length = np.where(length > 0, length, np.nan)
    error = np.linalg.norm(xy - keypoints[..., :2], axis=-1) / length
    return np.where(keypoints[..., 2] > 0, error, np.nan)
