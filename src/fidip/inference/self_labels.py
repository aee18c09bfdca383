"""Self-labels: predictions of a network in a video that become its labels if guards accept them.

1. The infant is tracked, and the track is smoothed over time, to place the windows.
2. Each frame is predicted in several views, and their consensus is the label of a joint.
3. Guards reject joints that smoothing moves far, with an impossible bone, or close in time to a
   swap of left and right.

The label is the consensus, not the smoothed position, because smoothing shortens kicks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fidip.core.arrays import Floats, ImageSize, Ints, Mask, check_shape
from fidip.core.crop_window import CropWindow
from fidip.core.geometry import box_around, filled_area
from fidip.core.progress import Progress, silent
from fidip.core.track import Track
from fidip.inference.crop_windows import held_to, window_around
from fidip.inference.label_guards import (
    agrees_with_smoothed,
    has_possible_bone,
    is_far_from_swap,
    spread_by_motion,
)
from fidip.inference.person_selection import Preference, infancy
from fidip.inference.pipelines import VideoPipeline
from fidip.inference.predictor import Predictor
from fidip.inference.smoothing import Chain, Filter, KalmanSmoother, SwapRepair
from fidip.inference.view_consensus import consensus, predict_views
from fidip.io.video import Video

SMOOTHER = KalmanSmoother(jerk=100.0)
"""Smoother of the guard. The default of ``fidip predict`` is too slow for rapid kicks."""


@dataclass(frozen=True, eq=False)
class SelfLabels:
    """Joints of one person in the T frames of a video, and which of them may become labels.

    Attributes:
        times: (T,) time of each frame in s.
        xy: (T, K, 2) keypoints in image px, NaN where the person was not found.
        smooth: (T, K, 2) smoothed keypoints in image px.
        confidence: (T, K) confidences that are comparable between joints.
        allowed: (T, K) bool, joints that all guards accept.
        image_wh: (width, height) of the frames in px.
        damage: as for ``Track``.
    """

    times: Floats
    xy: Floats
    smooth: Floats
    confidence: Floats
    allowed: Mask
    image_wh: ImageSize
    damage: str | None = None

    def __post_init__(self) -> None:
        check_shape(self, "times", ("T",))
        check_shape(self, "xy", (len(self), "K", 2))
        for name in ("smooth", "confidence", "allowed"):
            expected = self.xy.shape if name == "smooth" else self.xy.shape[:2]
            check_shape(self, name, expected)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def is_found(self) -> Mask:
        """Whether the person was found; (T,) bool."""
        return np.asarray(np.isfinite(self.xy).all(axis=(1, 2)))

    def chosen(self, count: int) -> Ints:
        """Return the numbers of frames to train on, each different from the others.

        Args:
            count: maximum number of frames.
        """
        return spread_by_motion(np.where(self.is_found[:, None, None], self.smooth, np.nan), count)


@dataclass(frozen=True)
class SelfLabeller:
    """Labeller of the infant in videos, with the predictions of a network.

    Attributes:
        predictor: predicts the keypoints in crop windows.
        lost: mean confidence below which the infant is not found.
        prefer: weights people, to choose the one to track.
        smoother: filter of the guard; it must use later frames too, so that it does not lag.
    """

    predictor: Predictor
    lost: float = 0.2
    prefer: Preference = infancy
    smoother: Filter = SMOOTHER

    def __call__(self, path: Path, progress: Progress = silent) -> SelfLabels:
        """Return the labels of a video.

        Args:
            path: path of the video.
            progress: called after every frame, first of tracking, then of the views.

        Raises:
            DataError: no frame of the video can be decoded.
        """
        pipeline = VideoPipeline(
            self.predictor,
            lost=self.lost,
            prefer=self.prefer,
            smoother=Chain([SwapRepair(), self.smoother]),
        )
        track = pipeline.run(path, progress=progress)
        return guarded(self._in_views(path, track, progress), self.smoother)

    def _in_views(self, path: Path, track: Track, progress: Progress) -> Track:
        """Return the consensus of the views in each frame of a track."""
        single = self.predictor.with_averages(flip_test=False)
        ratio = single.aspect_ratio
        xy, scores = np.full_like(track.xy, np.nan), np.zeros_like(track.scores)
        for frame in Video(path):
            if frame.index == len(track):
                break
            pose = track.xy[frame.index]
            if np.isfinite(pose).all():
                around = window_around(pose, track.scores[frame.index], ratio)
                window: CropWindow = held_to(around, track.image_wh, ratio)
                area = filled_area(box_around(np.c_[pose, np.ones(len(pose))]))
                found = consensus(*predict_views(single, frame.image, window), area)
                xy[frame.index], scores[frame.index] = found
            progress("views", frame.index + 1, len(track))
        return replace(track, xy=xy, scores=scores)


def guarded(track: Track, smoother: Filter = SMOOTHER) -> SelfLabels:
    """Return the joints of a track, and which of them the guards accept.

    Args:
        track: track of one person that was not smoothed.
        smoother: filter that the track is compared with.
    """
    repaired = SwapRepair()(track)
    smooth = smoother(repaired).xy
    inside = ((repaired.xy >= 0) & (repaired.xy <= np.array(track.image_wh) - 1)).all(axis=-1)
    allowed = (
        inside
        & agrees_with_smoothed(repaired.xy, smooth)
        & has_possible_bone(repaired.xy)
        & is_far_from_swap(track.times, track.xy, repaired.xy)
    )
    return SelfLabels(
        times=track.times,
        xy=repaired.xy,
        smooth=smooth,
        confidence=repaired.scores.astype(np.float64),
        allowed=allowed,
        image_wh=track.image_wh,
        damage=track.damage,
    )
