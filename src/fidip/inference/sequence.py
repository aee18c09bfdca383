"""Prediction from several frames of a video, with a ``fidip.nn.SequenceNet``.

The tracker finds the person in each frame with the network for single frames. The pose is then
predicted again from the window of frames around it: the crop window in which the tracker found the
person in the target frame, turned so that the found torso is upright, crops all frames. In the
crops only the person moves. A network that looks ahead gets its frames before it predicts, so the
output has no lag.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from fidip.core.arrays import Image
from fidip.core.geometry import box_to_center_size
from fidip.core.poses import Poses
from fidip.inference.crop_windows import window_around
from fidip.inference.predictor import Predictor
from fidip.io.video import Frame

T = TypeVar("T")
log = logging.getLogger(__name__)


def refined(
    followed: Iterable[tuple[Frame, Poses]], predictor: Predictor
) -> Iterator[tuple[Frame, Poses]]:
    """Predict the poses of a track again, each from the frames around it.

    Args:
        followed: frames of a video, each with one pose.
        predictor: predictor of windows of frames; with another one, the poses are not changed.

    Yields:
        The same frames in the same order, each with one pose.
    """
    if not predictor.past + predictor.future:
        yield from followed
        return
    for window in sliding_windows(followed, predictor.past, predictor.future):
        frame, pose = window[predictor.past]
        yield frame, predict_in_window([each.image for each, _ in window], pose, predictor)


class Refiner:
    """Predictor of the pose in the newest frame of a camera, from this frame and earlier ones.

    Args:
        predictor: predictor of windows of frames that does not look ahead.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._images: deque[Image] = deque(maxlen=predictor.past + 1)

    @classmethod
    def for_camera(cls, predictor: Predictor) -> Refiner | None:
        """Return a refiner, or None for networks of single frames and those that look ahead.

        Args:
            predictor: any predictor.
        """
        if predictor.future:
            log.warning(
                "the network looks %d frames ahead, so a camera uses its network for single frames "
                "only; expected a causal one, as of experiment=sequence_causal",
                predictor.future,
            )
            return None
        return cls(predictor) if predictor.past else None

    def __call__(self, image: Image, pose: Poses) -> Poses:
        """Return the pose in the next frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            pose: one row, found in this frame only.
        """
        own = image.copy()  # overlays are drawn on the frame
        missing = self._predictor.past if not self._images else 0
        self._images.extend([own] * (missing + 1))
        return predict_in_window(list(self._images), pose, self._predictor)


def predict_in_window(images: Sequence[Image], pose: Poses, predictor: Predictor) -> Poses:
    """Predict the pose in the target frame of a window of frames.

    Args:
        images: T frames of the same size.
        pose: one row, found in the target frame in the window ``boxes_xywh``.
        predictor: predictor of windows of T frames.

    Returns:
        One row; the given one if it is unknown.
    """
    if not np.isfinite(pose.xy).all():
        return pose
    box = pose.boxes_xywh[0]
    center, _ = box_to_center_size(box, predictor.aspect_ratio)
    # A window around the found pose would shrink where its keypoints lie close together.
    upright = window_around(pose.xy[0], pose.scores[0], predictor.aspect_ratio)
    return predictor.predict_clip(images, replace(upright, center=center, width=float(box[2])))


def sliding_windows(items: Iterable[T], past: int, future: int) -> Iterator[list[T]]:
    """Return the window around each item; the first and last item are repeated at the ends.

    Args:
        items: items, of which no more than necessary are read ahead.
        past: number of items before each item.
        future: number of items after it.

    Yields:
        ``past + 1 + future`` items for each item.

    Example:
        >>> ["".join(window) for window in sliding_windows("abc", past=1, future=1)]
        ['aab', 'abc', 'bcc']
    """
    window: deque[T] = deque(maxlen=past + 1 + future)
    for item in items:
        window.extend([item] * (1 if window else past + 1))
        if len(window) == window.maxlen:
            yield list(window)
    for _ in range(future if window else 0):
        window.append(window[-1])
        if len(window) == window.maxlen:
            yield list(window)
