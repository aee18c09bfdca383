"""How good poses are: COCO AP, OKS, PCK, intervals."""

from fidip.metrics.coco import annotations_to_coco, area_source, to_coco_results
from fidip.metrics.evaluation import describe_poses, score_poses
from fidip.metrics.keypoint_ap import (
    NAMES,
    Evaluation,
    Interval,
    Matches,
    by_name,
    evaluate_keypoints,
    match_keypoints,
)
from fidip.metrics.oks import oks_nms, oks_per_joint, pck, pose_scores, soft_oks_nms
from fidip.metrics.significance import Difference, Experiment, compare_experiments

__all__ = [
    "NAMES",
    "Difference",
    "Evaluation",
    "Experiment",
    "Interval",
    "Matches",
    "annotations_to_coco",
    "area_source",
    "by_name",
    "compare_experiments",
    "describe_poses",
    "evaluate_keypoints",
    "match_keypoints",
    "oks_nms",
    "oks_per_joint",
    "pck",
    "pose_scores",
    "score_poses",
    "soft_oks_nms",
    "to_coco_results",
]
