"""How well each joint is found: its average precision, and its error relative to the torso."""

from __future__ import annotations

import numpy as np
from pycocotools.cocoeval import Params

from fidip.core.arrays import Floats, Ints
from fidip.core.skeleton import COCO17, HIPS, SHOULDERS
from fidip.core.types import People, Poses, pose_scores, require_people
from fidip.metrics.coco_bootstrap import Area, match_joints
from fidip.metrics.keypoint_ap import Number
from fidip.metrics.oks import labels, oks_per_joint

PARAMS = Params("keypoints")  # thresholds and limits of COCO's evaluation


def joint_ap(poses: Poses, people: People) -> dict[str, Number]:
    """COCO's AP with an OKS of one joint only, by joint; None where nobody has it labelled.

    As COCO-WholeBody (Jin et al., ECCV 2020) evaluates feet, face and hands: the mean over the thresholds
    0.5, 0.55, ..., 0.95 of the average precision of people whose similarity is that of this joint, ranked by
    the score of the person. Who has the joint unlabelled is ignored, and so are the predictions in their box.

    What pycocotools says of each joint alone, from similarities that are computed once for all of them.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
    """
    require_people(people)
    numbers = {id: i for i, id in enumerate(sorted(image.id for image in people.images))}
    persons = sorted((*people.labelled, *people.others), key=lambda p: numbers[p.image_id])
    keypoints, area, boxes = labels(persons)
    crowd = np.array([person.is_crowd for person in persons])
    where = np.array([numbers[person.image_id] for person in persons])
    ids = np.array([numbers[i] for i in poses.image_ids.tolist()], dtype=np.int64)
    xy, score, image = _best(poses.xy, pose_scores(poses), ids)

    # Every detection makes a pair with each of the people of its image, one after the other.
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
    """(N, K) OKS of each joint of N pairs; of an unlabelled joint, that of the surroundings of the box."""
    alike = oks_per_joint(xy, keypoints, area)
    return np.where(np.isnan(alike), _oks_around(xy, boxes, area)[:, None], alike)


def _best(xy: Floats, score: Floats, image: Ints) -> tuple[Floats, Floats, Ints]:
    """Detections by image and falling score, no more of an image than COCO's evaluation looks at."""
    order = np.lexsort((-score, image))
    image = image[order]
    rank = np.arange(len(image)) - np.searchsorted(image, image)
    order = order[rank < PARAMS.maxDets[-1]]
    return xy[order], score[order], image[rank < PARAMS.maxDets[-1]]


def _oks_around(xy: Floats, boxes_xywh: Floats, area: Floats) -> Floats:
    """(P,) COCO's similarity of (P, K, 2) key points to people of whom only a box (P, 4) is known.

    Distances are those to the box with as much again on every side.
    """
    low = (boxes_xywh[:, :2] - boxes_xywh[:, 2:])[:, None]
    high = (boxes_xywh[:, :2] + 2 * boxes_xywh[:, 2:])[:, None]
    outside = np.maximum(0, low - xy) + np.maximum(0, xy - high)
    flags = np.ones((*xy.shape[:2], 1))
    nearest = np.concatenate([xy - outside, flags], axis=-1)
    similarity: Floats = oks_per_joint(xy, nearest, area).mean(axis=1)
    return similarity


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
