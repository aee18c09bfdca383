"""How good poses are: COCO AP, OKS, PCK, intervals."""

from fidip.metrics.calibration import Calibration, fit_calibration, reliability
from fidip.metrics.coco import annotations_to_coco, area_source, to_coco_results
from fidip.metrics.errors import KINDS, error_kinds
from fidip.metrics.evaluation import describe_poses, describe_results, score_poses
from fidip.metrics.human import describe_second_labels
from fidip.metrics.keypoint_ap import (
    NAMES,
    Evaluation,
    Interval,
    by_name,
    evaluate_keypoints,
    match_keypoints,
)
from fidip.metrics.matches import Matches
from fidip.metrics.matching import match_people
from fidip.metrics.oks import (
    instance_oks,
    oks_nms,
    oks_per_joint,
    pck,
    pose_scores,
    soft_oks_nms,
)
from fidip.metrics.significance import Difference, Experiment, compare_experiments

__all__ = [
    "KINDS",
    "NAMES",
    "Calibration",
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
    "describe_results",
    "describe_second_labels",
    "error_kinds",
    "evaluate_keypoints",
    "fit_calibration",
    "instance_oks",
    "match_keypoints",
    "match_people",
    "oks_nms",
    "oks_per_joint",
    "pck",
    "pose_scores",
    "reliability",
    "score_poses",
    "soft_oks_nms",
    "to_coco_results",
]
