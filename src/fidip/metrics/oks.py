"""Object keypoint similarity (OKS), PCK, and non-maximum suppression by OKS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Ints
from fidip.core.people import Annotation
from fidip.core.poses import Poses, pose_scores
from fidip.core.skeleton import COCO17, Skeleton


def oks_per_joint(
    xy: Floats, keypoints: Floats, area: Floats, skeleton: Skeleton = COCO17
) -> Floats:
    """Return the similarity of predicted and labelled joints.

    The similarity is exp(-d² / (2 s² k²)) with d the distance, s² the labelled area, and k twice
    the sigma of the joint (Ronchi and Perona, ICCV 2017; COCO keypoint evaluation). It is 0 for a
    joint that is not predicted.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.
        area: (N,) labelled areas in px².
        skeleton: skeleton with the sigmas of the joints.

    Returns:
        (N, K) values from 0 to 1, NaN where unlabelled.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> oks_per_joint(keypoints[..., :2] + 3.0, keypoints, np.array([1e4]))[0, :3].round(3)
        array([0.717, 0.698, 0.698])
    """
    squared = ((xy - keypoints[..., :2]) ** 2).sum(-1)
    variance = (2 * np.array(skeleton.sigmas)) ** 2
    similarity = np.exp(-squared / variance / (area[:, None] + np.spacing(1)) / 2)
    predicted = np.where(np.isfinite(xy).all(axis=-1), similarity, 0.0)
    return np.where(keypoints[..., 2] > 0, predicted, np.nan)


def instance_oks(xy: Floats, people: Sequence[Annotation]) -> Floats:
    """Return the OKS of each person, the mean similarity over labelled joints.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown, or (K, 2) to compare one
            pose with all people.
        people: N labelled people.

    Returns:
        (N,) values from 0 to 1.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> instance_oks(keypoints[None, :, :2] + 3.0, [person]).round(3)
        array([0.903])
    """
    keypoints, area, _ = label_arrays(people)
    oks: Floats = np.nanmean(oks_per_joint(xy, keypoints, area), axis=1)
    return oks


def pck(xy: Floats, keypoints: Floats, boxes_xywh: Floats, fraction: float) -> NDArray[np.bool_]:
    """Return whether the error is at most a fraction of the longer side of the labelled box.

    Yang and Ramanan, Articulated Human Detection with Flexible Mixtures of Parts, TPAMI 2013.

    Args:
        xy: (N, K, 2) predicted keypoints in image px.
        keypoints: (N, K, 3) labelled keypoints in image px.
        boxes_xywh: (N, 4) labelled boxes in image px.
        fraction: threshold relative to the longer side of the box.

    Returns:
        (N, K) bool, meaningless where unlabelled.

    Example:
        >>> keypoints = np.full((1, 2, 3), 2.0)
        >>> boxes = np.array([[0.0, 0.0, 50.0, 100.0]])
        >>> pck(keypoints[..., :2] + [[0.0, 9.0], [0.0, 11.0]], keypoints, boxes, 0.1)
        array([[ True, False]])
    """
    error = np.linalg.norm(xy - keypoints[..., :2], axis=-1)
    correct: NDArray[np.bool_] = error <= fraction * boxes_xywh[:, 2:].max(1)[:, None]
    return correct


def oks_nms(
    poses: Poses, scores: Floats, areas: Floats, threshold: float = 0.9
) -> NDArray[np.int64]:
    """Suppress poses that are similar to a better one in the same image.

    Args:
        poses: N poses.
        scores: (N,) scores; among equal scores the later pose is kept, as in HRNet's code.
        areas: (N,) px² to which the similarity is relative (HRNet's code uses the area of the
            crop).
        threshold: similarity above which two poses are the same person.

    Returns:
        Kept row numbers by image id and, within an image, by decreasing score. COCO evaluation
        keeps this order among equal scores, which decides which of them is matched first.

    Example:
        >>> xy = np.stack([np.zeros((17, 2)), np.ones((17, 2)), np.full((17, 2), 500.0)])
        >>> poses = Poses.of_keypoints(xy, np.ones((3, 17), np.float32))
        >>> oks_nms(poses, np.array([0.8, 0.9, 0.7]), np.full(3, 1e4))
        array([1, 2])
    """
    kept: list[int] = []
    for rows in _rows_of_images(poses):
        order = rows[_best_first(scores[rows])]
        while len(order):
            best, order = order[0], order[1:]
            kept.append(int(best))
            order = order[_similarity(poses, areas, best, order) <= threshold]
    return np.array(kept, dtype=np.int64)


def soft_oks_nms(
    poses: Poses, scores: Floats, areas: Floats, threshold: float = 0.9, limit: int = 20
) -> NDArray[np.int64]:
    """Return the best poses of each image, with scores reduced by similarity to better ones.

    When a pose is selected, the scores of the remaining poses are multiplied by
    exp(-similarity² / threshold) (Bodla et al., Soft-NMS, ICCV 2017). As in HRNet's code, the
    reduced scores decide only which poses are selected and in which order. Evaluation uses the
    original scores, so up to ``limit`` poses are all kept.

    Args:
        poses: N poses.
        scores: (N,) scores; among equal scores the later pose comes first, as in HRNet's code.
        areas: (N,) px² to which the similarity is relative.
        threshold: larger values reduce the scores less.
        limit: maximum number of poses per image; COCO evaluation uses 20.

    Returns:
        Row numbers by image id and, within an image, in the order of selection. COCO evaluation
        keeps this order among equal scores, which decides which of them is matched first.

    Example:
        >>> xy = np.stack([np.zeros((17, 2)), np.ones((17, 2)), np.full((17, 2), 500.0)])
        >>> poses = Poses.of_keypoints(xy, np.ones((3, 17), np.float32))
        >>> soft_oks_nms(poses, np.array([0.8, 0.9, 0.7]), np.full(3, 1e4))
        array([1, 2, 0])
    """
    kept: list[int] = []
    for rows in _rows_of_images(poses):
        order = rows[_best_first(scores[rows])]
        left = scores[order]
        for _ in range(min(limit, len(rows))):
            best, order = order[0], order[1:]
            kept.append(int(best))
            left = left[1:] * np.exp(-(_similarity(poses, areas, best, order) ** 2) / threshold)
            again = _best_first(left)
            order, left = order[again], left[again]
    return np.array(kept, dtype=np.int64)


NMS = {"hard": oks_nms, "soft": soft_oks_nms}
"""Kinds of non-maximum suppression."""


def without_duplicates(
    poses: Poses, areas: Floats, kind: str = "hard", threshold: float = 0.9
) -> Poses:
    """Remove poses that duplicate a better one, by ``pose_scores``.

    Args:
        poses: N poses.
        areas: (N,) px² to which the similarity is relative.
        kind: a key of ``NMS``.
        threshold: threshold of this kind.

    Returns:
        The remaining poses, in the order of the suppression.

    Example:
        >>> poses = Poses.of_keypoints(np.zeros((2, 17, 2)), np.ones((2, 17), np.float32))
        >>> without_duplicates(poses, np.full(2, 1e4)).index
        array([1])
    """
    return poses[NMS[kind](poses, pose_scores(poses), areas, threshold)]


def _rows_of_images(poses: Poses) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(poses.image_ids == image) for image in np.unique(poses.image_ids)]


def _best_first(scores: Floats) -> NDArray[np.int64]:
    order: NDArray[np.int64] = np.argsort(scores, kind="stable")[::-1]
    return order


def _similarity(poses: Poses, areas: Floats, one: np.int64, others: Ints) -> Floats:
    return prediction_oks(poses.xy[one], poses.xy[others], (areas[one] + areas[others]) / 2)


def prediction_oks(xy: Floats, others: Floats, areas: Floats) -> Floats:
    """Return the OKS between a predicted pose and other predicted poses.

    Neither of them is the truth, so it is the mean over the joints that are known in both.

    Args:
        xy: (K, 2) keypoints in px, NaN where unknown.
        others: (M, K, 2) keypoints in px, NaN where unknown.
        areas: (M,) area in px² for each pair, such as the mean of the two people's areas.

    Returns:
        (M,) values from 0 to 1, 0 for poses without a common joint.

    Example:
        >>> pose = np.zeros((17, 2))
        >>> prediction_oks(pose, np.stack([pose, pose + 1e6]), np.full(2, 100.0))
        array([1., 0.])
    """
    labelled = np.concatenate([xy, np.ones((len(xy), 1))], -1)
    both = np.isfinite(xy).all(axis=-1) & np.isfinite(others).all(axis=-1)
    similarity = np.where(both, oks_per_joint(others, labelled[None], areas), 0.0).sum(axis=1)
    return np.asarray(similarity / np.maximum(both.sum(axis=1), 1))


def label_arrays(annotations: Sequence[Annotation]) -> tuple[Floats, Floats, Floats]:
    """Return the labels of people as arrays.

    Args:
        annotations: N labelled people.

    Returns:
        (N, K, 3) keypoints in image px, (N,) areas in px², and (N, 4) boxes xywh in image px.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> [array.shape for array in label_arrays([person])]
        [(1, 17, 3), (1,), (1, 4)]
    """
    if not annotations:
        return np.zeros((0, len(COCO17), 3)), np.zeros(0), np.zeros((0, 4))
    return (
        np.stack([a.keypoints for a in annotations]),
        np.array([a.area for a in annotations]),
        np.stack([a.box_xywh for a in annotations]),
    )
