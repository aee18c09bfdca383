"""Metrics of predicted poses: COCO AP, OKS, PCK, PCKsh, mKS, calibration, bootstrap intervals."""

from fidip.core.poses import pose_scores
from fidip.io.coco import annotations_to_coco, area_source, to_coco_results
from fidip.metrics.annotator_agreement import describe_agreement
from fidip.metrics.assignment import match_people
from fidip.metrics.body_scale import BodyScaled, BodySums, body_scales, mks, pcksh
from fidip.metrics.calibration import Calibration, fit_calibration, reliability
from fidip.metrics.coco_bootstrap import Matches
from fidip.metrics.error_kinds import KINDS, error_kinds
from fidip.metrics.evaluation import body_sums, evaluate_poses, validation_scores
from fidip.metrics.keypoint_ap import (
    NAMES,
    Evaluation,
    Interval,
    by_name,
    evaluate_keypoints,
    match_keypoints,
)
from fidip.metrics.oks import (
    instance_oks,
    oks_nms,
    oks_per_joint,
    pck,
    soft_oks_nms,
    without_duplicates,
)
from fidip.metrics.results import GROUND_TRUTH, Results
from fidip.metrics.significance import Difference, Experiment, compare_experiments
from fidip.metrics.view_agreement import agreement_beyond_chance, view_agreement

__all__ = [
    "GROUND_TRUTH",
    "KINDS",
    "NAMES",
    "BodyScaled",
    "BodySums",
    "Calibration",
    "Difference",
    "Evaluation",
    "Experiment",
    "Interval",
    "Matches",
    "Results",
    "agreement_beyond_chance",
    "annotations_to_coco",
    "area_source",
    "body_scales",
    "body_sums",
    "by_name",
    "compare_experiments",
    "describe_agreement",
    "error_kinds",
    "evaluate_keypoints",
    "evaluate_poses",
    "fit_calibration",
    "instance_oks",
    "match_keypoints",
    "match_people",
    "mks",
    "oks_nms",
    "oks_per_joint",
    "pck",
    "pcksh",
    "pose_scores",
    "reliability",
    "soft_oks_nms",
    "to_coco_results",
    "validation_scores",
    "view_agreement",
    "without_duplicates",
]
