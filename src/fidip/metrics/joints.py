"""Per-joint accuracy: average precision, and error relative to the torso."""

from __future__ import annotations

import numpy as np
from pycocotools.cocoeval import Params

from fidip.core.arrays import Floats, Ints
from fidip.core.people import People, require_people
from fidip.core.poses import Poses, pose_scores
from fidip.core.skeleton import COCO17, HIPS, SHOULDERS
from fidip.metrics.coco_bootstrap import Area, match_joints
from fidip.metrics.keypoint_ap import Number
from fidip.metrics.oks import label_arrays, oks_per_joint

PARAMS = Params("keypoints")  # thresholds and limits of COCO evaluation


def joint_ap(poses: Poses, people: People) -> dict[str, Number]:
    """Compute the AP of each joint.

    As in COCO-WholeBody (Jin et al., ECCV 2020) for feet, face and hands: average precision of
    people with the similarity of one joint instead of OKS, ranked by the score of the person,
    averaged over the thresholds 0.5, 0.55, ..., 0.95. People without a label for the joint are
    ignored, and so are predictions in their box. The values equal those of pycocotools for each
    joint separately; the similarities are computed once for all joints. Unknown joints count as in
    ``evaluate_keypoints``.

    Args:
        poses: N predicted people, ranked by ``pose_scores``; keypoints are NaN where unknown.
        people: labelled people, with crowds and images without people.

    Returns:
        AP by joint name, None for joints that are labelled in no person.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from fidip.core.people import Annotation
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> round(joint_ap(poses, people)["nose"], 3)
        1.0
    """
    require_people(people)
    poses = poses.detected
    numbers = {id: i for i, id in enumerate(sorted(image.id for image in people.images))}
    persons = sorted((*people.labelled, *people.others), key=lambda p: numbers[p.image_id])
    keypoints, area, boxes = label_arrays(persons)
    crowd = np.array([person.is_crowd for person in persons], dtype=np.bool_)
    where = np.array([numbers[person.image_id] for person in persons], dtype=np.int64)
    ids = np.array([numbers[i] for i in poses.image_ids.tolist()], dtype=np.int64)
    xy, score, image = _best(poses.xy, pose_scores(poses), ids)

    # Pairs of each detection and all people of its image, in this order.
    first, last = np.searchsorted(where, image, "left"), np.searchsorted(where, image, "right")
    start = np.cumsum(last - first) - (last - first)
    one = np.repeat(np.arange(len(xy)), last - first)
    other = np.arange(len(one)) - np.repeat(start - first, last - first)
    alike = _similarity(xy[one], keypoints[other], area[other], boxes[other])

    ignored = (keypoints[..., 2] == 0) | crowd[:, None]
    hit, miss = match_joints(alike, start, first, last, ignored, crowd, PARAMS.iouThrs)
    order = np.argsort(-score, kind="stable")
    once = np.ones((1, len(numbers)), dtype=np.int64)
    ap: dict[str, Number] = {}
    for k, joint in enumerate(COCO17.joints):
        counted = np.bincount(where[~ignored[:, k]], minlength=len(numbers))
        hits, misses = hit[k][:, order], miss[k][:, order]
        matches = Area(image[order], score[order], hits, misses, counted, PARAMS.recThrs)
        ap[joint] = float(matches.accumulate(once)[0].mean()) if counted.any() else None
    return ap


def _similarity(xy: Floats, keypoints: Floats, area: Floats, boxes: Floats) -> Floats:
    """Return (N, K) similarities of N pairs; for unlabelled joints, the similarity to the box."""
    alike = oks_per_joint(xy, keypoints, area)
    return np.where(np.isnan(alike), _oks_around(xy, boxes, area)[:, None], alike)


def _best(xy: Floats, score: Floats, image: Ints) -> tuple[Floats, Floats, Ints]:
    """Return detections by image and decreasing score, limited per image as in COCO evaluation."""
    order = np.lexsort((-score, image))
    image = image[order]
    rank = np.arange(len(image)) - np.searchsorted(image, image)
    order = order[rank < PARAMS.maxDets[-1]]
    return xy[order], score[order], image[rank < PARAMS.maxDets[-1]]


def _oks_around(xy: Floats, boxes_xywh: Floats, area: Floats) -> Floats:
    """Return the COCO similarity of (P, K, 2) keypoints to people that have only a box.

    Distances are measured to the box, enlarged by its size on every side.

    Returns:
        (P,) similarities.
    """
    low = (boxes_xywh[:, :2] - boxes_xywh[:, 2:])[:, None]
    high = (boxes_xywh[:, :2] + 2 * boxes_xywh[:, 2:])[:, None]
    outside = np.maximum(0, low - xy) + np.maximum(0, xy - high)
    flags = np.ones((*xy.shape[:2], 1))
    nearest = np.concatenate([xy - outside, flags], axis=-1)
    similarity: Floats = oks_per_joint(xy, nearest, area).mean(axis=1)
    return similarity


def torsos(keypoints: Floats) -> Floats:
    """Return the torso vectors of people, from mid-shoulder to mid-hip.

    Args:
        keypoints: (N, K, 3) labelled keypoints in image px.

    Returns:
        (N, 2) vectors in image px, NaN where one of the four joints is unlabelled.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[0, HIPS, 1] = 50.0
        >>> torsos(keypoints)
        array([[ 0., 48.]])
    """
    ends = [keypoints[:, pair, :2].mean(1) for pair in (SHOULDERS, HIPS)]
    labelled = (keypoints[:, SHOULDERS + HIPS, 2] > 0).all(axis=1, keepdims=True)
    return np.where(labelled, ends[1] - ends[0], np.nan)


def torso_errors(xy: Floats, keypoints: Floats) -> Floats:
    """Return joint errors relative to the torso length of the person.

    The torso length is the distance from mid-shoulder to mid-hip in the image, so foreshortening
    reduces it.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.

    Returns:
        (N, K) errors in torso lengths; NaN where the joint is not predicted, the joint or a joint
        of the torso is unlabelled, or the torso length is 0.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[0, HIPS, 1] = 52.0
        >>> torso_errors(keypoints[..., :2] + [0.0, 5.0], keypoints)[0, :3]
        array([0.1, 0.1, 0.1])
    """
    length = np.linalg.norm(torsos(keypoints), axis=-1, keepdims=True)
    length = np.where(length > 0, length, np.nan)
    error = np.linalg.norm(xy - keypoints[..., :2], axis=-1) / length
    return np.where(keypoints[..., 2] > 0, error, np.nan)
