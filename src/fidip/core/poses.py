"""Predicted people.

Coordinates are x before y, in px of the original image. Pixel centres are integers, so the centre
of the first pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import check_shape


@dataclass(frozen=True, eq=False)
class Poses:
    """N predicted people in image px: the input of metrics, filters, overlays, writers and reports.

    Attributes:
        xy: (N, K, 2) float64 keypoints in image px, NaN where unknown.
        scores: (N, K) float32 keypoint confidences, 0 where unknown.
        image_ids: (N,) int64 ids of the images; frame numbers for a video.
        boxes_xywh: (N, 4) float64 boxes that the people were predicted in, image px.
        box_scores: (N,) float64 confidences of the boxes, 1 for ground-truth boxes.
        index: (N,) int64 positions of the boxes among the inputs of the prediction.
        times: (N,) float64 times of the frames in s; None for photographs.
        image_names: (N,) file names of photographs; None if ids are sufficient.
    """

    xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    image_ids: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    box_scores: NDArray[np.float64]
    index: NDArray[np.int64]
    times: NDArray[np.float64] | None = None
    image_names: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        check_shape(self, "xy", ("N", "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])
        check_shape(self, "boxes_xywh", (len(self), 4))
        for name in ("image_ids", "box_scores", "index", "times", "image_names"):
            if getattr(self, name) is not None:
                check_shape(self, name, (len(self),))

    def __len__(self) -> int:
        return int(self.xy.shape[0])

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Poses:
        columns: dict[str, Any] = {
            name: None if values is None else values[rows]
            for name, values in self._columns().items()
        }
        return Poses(**columns)

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def of_keypoints(
        cls, xy: NDArray[np.float64], scores: NDArray[np.float32], **columns: NDArray[Any]
    ) -> Poses:
        """Return poses with default values for columns that are not given.

        Args:
            xy: (N, K, 2) keypoints in image px.
            scores: (N, K) keypoint confidences.
            columns: further attributes. Image ids default to 0, boxes to those of the keypoints,
                box scores to 1, and indices to 0, 1, ...

        Example:
            >>> poses = Poses.of_keypoints(np.ones((2, 17, 2)), np.ones((2, 17), np.float32))
            >>> poses.image_ids, poses.index
            (array([0, 0]), array([0, 1]))
        """
        count = len(xy)
        defaults = {
            "image_ids": np.zeros(count, np.int64),
            "box_scores": np.ones(count),
            "index": np.arange(count),
        }
        if "boxes_xywh" not in columns:
            columns["boxes_xywh"] = keypoint_boxes(xy)
        return cls(xy, scores, **{**defaults, **columns})

    @classmethod
    def concatenate(cls, parts: Sequence[Poses]) -> Poses:
        """Return the predictions of several batches or processes, in the given order.

        Columns that are None in the first part are None in the result.

        Args:
            parts: predictions to join, at least one.
        """
        given = [name for name, values in parts[0]._columns().items() if values is not None]
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in given
        }
        return cls(**columns)

    def rounded(self, decimals: int = 4) -> Poses:
        """Return the poses with rounded coordinates, as stored in ``predictions.json``.

        Scoring rounded poses gives the same values as scoring the file.

        Args:
            decimals: number of decimals.
        """
        return replace(self, xy=self.xy.round(decimals))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a keypoint is known; (N, K) bool."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))

    @property
    def detected(self) -> Poses:
        """The poses with a known keypoint; without one, a person is not detected."""
        return self[np.asarray(self.known.any(axis=1))]

    @property
    def is_finite(self) -> bool:
        """Whether all coordinates and scores are finite, as expected of a network's output."""
        return bool(np.isfinite(self.xy).all() and np.isfinite(self.scores).all())

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Mean confidence of the keypoints; (N,) float32."""
        return self.scores.mean(axis=1)

    def row_labels(self) -> dict[str, NDArray[Any]]:
        """Return the columns that identify the rows of a table.

        Returns:
            ``frame`` and ``time_s`` for a video; ``file_name`` and ``person`` for photographs, with
            the people of an image numbered from 0; ``image_id`` and ``person`` without file names.
        """
        if self.times is not None:
            return {"frame": self.image_ids, "time_s": self.times.round(6)}
        order = np.argsort(self.image_ids, kind="stable")
        ids = self.image_ids[order]
        person = np.empty(len(self), np.int64)
        person[order] = np.arange(len(self)) - np.searchsorted(ids, ids)
        images = (
            {"image_id": self.image_ids}
            if self.image_names is None
            else {"file_name": self.image_names}
        )
        return {**images, "person": person}


def keypoint_boxes(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bounding boxes of keypoints.

    Args:
        xy: (N, K, 2) keypoints in image px.

    Returns:
        (N, 4) boxes xywh in image px.

    Example:
        >>> keypoint_boxes(np.array([[[10.0, 20.0], [30.0, 25.0]]]))
        array([[10., 20., 20.,  5.]])
    """
    low = xy.min(axis=1)
    return np.concatenate([low, xy.max(axis=1) - low], axis=1)


def pose_scores(poses: Poses, threshold: float = 0.2) -> NDArray[np.float64]:
    """Return the score of each pose: box score times mean confidence of its certain joints.

    The sum is computed in float64, as in HRNet's code: the order of equal scores decides which pose
    is matched first. In float64 the sum of 17 float32 values between the threshold and 1 is exact,
    so it does not depend on the order of summation.

    Args:
        poses: N poses.
        threshold: joints with a lower or equal confidence are left out.

    Returns:
        (N,) scores, 0 for poses without a joint above the threshold.

    Example:
        >>> scores = np.array([[0.9, 0.7, 0.1]], np.float32)
        >>> pose_scores(Poses.of_keypoints(np.ones((1, 3, 2)), scores)).round(3)
        array([0.8])
    """
    sure = poses.scores > threshold
    total = (poses.scores * sure).sum(1, dtype=np.float64)
    scores: NDArray[np.float64] = total / np.maximum(sure.sum(1), 1) * poses.box_scores
    return scores
