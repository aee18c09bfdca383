"""Everything that is said of a set of predicted poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Ints
from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation, People, Poses, pose_scores, require_people
from fidip.io.coco import area_source
from fidip.metrics.assignment import UNMATCHED, match_people
from fidip.metrics.calibration import Calibration, reliability
from fidip.metrics.error_kinds import KINDS, error_kinds
from fidip.metrics.joints import joint_ap, torso_errors
from fidip.metrics.keypoint_ap import evaluate_keypoints
from fidip.metrics.oks import instance_oks, labels, oks_per_joint, pck
from fidip.metrics.slices import describe_slices

PCK_SHARES = (0.05, 0.1, 0.2)
ROUNDS = 1000
SLICE_ROUNDS = 300


def score_poses(poses: Poses, annotations: People) -> dict[str, float]:
    """``val/AP`` and mean ``val/OKS`` of poses in ground-truth boxes; quick enough for every epoch."""
    evaluation = evaluate_keypoints(annotations, poses.rounded())
    truth = [annotations[i] for i in poses.index]
    keypoints, area, _ = labels(truth)
    return {
        "val/AP": evaluation.metrics["AP"] or 0.0,
        "val/OKS": float(np.nanmean(oks_per_joint(poses.xy, keypoints, area))),
    }


def evaluate_poses(
    poses: Poses,
    people: People,
    index: Ints | None = None,
    calibration: Calibration | None = None,
    source: str = "predictions",
) -> dict[str, Any]:
    """Score predicted people: AP, errors by joint and kind, slices, and reliability of scores.

    Args:
        poses: N predicted people, ranked by ``pose_scores``.
        people: the labelled people, with crowds and images without people.
        index: (N,) positions in ``people`` of the people whose boxes the poses were predicted in;
            None to match them by OKS, as predictions in a detector's boxes need.
        calibration: of scores to OKS, to describe calibrated scores as well.
        source: origin of the poses, for messages.

    Returns:
        The content of ``results.json`` that follows from predictions. Of ``instances`` labelled
        people in ``images`` images, ``matched`` have one of the ``predictions``; the others count as
        missed. ``metrics`` are COCO's ten numbers, ``intervals`` their 95 % intervals over images,
        and ``slices`` AP by slice of people (``describe_slices``). Of matched predictions, over all
        labelled joints and ``per_joint``: OKS, PCK (relative to the longer side of the box),
        torso-normalised error (``torso_errors``), fractions of the kinds of error
        (``error_kinds``), AP (``joint_ap``), and the number of joints (``count``, and
        ``torso_count`` of people with a labelled torso). ``reliability`` is that of the scores.

    Raises:
        DataError: a pose is on an image that is not among ``people.images``.
        TypeError: ``people`` is a plain sequence of annotations.
    """
    ids = [image.id for image in require_people(people).images]
    strange = poses.image_ids[~np.isin(poses.image_ids, ids)].tolist()
    if strange:
        raise DataError(
            f"{source}: {len(strange)} of {len(poses)} results are of images that the split does "
            f"not have (the first: image_id {strange[0]}); expected results of this split only. "
            "Choose the split with split= and data.test_split="
        )
    if index is None:
        index = match_people(poses.xy, poses.image_ids, pose_scores(poses), people)
    return _describe(poses, index, people, calibration)


def _describe(
    poses: Poses,
    index: Ints,
    annotations: People,
    calibration: Calibration | None = None,
) -> dict[str, Any]:
    evaluation = evaluate_keypoints(annotations, poses, rounds=ROUNDS)
    found = index != UNMATCHED
    people = [annotations[i] for i in index[found]]
    content = {
        "area_source": area_source(annotations),
        "images": len(annotations.images),
        "instances": len(annotations),
        "predictions": len(poses),
        "matched": len(people),
        "metrics": evaluation.metrics,
        "intervals": evaluation.intervals,
    }
    if not people:
        return content
    return {
        **content,
        **_describe_joints(
            poses.xy[found], index[found], annotations, joint_ap(poses, annotations)
        ),
        "reliability": describe_reliability(
            pose_scores(poses)[found], instance_oks(poses.xy[found], people), calibration
        ),
        "slices": describe_slices(poses, index, annotations, SLICE_ROUNDS),
    }


def describe_reliability(
    scores: Floats, oks: Floats, calibration: Calibration | None
) -> dict[str, Any]:
    """Reliability of scores as they are, and ``calibrated`` where there is a calibration."""
    described = reliability(scores, oks)
    if calibration is not None:
        described["calibrated"] = reliability(calibration(scores), oks)
    return described


def _describe_joints(
    xy: Floats, index: Ints, annotations: Sequence[Annotation], ap: dict[str, Any]
) -> dict[str, Any]:
    """Of (N, K, 2) predictions of the people that (N,) ``index`` points to: over all and by joint."""
    keypoints, area, boxes = labels([annotations[i] for i in index])
    labelled = keypoints[..., 2] > 0
    kinds = error_kinds(xy, index, annotations)
    values = {
        "oks": oks_per_joint(xy, keypoints, area),
        **{
            f"pck@{share}": np.where(labelled, pck(xy, keypoints, boxes, share), np.nan)
            for share in PCK_SHARES
        },
        "torso_error": torso_errors(xy, keypoints),
    }
    overall = {name: _mean(value) for name, value in values.items()}
    return {
        "oks": overall["oks"],
        "pck": {name: value for name, value in overall.items() if name.startswith("pck")},
        "torso_error": overall["torso_error"],
        "torso_count": _count(values["torso_error"]),
        "kinds": _shares(kinds),
        "per_joint": {
            joint: {
                "count": int(labelled[:, k].sum()),
                "ap": ap[joint],
                **{name: _mean(value[:, k]) for name, value in values.items()},
                "torso_count": _count(values["torso_error"][:, k]),
                "kinds": _shares(kinds[:, k]),
            }
            for k, joint in enumerate(COCO17.joints)
        },
    }


def _mean(values: Floats) -> float | None:
    """The mean of what is known; None where nothing is."""
    return float(np.nanmean(values)) if _count(values) else None


def _count(values: Floats) -> int:
    return int((~np.isnan(values)).sum())


def _shares(kinds: NDArray[np.int64]) -> dict[str, float | None]:
    """The share of each kind of error among labelled joints."""
    known = kinds[kinds >= 0]
    return {
        kind: float((known == code).mean()) if len(known) else None
        for code, kind in enumerate(KINDS)
    }
