"""Tracker of one infant in a video, without boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fidip.core.arrays import Floats, Image
from fidip.core.poses import Poses
from fidip.inference.crop_windows import ROTATIONS, held_to, window_around
from fidip.inference.detectors import NO_DETECTOR, Detector
from fidip.inference.person_selection import Preference, infancy, similarity
from fidip.inference.predictor import Predictor
from fidip.inference.search import FULL, QUICK, best_pose, find_people

SHRINKAGE = 0.98
"""Minimum width of a tracked window relative to the previous one.

Without this limit, the window would shrink to the most confident limbs.
"""
DOUBT, FORGETTING, REST = 0.8, 0.99, 10
"""Settings of searches while a person is tracked.

A pose with less than ``DOUBT`` times the usual confidence triggers a search, at most every
``REST`` + 1 frames. The usual confidence is the maximum so far, multiplied by ``FORGETTING`` in
every frame.
"""
JUMP = 0.1
"""OKS with the expected pose below which a pose may belong to another person."""
STRANGER = 0.5
"""Weight of a candidate away from the tracked person: it needs twice the preference score."""
PREFERENCE_DECAY = 0.95
"""Decay per frame of the running preference of the tracked person."""


class SinglePersonTracker:
    """Tracker of one infant in a video, which searches the image while the infant is lost.

    Args:
        predictor: predicts the keypoints in crop windows.
        lost: mean confidence below which the infant is lost.
        rotations: rotations of the search windows, in degrees.
        detector: proposes boxes of people when a search begins.
        prefer: weights people, to choose the one to track.
        spread: search one rotation per frame, to limit the time per frame.
    """

    def __init__(
        self,
        predictor: Predictor,
        lost: float = 0.2,
        rotations: Sequence[float] = ROTATIONS,
        detector: Detector = NO_DETECTOR,
        prefer: Preference = infancy,
        spread: bool = False,
    ) -> None:
        self.predictor = predictor
        self.rotations = rotations
        self.detector = detector
        self.lost = lost
        self.prefer = prefer
        self.spread = spread
        self._unsearched: list[float] = []
        self._last: Poses | None = None
        self._expected: Poses | None = None  # the last pose, moved by its velocity
        self._is_lost = False
        self._usual = 0.0
        self._wanted = 1.0
        self._rest, self._patience = 0, REST

    def __call__(self, image: Image) -> Poses:
        """Return the pose in the next frame of a video.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            One row, with low confidence if the infant is not found.
        """
        pose = self._follow(image)
        if pose is None:
            pose = self._search(image)
        elif self._doubts(pose):
            pose = self._search(image, pose)
        elif self._match(pose) < JUMP:
            return pose  # not stored: the next window stays at the last position
        self._remember(pose)
        return pose

    def _follow(self, image: Image) -> Poses | None:
        expected = self._expected
        if expected is None or self._is_lost:
            return None
        aspect_ratio = self.predictor.aspect_ratio
        window = window_around(expected.xy[0], expected.scores[0], aspect_ratio)
        least = SHRINKAGE * float(expected.boxes_xywh[0, 2])
        window = replace(window, width=max(window.width, least))
        wh = (image.shape[1], image.shape[0])
        return self.predictor(image, [held_to(window, wh, aspect_ratio)])

    def _doubts(self, pose: Poses) -> bool:
        """Return whether to search the image although a person is tracked.

        A search is never repeated immediately. If the tracked person is not of the preferred kind,
        the interval between searches doubles, because there may be no one else.
        """
        if self._unsearched:
            return True
        self._rest -= 1
        if self._rest >= 0:
            return False
        unsure = pose.confidence[0] < max(self.lost, DOUBT * self._usual)
        if unsure or self._match(pose) < JUMP:
            self._rest = REST
            return True
        if self._wanted < 0.5:
            self._rest = self._patience
            self._patience *= 2
            return True
        return False

    def _search(self, image: Image, followed: Poses | None = None) -> Poses:
        rotations, effort = self.rotations, FULL
        if self.spread:
            self._unsearched = self._unsearched or list(self.rotations)
            rotations, effort = [self._unsearched.pop(0)], QUICK
        people = find_people(self.predictor, image, rotations, self.detector, effort)
        return best_pose(
            Poses.concatenate([people, followed] if followed else [people]), self._worth
        )

    def _worth(self, poses: Poses) -> Floats:
        return self.prefer(poses) * np.maximum(self._matches(poses), STRANGER)

    def _matches(self, poses: Poses) -> Floats:
        """Return the (N,) OKS of poses with the expected pose."""
        if self._expected is None:
            return np.ones(len(poses))
        return similarity(poses, self._expected)

    def _match(self, pose: Poses) -> float:
        return float(self._matches(pose)[0])

    def _remember(self, pose: Poses) -> None:
        last, confidence = self._last, float(pose.confidence[0])
        is_new = last is None or self._is_lost or self._match(pose) < JUMP
        # Half of the last motion, so that a limb that stops stays inside the window.
        velocity = 0.0 if last is None or is_new else (pose.xy - last.xy) / 2
        weight = 1.0 if is_new else 1 - PREFERENCE_DECAY
        self._wanted += weight * (float(self.prefer(pose)[0]) - self._wanted)
        self._usual = max(confidence, FORGETTING * self._usual)
        self._is_lost = confidence < self.lost
        self._last = last if last is not None and self._is_lost else pose
        self._expected = replace(self._last, xy=self._last.xy + velocity)
