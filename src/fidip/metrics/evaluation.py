"""Complete evaluation of predicted poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, Ints
from fidip.core.errors import DataError
from fidip.core.people import Annotation, People, require_people
from fidip.core.poses import Poses, pose_scores
from fidip.core.skeleton import COCO17
from fidip.io.coco import area_source
from fidip.metrics.assignment import UNMATCHED, match_people
from fidip.metrics.body_scale import (
    MKS,
    PCKSH,
    BodySums,
    describe_body_scaled,
    ks_per_joint,
    pcksh_per_joint,
)
from fidip.metrics.calibration import Calibration, reliability
from fidip.metrics.detection_counts import count_detections
from fidip.metrics.error_kinds import KINDS, error_kinds
from fidip.metrics.joints import joint_ap, torso_errors
from fidip.metrics.keypoint_ap import evaluate_keypoints
from fidip.metrics.oks import instance_oks, label_arrays, oks_per_joint, pck
from fidip.metrics.results import GROUND_TRUTH, Results
from fidip.metrics.slices import describe_slices

PCK_FRACTIONS = (0.05, 0.1, 0.2)
"""PCK thresholds relative to the longer side of the box."""
BOOTSTRAP_ROUNDS = 1000
"""Number of bootstrap rounds of the overall intervals."""
SLICE_ROUNDS = 300
"""Number of bootstrap rounds of the intervals per slice."""


def validation_scores(poses: Poses, annotations: People) -> dict[str, float]:
    """Return AP and mean OKS of poses in ground-truth boxes; fast enough for every epoch.

    Args:
        poses: N predicted people; ``index`` points into ``annotations``.
        annotations: labelled people, with crowds and images without people.

    Returns:
        ``val/AP`` and ``val/OKS``.

    Raises:
        TypeError: ``annotations`` is a plain sequence.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> {name: round(value, 3) for name, value in validation_scores(poses, people).items()}
        {'val/AP': 1.0, 'val/OKS': 1.0}
    """
    evaluation = evaluate_keypoints(annotations, poses.rounded())
    truth = [annotations[i] for i in poses.index]
    keypoints, area, _ = label_arrays(truth)
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
) -> Results:
    """Evaluate predicted people: AP, errors by joint and kind, slices, and reliability of scores.

    Args:
        poses: N predicted people, ranked by ``pose_scores``; keypoints are NaN where unknown. A
            pose without a known keypoint is no prediction.
        people: labelled people, with crowds and images without people.
        index: (N,) positions in ``people`` of the people that the boxes of the poses belong to;
            None to match poses by OKS, which predictions in the boxes of a detector need.
        calibration: map from scores to OKS, to describe calibrated scores as well.
        source: origin of the poses, for messages.

    Returns:
        The results that follow from predictions; ``box_source`` is ``GROUND_TRUTH`` if ``index`` is
        given, and ``unknown`` otherwise. ``instances`` is the number of labelled people in
        ``images`` images; ``matched`` of them have one of the ``predictions``, and the others count
        as missed. ``metrics`` are the ten COCO numbers, ``intervals`` their 95 % intervals over
        images, and ``slices`` AP by slice of people (``describe_slices``). Over
        all labelled joints of matched predictions, and ``per_joint``: OKS, PCK (relative to the
        longer side of the box), torso-normalised error (``torso_errors``), fractions of the kinds
        of errors (``error_kinds``), AP (``joint_ap``), and the number of joints (``count``, and
        ``torso_count`` for predicted joints of people with a labelled torso). ``body_scaled`` holds
        PCKsh and mKS (``describe_body_scaled``), which are in ``per_joint``, too. ``reliability``
        describes the scores. ``videos`` holds missed and redundant detections by video
        (``count_detections``), if images are frames of videos and no ``index`` is given: a given
        index has a box for everyone.

    Raises:
        DataError: ``people`` has no images, or a pose is on an image that is not among them.
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> from pathlib import Path
        >>> rng = np.random.default_rng(0)
        >>> keypoints = np.c_[rng.uniform(0, 100, (17, 2)), np.full(17, 2.0)]
        >>> box = np.array([0.0, 0.0, 100.0, 100.0])
        >>> person = Annotation(1, 1, Path("1.jpg"), (100, 100), box, 1e4, keypoints)
        >>> people = People.without_others([person])
        >>> poses = Poses.of_keypoints(
        ...     keypoints[None, :, :2], np.ones((1, 17), np.float32), image_ids=np.array([1])
        ... )
        >>> results = evaluate_poses(poses, people)
        >>> round(results.metrics["AP"], 3), results.kinds["good"]
        (1.0, 1.0)
    """
    ids = [image.id for image in require_people(people).images]
    if not ids:
        raise DataError("people: no images; expected labelled people or images without people")
    strange = poses.image_ids[~np.isin(poses.image_ids, ids)].tolist()
    if strange:
        raise DataError(
            f"{source}: {len(strange)} of {len(poses)} results are of images that are not in "
            f"the split (the first: image_id {strange[0]}); expected results of this split only. "
            "Choose the split with split= and data.test_split="
        )
    if index is not None:
        own = index[poses.known.any(axis=1)]
        return _describe(poses.detected, own, people, calibration, box_source=GROUND_TRUTH)
    poses = poses.detected
    index = match_people(poses.xy, poses.image_ids, pose_scores(poses), people)
    videos = count_detections(poses.image_ids, people) or None
    return _describe(poses, index, people, calibration, box_source="unknown", videos=videos)


def _describe(
    poses: Poses,
    index: Ints,
    annotations: People,
    calibration: Calibration | None,
    **facts: Any,
) -> Results:
    evaluation = evaluate_keypoints(annotations, poses, rounds=BOOTSTRAP_ROUNDS)
    found = index != UNMATCHED
    people = [annotations[i] for i in index[found]]
    results = Results(
        area_source=area_source(annotations),
        images=len(annotations.images),
        instances=len(annotations),
        predictions=len(poses),
        matched=len(people),
        metrics=evaluation.metrics,
        intervals=evaluation.intervals,
        **facts,
    )
    if not people:
        return results
    return replace(
        results,
        **_describe_joints(
            poses.xy[found], index[found], annotations, joint_ap(poses, annotations)
        ),
        body_scaled=_describe_body_scaled(poses.xy[found], people, annotations),
        reliability=describe_reliability(
            pose_scores(poses)[found], instance_oks(poses.xy[found], people), calibration
        ),
        slices=describe_slices(poses, index, annotations, SLICE_ROUNDS),
    )


def body_sums(xy: Floats, index: Ints, people: People) -> BodySums:
    """Return the sums of PCKsh and mKS of predictions, over all images.

    Args:
        xy: (N, K, 2) predicted keypoints in image px.
        index: (N,) positions of the people in ``people``, -1 without a match.
        people: labelled people.

    Example:
        >>> nothing = body_sums(np.zeros((0, 17, 2)), np.zeros(0, int), People([], [], []))
        >>> nothing.counts.shape
        (0,)
    """
    found = index != UNMATCHED
    persons = [people[i] for i in index[found]]
    keypoints, _, _ = label_arrays(persons)
    return BodySums.of(xy[found], keypoints, _image_numbers(persons, people), len(people.images))


def _describe_body_scaled(xy: Floats, found: list[Annotation], people: People) -> dict[str, Any]:
    """Describe predictions of the people ``found``, with intervals over all images."""
    image = _image_numbers(found, people)
    return describe_body_scaled(
        xy, label_arrays(found)[0], image, len(people.images), BOOTSTRAP_ROUNDS
    )


def _image_numbers(found: list[Annotation], people: People) -> Ints:
    """Return the positions of the images of people, (N,)."""
    numbers = {image.id: number for number, image in enumerate(people.images)}
    return np.array([numbers[person.image_id] for person in found], dtype=np.int64)


def describe_reliability(
    scores: Floats, oks: Floats, calibration: Calibration | None
) -> dict[str, Any]:
    """Return the reliability of scores, and of ``calibrated`` scores if a calibration is given.

    Args:
        scores: (N,) scores of people.
        oks: (N,) OKS of the same people.
        calibration: map from scores to OKS, or None.

    Returns:
        The result of ``reliability``.

    Example:
        >>> described = describe_reliability(np.full(4, 0.5), np.full(4, 0.7), None)
        >>> round(described["ece"], 3)
        0.2
    """
    described = reliability(scores, oks)
    if calibration is not None:
        described["calibrated"] = reliability(calibration(scores), oks)
    return described


def _describe_joints(
    xy: Floats, index: Ints, annotations: Sequence[Annotation], ap: dict[str, Any]
) -> dict[str, Any]:
    """Describe predictions of the people at positions ``index``, over all joints and per joint."""
    keypoints, area, boxes = label_arrays([annotations[i] for i in index])
    labelled = keypoints[..., 2] > 0
    kinds = error_kinds(xy, index, annotations)
    values = {
        "oks": oks_per_joint(xy, keypoints, area),
        **{
            f"pck@{fraction}": np.where(labelled, pck(xy, keypoints, boxes, fraction), np.nan)
            for fraction in PCK_FRACTIONS
        },
        "torso_error": torso_errors(xy, keypoints),
        PCKSH: pcksh_per_joint(xy, keypoints),
        MKS: ks_per_joint(xy, keypoints),
    }
    overall = {name: _mean(value) for name, value in values.items()}
    return {
        "oks": overall["oks"],
        "pck": {name: value for name, value in overall.items() if name.startswith("pck@")},
        "torso_error": overall["torso_error"],
        "torso_count": _count(values["torso_error"]),
        "kinds": _fractions(kinds),
        "per_joint": {
            joint: {
                "count": int(labelled[:, k].sum()),
                "ap": ap[joint],
                **{name: _mean(value[:, k]) for name, value in values.items()},
                "torso_count": _count(values["torso_error"][:, k]),
                "kinds": _fractions(kinds[:, k]),
            }
            for k, joint in enumerate(COCO17.joints)
        },
    }


def _mean(values: Floats) -> float | None:
    """Return the mean of known values, or None without any."""
    return float(np.nanmean(values)) if _count(values) else None


def _count(values: Floats) -> int:
    return int((~np.isnan(values)).sum())


def _fractions(kinds: NDArray[np.int64]) -> dict[str, float | None]:
    """Return the fraction of each kind of error among labelled joints."""
    known = kinds[kinds >= 0]
    return {
        kind: float((known == code).mean()) if len(known) else None
        for code, kind in enumerate(KINDS)
    }
