"""Object key point similarity, and what follows from it for predictions that overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.skeleton import COCO17, Skeleton
from fidip.types import Annotation, Poses

Floats = NDArray[np.float64]


def oks_per_joint(
    xy: Floats, keypoints: Floats, area: Floats, skeleton: Skeleton = COCO17
) -> Floats:
    """(N, K) similarity of predicted (N, K, 2) and labelled (N, K, 3) key points; NaN where unlabelled.

    exp(-d^2 / (2 s^2 k^2)) with s^2 the labelled area (N,) and k twice the joint's sigma (Ronchi and
    Perona 2017; the COCO key point evaluation). All in image px.
    """
    squared = ((xy - keypoints[..., :2]) ** 2).sum(-1)
    variance = (2 * np.array(skeleton.sigmas)) ** 2
    similarity = np.exp(-squared / variance / (area[:, None] + np.spacing(1)) / 2)
    return np.where(keypoints[..., 2] > 0, similarity, np.nan)


def instance_oks(xy: Floats, people: Sequence[Annotation]) -> Floats:
    """(N,) OKS of key points (N, K, 2), or of (K, 2) with each person: the mean over labelled joints."""
    keypoints, area, _ = labels(people)
    oks: Floats = np.nanmean(oks_per_joint(xy, keypoints, area), axis=1)
    return oks


def pck(xy: Floats, keypoints: Floats, boxes_xywh: Floats, share: float) -> NDArray[np.bool_]:
    """(N, K) True where the error is below a share of the longer side of the labelled box.

    Yang and Ramanan 2013. Meaningless where unlabelled.
    """
    error = np.linalg.norm(xy - keypoints[..., :2], axis=-1)
    correct: NDArray[np.bool_] = error <= share * boxes_xywh[:, 2:].max(1)[:, None]
    return correct


def pose_scores(poses: Poses, threshold: float = 0.2) -> Floats:
    """(N,) box score times the mean score of the joints above a threshold; 0 where none is."""
    sure = poses.scores > threshold
    total = (poses.scores * sure).sum(1, dtype=np.float64)
    return poses.box_scores * total / np.maximum(sure.sum(1), 1)


def oks_nms(
    poses: Poses, scores: Floats, areas: Floats, threshold: float = 0.9
) -> NDArray[np.int64]:
    """Rows that remain when, image by image, poses like a better scored one are left out.

    Args:
        poses: N poses.
        scores: (N,) the better of two stays.
        areas: (N,) px² to which the similarity is relative (the official code takes the padded box).
        threshold: similarity above which two poses are the same person.

    Returns:
        Increasing row numbers.
    """
    kept: list[int] = []
    visible = np.ones((*poses.xy.shape[:2], 1))
    for image in np.unique(poses.image_ids):
        order = np.flatnonzero(poses.image_ids == image)
        order = order[np.argsort(-scores[order], kind="stable")]
        while len(order):
            best, order = order[0], order[1:]
            kept.append(int(best))
            labelled = np.concatenate([poses.xy[best], visible[best]], -1)[None].repeat(
                len(order), 0
            )
            mean_area = (areas[best] + areas[order]) / 2
            like = oks_per_joint(poses.xy[order], labelled, mean_area).mean(1)
            order = order[like <= threshold]
    return np.array(sorted(kept), dtype=np.int64)


def labels(annotations: Sequence[Annotation]) -> tuple[Floats, Floats, Floats]:
    """(N, K, 3) key points, (N,) areas and (N, 4) boxes of annotations."""
    return (
        np.stack([a.keypoints for a in annotations]),
        np.array([a.area for a in annotations]),
        np.stack([a.box_xywh for a in annotations]),
    )
