"""What filters of a track have in common: one call, and a step a frame for those that need no later one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from fidip.core.arrays import Floats, Mask, Scores
from fidip.core.errors import ConfigError
from fidip.core.track import Track

Step = Callable[[float, Floats, Scores], tuple[Floats, Scores]]
"""Takes the next frame's time in s, key points (K, 2) in image px, NaN where unknown, and
confidences (K,); returns those two, filtered."""


class Filter(Protocol):
    """Maps a track to a track of the same frames. Key points unknown to it may become known, or the reverse."""

    def __call__(self, track: Track) -> Track: ...


class CausalFilter(Filter, Protocol):
    """A filter that also works frame by frame, without the frames that follow."""

    @abstractmethod
    def online(self) -> Step:
        """A step that remembers the frames that it was called with, for one person."""


def apply_step(step: Step, track: Track) -> Track:
    """The track that a step makes of the frames, one after the other."""
    if not len(track):
        return track
    frames = [
        step(*frame) for frame in zip(track.times.tolist(), track.xy, track.scores, strict=True)
    ]
    xy, scores = zip(*frames, strict=True)
    return replace(track, xy=np.stack(xy), scores=np.stack(scores))


@dataclass(frozen=True)
class Chain:
    """Filters one after the other; without any, a track as it was found.

    Attributes:
        filters: in their order.
        causal: let each use the frames so far alone, as with a camera.

    Raises:
        ConfigError: causal, and one of the filters needs later frames.
    """

    filters: Sequence[Filter] = ()
    causal: bool = False

    def __post_init__(self) -> None:
        if self.causal:
            self.online()

    def __call__(self, track: Track) -> Track:
        if self.causal:
            return apply_step(self.online(), track)
        for filter_ in self.filters:
            track = filter_(track)
        return track

    def online(self) -> Step:
        """The filters' steps, one after the other."""
        steps = [_online(filter_) for filter_ in self.filters]

        def step(time: float, xy: Floats, scores: Scores) -> tuple[Floats, Scores]:
            for each in steps:
                xy, scores = each(time, xy, scores)
            return xy, scores

        return step


def _online(filter_: Filter) -> Step:
    make: Callable[[], Step] | None = getattr(filter_, "online", None)
    if make is None:
        raise ConfigError(
            f"smoothing.causal=true: {type(filter_).__name__} needs later frames; "
            "choose smoothing=one_euro or kalman"
        )
    return make()


def known_in(xy: Floats) -> Mask:
    """(...) where key points (..., 2) have both coordinates."""
    return np.asarray(np.isfinite(xy).all(axis=-1))


def body_size(xy: Floats) -> Floats:
    """(...) px that noise and speed are told in: about two torso lengths.

    Twice the median distance of the known key points (..., K, 2) to the point of their median
    coordinates, which a few key points far off do not change; NaN where fewer than three are known.
    """
    xy = np.where(known_in(xy)[..., None], xy, np.nan)
    enough = known_in(xy).sum(axis=-1) >= 3
    filled = np.where(enough[..., None, None], xy, 0.0)
    middle = np.nanmedian(filled, axis=-2, keepdims=True)
    size = 2 * np.nanmedian(np.linalg.norm(filled - middle, axis=-1), axis=-1)
    return np.where(enough, size, np.nan)


def usual_size(xy: Floats) -> float:
    """Median ``body_size`` over the frames of (T, K, 2), px; NaN where there is none."""
    sizes = body_size(xy)
    sizes = sizes[np.isfinite(sizes)]
    return float(np.median(sizes)) if len(sizes) else float("nan")


class RunningSize:
    """The usual body size so far: the median over the last frames, at most ``MEMORY`` of them."""

    MEMORY = 31

    def __init__(self) -> None:
        self._last: list[float] = []

    def __call__(self, xy: Floats) -> float:
        """In px, with (K, 2) key points of one more frame; NaN as long as there was none to measure."""
        size = float(body_size(xy))
        if np.isfinite(size):
            self._last = [*self._last[1 - self.MEMORY :], size]
        return float(np.median(self._last)) if self._last else float("nan")
