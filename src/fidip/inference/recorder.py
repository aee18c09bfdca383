"""Recorder of a track, frame by frame."""

from __future__ import annotations

from array import array

import numpy as np

from fidip.core.arrays import ImageSize
from fidip.core.poses import Poses
from fidip.core.track import Track


class Recorder:
    """Recorder of the poses of one person, which returns them as a track.

    Numbers are copied, about 0.5 KB per frame, because a pose may be a view of a larger array.
    """

    def __init__(self) -> None:
        self._numbers = array("d")
        self._joints = 0

    def __len__(self) -> int:
        return len(self._numbers) // (5 + 3 * self._joints)

    def add(self, time: float, pose: Poses) -> None:
        """Append a frame.

        Args:
            time: time of the frame in s.
            pose: one row, NaN if the person was not found.
        """
        self._joints = pose.xy.shape[1]
        row = np.concatenate([[time], pose.xy.ravel(), pose.scores[0], pose.boxes_xywh[0]])
        self._numbers.frombytes(row.tobytes())

    def track(self, image_wh: ImageSize) -> Track:
        """Return all frames so far as a track. At least one frame is required.

        Args:
            image_wh: (width, height) of the frames in px.
        """
        joints = self._joints
        rows = np.array(self._numbers).reshape(len(self), -1)
        times, xy, scores, boxes = np.split(rows, [1, 1 + 2 * joints, 1 + 3 * joints], axis=1)
        return Track(
            times=times[:, 0],
            xy=xy.reshape(-1, joints, 2),
            scores=scores.astype(np.float32),
            boxes_xywh=boxes,
            image_wh=image_wh,
        )
