"""Finding one infant in an image without a box, and following it through a video.

The pose network looks over the whole image at several sizes and rotations, or where a detector found
people, then in windows around the key points that it found there, until it is surest of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fidip.inference.detectors import NOBODY, Detector
from fidip.inference.predictor import Floats, Predictor, Window
from fidip.skeleton import COCO17
from fidip.types import ImageSize

Image = NDArray[np.uint8]

SCALES = (1.0, 0.6)
"""Sizes of the windows that search an image, relative to the square around it."""
ROTATIONS = (0.0, 90.0, 180.0, 270.0)
CANDIDATES = 3
REFINEMENTS = 3
PADDING = 1.4
"""A window's width relative to its key points' extent: wrists and crowns lie inside the body's box,
which is padded by 1.25."""

SHRINKAGE = 0.98
"""A followed window keeps at least so much of its width, so that it does not close in on the surest limbs."""
DOUBT, FORGETTING, REST = 0.8, 0.99, 10
"""A pose of less than 0.8 of the usual score is searched for, at most every 11 frames; what is usual
is the best score so far, which fades by 1 % a frame."""

SHOULDERS = [COCO17.joints.index(f"{side}_shoulder") for side in ("left", "right")]
HIPS = [COCO17.joints.index(f"{side}_hip") for side in ("left", "right")]


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one image.

    Attributes:
        xy: (K, 2) key points in image px.
        scores: (K,) their confidences.
        window: where they were found.
    """

    xy: Floats
    scores: NDArray[np.float32]
    window: Window

    @property
    def score(self) -> float:
        """Mean confidence: what one pose is preferred to another by."""
        return float(self.scores.mean())

    def box_xywh(self) -> Floats:
        """(4,) the key points' box in image px."""
        corner = self.xy.min(axis=0)
        return np.concatenate([corner, self.xy.max(axis=0) - corner])


class Finder:
    """One infant, image after image: followed where it was, searched for where it was lost.

    Args:
        predictor: of key points.
        lost: mean confidence below which a followed infant is searched for anew.
        rotations: of the windows that search, in degrees.
        detector: of people, where a search begins.
    """

    def __init__(
        self,
        predictor: Predictor,
        lost: float = 0.2,
        rotations: Sequence[float] = ROTATIONS,
        detector: Detector = NOBODY,
    ) -> None:
        self.predictor = predictor
        self.rotations = rotations
        self.detector = detector
        self.lost = lost
        self._last: Pose | None = None
        self._velocity: Floats | float = 0.0
        self._usual = 0.0
        self._rest = 0

    def __call__(self, image: Image) -> Pose:
        """The pose in the next image of a video."""
        pose, followed = self._follow(image), True
        if pose is None or self._doubts(pose):
            found = search(self.predictor, image, self.rotations, self.detector)
            self._rest = REST
            if pose is None or found.score > pose.score:
                pose, followed = found, False
        self._remember(pose, followed)
        return pose

    def _follow(self, image: Image) -> Pose | None:
        if self._last is None:
            return None
        last = self._last
        window = window_around(last.xy + self._velocity, last.scores, self.predictor.aspect_ratio)
        window = replace(window, width=max(window.width, SHRINKAGE * last.window.width))
        return look(self.predictor, image, [window])[0]

    def _doubts(self, pose: Pose) -> bool:
        """Whether a followed pose is so unsure that the image should be searched, if not just now."""
        self._rest -= 1
        return pose.score < max(self.lost, DOUBT * self._usual) and self._rest < 0

    def _remember(self, pose: Pose, followed: bool) -> None:
        last = self._last if followed else None
        # Half of the last motion, once more: a limb that stops does not leave the window.
        self._velocity = (pose.xy - last.xy) / 2 if last is not None else 0.0
        self._usual = max(pose.score, FORGETTING * self._usual)
        self._last = pose if pose.score >= self.lost else None


def search(
    predictor: Predictor,
    image: Image,
    rotations: Sequence[float] = ROTATIONS,
    detector: Detector = NOBODY,
) -> Pose:
    """The pose that the network is surest of in an (H, W, 3) RGB image, at any rotation.

    Where a detector finds people, only they are looked at; else it is searched for anywhere.
    """
    wh = (image.shape[1], image.shape[0])
    boxes_xywh, _ = detector(image)
    windows = [
        window
        for box in boxes_xywh
        for window in box_windows(box, predictor.aspect_ratio, rotations)
    ] or search_windows(wh, predictor.aspect_ratio, rotations)
    poses = sorted(look(predictor, image, windows), key=lambda p: -p.score)[:CANDIDATES]
    best = poses[0]
    for _ in range(REFINEMENTS):
        around = [window_around(p.xy, p.scores, predictor.aspect_ratio) for p in poses]
        poses = look(predictor, image, around)
        best = max([best, *poses], key=lambda p: p.score)
    return best


def look(predictor: Predictor, image: Image, windows: list[Window]) -> list[Pose]:
    """The pose in each window."""
    return [Pose(*found) for found in zip(*predictor(image, windows), windows, strict=True)]


def search_windows(
    image_wh: ImageSize, aspect_ratio: float, rotations: Sequence[float] = ROTATIONS
) -> list[Window]:
    """Windows all over an image, at ``SCALES`` and rotations in degrees; smaller ones overlap by half."""
    size = max(image_wh[0], image_wh[1] * aspect_ratio)
    windows = []
    for scale in SCALES:
        width = size * scale
        steps = [max(1, math.ceil(2 * (length / (width / unit) - 1)) + 1)
                 for length, unit in zip(image_wh, (1, aspect_ratio), strict=True)]  # fmt: skip
        for y in _centers(image_wh[1], width / aspect_ratio, steps[1]):
            for x in _centers(image_wh[0], width, steps[0]):
                center = np.array([x, y])
                windows += [Window(center, width, rotation) for rotation in rotations]
    return windows


def box_windows(
    box_xywh: Floats, aspect_ratio: float, rotations: Sequence[float] = ROTATIONS
) -> list[Window]:
    """Windows around a person's box in image px, each as large as the box that it sees turned."""
    center = box_xywh[:2] + (box_xywh[2:] - 1) / 2
    windows = []
    for rotation in rotations:
        cos, sin = abs(math.cos(math.radians(rotation))), abs(math.sin(math.radians(rotation)))
        width, height = np.array([[cos, sin], [sin, cos]]) @ box_xywh[2:]
        windows.append(Window(center, float(max(width, height * aspect_ratio, 2)) * 1.25, rotation))
    return windows


def _centers(length: int, width: float, steps: int) -> list[float]:
    """Centres of windows that cover a length of px, the middle alone where one does."""
    if steps == 1 or width >= length:
        return [(length - 1) / 2]
    return np.linspace(width / 2, length - 1 - width / 2, steps).tolist()


def window_around(xy: Floats, scores: NDArray[np.float32], aspect_ratio: float) -> Window:
    """The window that holds the surer half of (K, 2) key points, turned so that the torso is upright.

    The less sure half counts where it lies within the surer one's reach.
    """
    up = xy[SHOULDERS].mean(axis=0) - xy[HIPS].mean(axis=0)
    angle = math.atan2(up[0], -up[1])  # image y points down
    cos, sin = math.cos(angle), math.sin(angle)
    to_window = np.array([[cos, sin], [-sin, cos]])
    turned = xy @ to_window.T
    sure = turned[scores >= np.median(scores)]
    middle, reach = np.median(sure, axis=0), np.ptp(sure, axis=0).max()
    held = turned[(np.abs(turned - middle) <= reach).all(axis=1)]
    low, high = held.min(axis=0), held.max(axis=0)
    width, height = high - low
    width = max(width, height * aspect_ratio, 2.0) * PADDING
    return Window(((low + high) / 2) @ to_window, float(width), math.degrees(angle))
