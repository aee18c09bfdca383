"""Key points as they leave the predictor: one person over a video, or people in photographs."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.types import ImageSize, check_shape


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

    @property
    def fps(self) -> float:
        """Frames per second, the usual one where they are unevenly spaced; 0 for a single frame."""
        return float(1 / np.median(np.diff(self.times))) if len(self) > 1 else 0.0

    @property
    def image_ids(self) -> NDArray[np.int64]:
        """(T,) numbers of the frames."""
        return np.arange(len(self))

    @property
    def places(self) -> dict[str, NDArray[Any]]:
        """What tells the rows of a table apart, by column."""
        return {"frame": self.image_ids, "time_s": self.times.round(6)}


class Recorder:
    """A track as it grows, frame by frame.

    It keeps numbers alone, half a KB a frame, and no pose, which may be a view of a network's larger answer.
    """

    def __init__(self) -> None:
        self._numbers = array("d")
        self._joints = 0

    @property
    def count(self) -> int:
        """Frames so far."""
        return len(self._numbers) // (5 + 3 * self._joints)

    def add(
        self,
        time: float,
        xy: NDArray[np.float64],
        scores: NDArray[np.float32],
        box_xywh: NDArray[np.float64],
    ) -> None:
        """Append a frame: its time in s, (K, 2) key points, (K,) confidences and (4,) box, as in ``Track``."""
        self._joints = len(xy)
        row = np.concatenate([[time], xy.ravel(), scores, box_xywh])
        self._numbers.frombytes(row.tobytes())

    def track(self, image_wh: ImageSize) -> Track:
        """All frames so far, at least one, of the same joints."""
        joints = self._joints
        rows = np.array(self._numbers).reshape(self.count, -1)
        times, xy, scores, boxes = np.split(rows, [1, 1 + 2 * joints, 1 + 3 * joints], axis=1)
        return Track(
            times=times[:, 0],
            xy=xy.reshape(-1, joints, 2),
            scores=scores.astype(np.float32),
            boxes_xywh=boxes,
            image_wh=image_wh,
        )


@dataclass(frozen=True, eq=False)
class PhotoSet:
    """N people in photographs.

    Attributes:
        file_names: N names of the photographs that they are in.
        image_ids: (N,) int64 numbers of those.
        xy: (N, K, 2) float64 key points in image px.
        scores: (N, K) float32 key point confidences.
    """

    file_names: Sequence[str]
    image_ids: NDArray[np.int64]
    xy: NDArray[np.float64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        check_shape(self, "image_ids", (len(self),))
        check_shape(self, "xy", (len(self), "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])

    def __len__(self) -> int:
        return len(self.file_names)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N, K) where there is a key point."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))

    @property
    def places(self) -> dict[str, NDArray[Any]]:
        """What tells the rows of a table apart, by column; people of a photograph count from 0."""
        first = np.searchsorted(self.image_ids, self.image_ids)
        return {
            "file_name": np.array(self.file_names, dtype=object),
            "person": np.arange(len(self)) - first,
        }
