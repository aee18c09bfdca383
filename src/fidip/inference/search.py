"""Search for people in an image without boxes.

The pose network runs on windows at several sizes and rotations, over the whole image or around the
boxes of a detector, and then on windows around the keypoints that it found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fidip.core.arrays import Floats, Image
from fidip.core.geometry import box_around
from fidip.core.poses import Poses
from fidip.inference.crop_windows import (
    ROTATIONS,
    box_windows,
    near_sure,
    search_windows,
    window_around,
)
from fidip.inference.detectors import NO_DETECTOR, Detector
from fidip.inference.person_selection import Preference, infancy, one_per_person
from fidip.inference.predictor import Predictor


@dataclass(frozen=True)
class Effort:
    """Number of refinements in a search.

    Attributes:
        candidates: number of people that are refined.
        refinements: number of successive crops around each of them.
    """

    candidates: int
    refinements: int


FULL, QUICK = Effort(candidates=4, refinements=3), Effort(candidates=2, refinements=1)
"""Efforts of a search in a photograph, and of a search in one frame of a video."""

PLAUSIBLE = 0.6
"""Minimum confidence of a person, relative to the most confident one."""


def find_person(
    predictor: Predictor,
    image: Image,
    rotations: Sequence[float] = ROTATIONS,
    detector: Detector = NO_DETECTOR,
    prefer: Preference = infancy,
) -> Poses:
    """Return the preferred person in an image.

    Args:
        predictor: predicts the keypoints in crop windows.
        image: (H, W, 3) uint8 RGB.
        rotations: rotations of the search windows, in degrees.
        detector: proposes boxes of people; if it finds none, the whole image is searched.
        prefer: weights people, by default by their probability of being an infant.

    Returns:
        One pose, also in images without people; its confidence is then low.

    Raises:
        CheckpointError: the output of the network is not finite.
    """
    return best_pose(find_people(predictor, image, rotations, detector), prefer)


def person_boxes(predictor: Predictor, image: Image, lost: float = 0.2) -> Floats:
    """Return the box of the preferred person in an image, around the plausible keypoints.

    Args:
        predictor: predicts the keypoints in crop windows.
        image: (H, W, 3) uint8 RGB.
        lost: minimum mean confidence of a person; below it, there is none.

    Returns:
        (N, 4) box xywh in image px, padded as labels without a box are; N is 0 or 1.
    """
    pose = find_person(predictor, image)
    if pose.confidence[0] < lost:
        return np.zeros((0, 4))
    plausible = near_sure(pose.xy[0], pose.scores[0])
    return box_around(np.column_stack([pose.xy[0], plausible]))[None]


def find_people(
    predictor: Predictor,
    image: Image,
    rotations: Sequence[float] = ROTATIONS,
    detector: Detector = NO_DETECTOR,
    effort: Effort = FULL,
) -> Poses:
    """Return one pose of each person in an image, in order of decreasing confidence.

    People can have any rotation.

    Args:
        predictor: predicts the keypoints in crop windows.
        image: (H, W, 3) uint8 RGB.
        rotations: rotations of the search windows, in degrees.
        detector: proposes boxes of people; if it finds none, the whole image is searched.
        effort: number of refinements.

    Raises:
        CheckpointError: the output of the network is not finite.
    """
    wh = (image.shape[1], image.shape[0])
    boxes_xywh, _ = detector(image)
    windows = [
        window
        for box in boxes_xywh
        for window in box_windows(box, predictor.aspect_ratio, rotations)
    ] or search_windows(wh, predictor.aspect_ratio, rotations)
    poses = best = one_per_person(predictor(image, windows))[: effort.candidates]
    for _ in range(effort.refinements):
        around = [
            window_around(xy, scores, predictor.aspect_ratio)
            for xy, scores in zip(poses.xy, poses.scores, strict=True)
        ]
        poses = predictor(image, around)
        rows = np.arange(len(best))
        rows = np.where(poses.confidence > best.confidence, rows + len(best), rows)
        best = Poses.concatenate([best, poses])[rows]
    return one_per_person(best)


def best_pose(people: Poses, prefer: Preference) -> Poses:
    """Return the pose with the highest product of confidence and preference.

    Poses with much lower confidence than the best one are left out, because they are probably not
    people.

    Args:
        people: N poses, at least one.
        prefer: returns the weights of poses.

    Example:
        >>> scores = np.array([[0.9], [0.8], [0.1]], np.float32)
        >>> people = Poses.of_keypoints(np.ones((3, 1, 2)), scores)
        >>> best_pose(people, lambda poses: np.arange(len(poses)) + 1.0).index
        array([1])
    """
    people = people[people.confidence >= PLAUSIBLE * people.confidence.max()]
    best = int(np.argmax(people.confidence * prefer(people)))
    return people[best : best + 1]
