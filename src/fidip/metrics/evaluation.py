"""Everything that is said of a set of predicted poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fidip.metrics.coco import annotations_to_coco, area_source, to_coco_results
from fidip.metrics.keypoint_ap import evaluate_keypoints
from fidip.metrics.oks import labels, oks_per_joint, pck
from fidip.skeleton import COCO17
from fidip.types import Annotation, Poses

PCK_SHARES = (0.05, 0.1, 0.2)
ROUNDS = 1000


def score_poses(poses: Poses, annotations: Sequence[Annotation]) -> dict[str, float]:
    """``val/AP`` and mean ``val/OKS`` of poses in ground-truth boxes; quick enough for every epoch."""
    evaluation = evaluate_keypoints(annotations_to_coco(annotations), to_coco_results(poses))
    truth = [annotations[i] for i in poses.index]
    keypoints, area, _ = labels(truth)
    return {
        "val/AP": evaluation.metrics["AP"] or 0.0,
        "val/OKS": float(np.nanmean(oks_per_joint(poses.xy, keypoints, area))),
    }


def describe_poses(poses: Poses, annotations: Sequence[Annotation]) -> dict[str, Any]:
    """The content of ``results.json`` that follows from poses in ground-truth boxes.

    The ten numbers with intervals over images, and OKS and PCK (relative to the longer side of the box) by
    joint and over all labelled joints.
    """
    evaluation = evaluate_keypoints(
        annotations_to_coco(annotations), to_coco_results(poses), rounds=ROUNDS
    )
    keypoints, area, boxes = labels([annotations[i] for i in poses.index])
    similarity, labelled = oks_per_joint(poses.xy, keypoints, area), keypoints[..., 2] > 0
    correct = {share: pck(poses.xy, keypoints, boxes, share) for share in PCK_SHARES}
    return {
        "area_source": area_source(annotations),
        "images": len({a.image_id for a in annotations}),
        "instances": len(annotations),
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
        "oks": float(np.nanmean(similarity)),
        "pck": {f"pck@{share}": float(right[labelled].mean()) for share, right in correct.items()},
        "per_joint": {
            joint: {
                "count": int(labelled[:, k].sum()),
                "oks": _mean(similarity[labelled[:, k], k]),
                **{f"pck@{s}": _mean(right[labelled[:, k], k]) for s, right in correct.items()},
            }
            for k, joint in enumerate(COCO17.joints)
        },
    }


def _mean(values: np.ndarray[Any, Any]) -> float | None:
    return float(values.mean()) if len(values) else None
