"""One person's key points over the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fidip.types import ImageSize, check_shape


@dataclass(frozen=True, eq=False)
class Track:
    """One person in T frames: what filters map to itself, and what writers and figures take.

    A photograph is a track of one frame. A frame in which the person was not found has NaN key
    points and zero scores: its row stays, so that row t is frame t of the video.

    Attributes:
        times: (T,) float64 presentation times in s, increasing; not evenly spaced where the video is not.
        xy: (T, K, 2) float64 key points in image px, NaN where unknown.
        scores: (T, K) float32 key point confidences, 0 where unknown.
        boxes_xywh: (T, 4) float64 the boxes they were found in, image px, NaN where unknown.
        image_wh: (width, height) of the frames in px, as displayed (rotation flag applied).
    """

    times: NDArray[np.float64]
    xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    boxes_xywh: NDArray[np.float64]
    image_wh: ImageSize

    def __post_init__(self) -> None:
        check_shape(self, "times", ("T",))
        check_shape(self, "xy", (len(self), "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])
        check_shape(self, "boxes_xywh", (len(self), 4))

    def __len__(self) -> int:
        return int(self.times.shape[0])

    @property
    def known(self) -> NDArray[np.bool_]:
        """(T, K) where there is a key point."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))
