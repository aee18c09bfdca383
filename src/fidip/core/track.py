"""Track of one person in a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize, check_shape
from fidip.core.poses import Poses


@dataclass(frozen=True, eq=False)
class Track:
    """One person in T frames: input and output of filters, and input of video writers.

    A frame without the person has NaN keypoints and zero scores, so row t is always frame t of the
    video.

    Attributes:
        times: (T,) float64 presentation times in s, increasing; unevenly spaced if the video is.
        xy: (T, K, 2) float64 keypoints in image px, NaN where unknown.
        scores: (T, K) float32 keypoint confidences, 0 where unknown.
        boxes_xywh: (T, 4) float64 boxes of the person, image px, NaN where unknown.
        image_wh: (width, height) of the frames in px, as displayed (rotation flag applied).
        damage: number of decoded frames of a damaged video, and the reason; None for an intact
            video.
    """

    times: NDArray[np.float64]
    xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    boxes_xywh: NDArray[np.float64]
    image_wh: ImageSize
    damage: str | None = None

    def __post_init__(self) -> None:
        check_shape(self, "times", ("T",))
        check_shape(self, "xy", (len(self), "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])
        check_shape(self, "boxes_xywh", (len(self), 4))

    def __len__(self) -> int:
        return int(self.times.shape[0])

    @property
    def poses(self) -> Poses:
        """The frames as poses that share the arrays; image ids are frame numbers."""
        return Poses.of_keypoints(
            self.xy,
            self.scores,
            image_ids=np.arange(len(self)),
            boxes_xywh=self.boxes_xywh,
            times=self.times,
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a keypoint is known; (T, K) bool."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))

    @property
    def fps(self) -> float:
        """Frames per second, from the median frame interval; 0 for a single frame.

        Example:
            >>> xy = np.zeros((3, 17, 2))
            >>> scores, boxes = np.ones((3, 17), np.float32), np.zeros((3, 4))
            >>> Track(np.array([0.0, 0.04, 0.08]), xy, scores, boxes, (640, 480)).fps
            25.0
        """
        return float(1 / np.median(np.diff(self.times))) if len(self) > 1 else 0.0
