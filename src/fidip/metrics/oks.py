"""Object key point similarity, and what follows from it for predictions that overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Ints
from fidip.core.skeleton import COCO17, Skeleton
from fidip.core.types import Annotation, Poses


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


def oks_nms(
    poses: Poses, scores: Floats, areas: Floats, threshold: float = 0.9
) -> NDArray[np.int64]:
    """Return the rows that remain when poses like a better scored one of their image are left out.

    Args:
        poses: N poses.
        scores: (N,) the better of two stays; of two equals the later, as in the official code.
        areas: (N,) px² to which the similarity is relative (the official code takes the crop's).
        threshold: similarity above which two poses are the same person.

    Returns:
        Row numbers by image id and, within an image, in the order of being taken: the best pose first,
        of two equals the later. COCO's evaluation keeps this order among equal scores, which decides
        which of them is matched first.
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
    """Return the rows of the best poses of each image, when being like a better one costs score.

    Whenever a pose is taken, the scores of those left fall by exp(-similarity² / threshold)
    (Bodla et al., Soft-NMS, ICCV 2017). As in the official code the lower scores decide only which
    poses are taken: no score changes for the evaluation, so up to ``limit`` poses all stay.

    Args:
        poses, scores, areas: as for ``oks_nms``.
        threshold: the larger, the less similarity costs.
        limit: poses that an image keeps; COCO's evaluation looks at 20.

    Returns:
        Row numbers by image id and, within an image, in the order of being taken: the best pose first,
        of two equals the later. COCO's evaluation keeps this order among equal scores, which decides
        which of them is matched first.
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


def _rows_of_images(poses: Poses) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(poses.image_ids == image) for image in np.unique(poses.image_ids)]


def _best_first(scores: Floats) -> NDArray[np.int64]:
    order: NDArray[np.int64] = np.argsort(scores, kind="stable")[::-1]
    return order


def _similarity(poses: Poses, areas: Floats, one: np.int64, others: Ints) -> Floats:
    return prediction_oks(poses.xy[one], poses.xy[others], (areas[one] + areas[others]) / 2)


def prediction_oks(xy: Floats, others: Floats, areas: Floats) -> Floats:
    """Return the OKS between a predicted pose and other predicted poses, over all joints.

    Args:
        xy: (K, 2) keypoints in px.
        others: (M, K, 2) keypoints in px.
        areas: (M,) area in px² for each pair, such as the mean of the two people's areas.

    Returns:
        (M,) values from 0 to 1.

    Example:
        >>> pose = np.zeros((17, 2))
        >>> prediction_oks(pose, np.stack([pose, pose + 1e6]), np.full(2, 100.0))
        array([1., 0.])
    """
    labelled = np.concatenate([xy, np.ones((len(xy), 1))], -1)
    similarity: Floats = oks_per_joint(others, labelled[None], areas).mean(1)
    return similarity


def labels(annotations: Sequence[Annotation]) -> tuple[Floats, Floats, Floats]:
    """(N, K, 3) key points, (N,) areas and (N, 4) boxes of annotations."""
    return (
        np.stack([a.keypoints for a in annotations]),
        np.array([a.area for a in annotations]),
        np.stack([a.box_xywh for a in annotations]),
    )
