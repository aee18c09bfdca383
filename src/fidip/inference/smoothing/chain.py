"""Interfaces of filters, chains of filters, and body size as their unit of length."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.errors import ArgumentError
from fidip.core.track import Track

OnlineStep = Callable[[float, Floats, Scores], tuple[Floats, Scores]]
"""Filters one frame.

Takes the time of the next frame in s, (K, 2) keypoints in image px, NaN where unknown, and (K,)
confidences; returns filtered keypoints and confidences.
"""


class Filter(Protocol):
    """Interface of filters, from a track to a track of the same frames.

    Filters may make unknown keypoints known and the reverse.
    """

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        ...


class CausalFilter(Filter, Protocol):
    """Filter that also works frame by frame, without later frames."""

    @abstractmethod
    def online(self) -> OnlineStep:
        """Return a step for one person, which stores its own state."""


def apply_step(step: OnlineStep, track: Track) -> Track:
    """Apply a step to all frames of a track.

    Args:
        step: step to call with each frame.
        track: track of one person.

    Returns:
        The filtered track.
    """
    if not len(track):
        return track
    frames = [
        step(*frame) for frame in zip(track.times.tolist(), track.xy, track.scores, strict=True)
    ]
    xy, scores = zip(*frames, strict=True)
    return replace(track, xy=np.stack(xy), scores=np.stack(scores))


@dataclass(frozen=True)
class Chain:
    """Filters in sequence; an empty chain returns tracks unchanged.

    Attributes:
        filters: filters in their order.
        causal: use only past frames, as with a camera.

    Raises:
        ArgumentError: ``causal`` is set and a filter needs later frames.
    """

    filters: Sequence[Filter] = ()
    causal: bool = False

    def __post_init__(self) -> None:
        if self.causal:
            self.online()

    def __call__(self, track: Track) -> Track:
        """Return the filtered track."""
        if self.causal:
            return apply_step(self.online(), track)
        for filter_ in self.filters:
            track = filter_(track)
        return track

    def online(self) -> OnlineStep:
        """Return the steps of the filters in sequence.

        Raises:
            ArgumentError: a filter needs later frames.
        """
        steps = [_online(filter_) for filter_ in self.filters]

        def step(time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
            for each in steps:
                xy, scores = each(time, xy, scores)
            return xy, scores

        return step


def _online(filter_: Filter) -> OnlineStep:
    make: Callable[[], OnlineStep] | None = getattr(filter_, "online", None)
    if make is None:
        raise ArgumentError(
            "causal",
            True,
            f"{type(filter_).__name__} needs later frames; expected filters that do not. Choose "
            "one_euro or kalman",
        )
    return make()


def known_in(xy: Floats) -> Mask:
    """Return whether keypoints are known.

    Args:
        xy: (..., 2) keypoints.

    Returns:
        (...) bool, whether both coordinates are finite.

    Example:
        >>> known_in(np.array([[1.0, 2.0], [np.nan, 2.0]]))
        array([ True, False])
    """
    return np.asarray(np.isfinite(xy).all(axis=-1))


def body_size(xy: Floats) -> Floats:
    """Return the body size, the unit of noise and speed: about two torso lengths.

    It is twice the median distance of the known keypoints to the point of their median coordinates,
    which a few distant keypoints do not affect.

    Args:
        xy: (..., K, 2) keypoints in image px.

    Returns:
        (...) sizes in px, NaN where fewer than three keypoints are known.

    Example:
        >>> body_size(np.array([[0.0, 0.0], [0.0, 10.0], [0.0, 20.0]]))
        array(20.)
    """
    xy = np.where(known_in(xy)[..., None], xy, np.nan)
    enough = known_in(xy).sum(axis=-1) >= 3
    filled = np.where(enough[..., None, None], xy, 0.0)
    middle = np.nanmedian(filled, axis=-2, keepdims=True)
    size = 2 * np.nanmedian(np.linalg.norm(filled - middle, axis=-1), axis=-1)
    return np.where(enough, size, np.nan)


def usual_size(xy: Floats) -> float:
    """Return the median body size over the frames of a track.

    Args:
        xy: (T, K, 2) keypoints in image px.

    Returns:
        Size in px, NaN if no frame has one.

    Example:
        >>> usual_size(np.array([[[0.0, 0.0], [0.0, 10.0], [0.0, 20.0]]]))
        20.0
    """
    sizes = body_size(xy)
    sizes = sizes[np.isfinite(sizes)]
    return float(np.median(sizes)) if len(sizes) else float("nan")


class RunningSize:
    """Median body size over the last frames, at most ``MEMORY`` of them."""

    MEMORY = 31

    def __init__(self) -> None:
        self._last: list[float] = []

    def __call__(self, xy: Floats) -> float:
        """Return the size after one more frame.

        Args:
            xy: (K, 2) keypoints in image px.

        Returns:
            Size in px, NaN if no frame so far has one.
        """
        size = float(body_size(xy))
        if np.isfinite(size):
            self._last = [*self._last[1 - self.MEMORY :], size]
        return float(np.median(self._last)) if self._last else float("nan")
