"""How long a video will take, told soon after its start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

FRAMES, SECONDS = 20, 5.0
"""Frames after which the rate is known, or the seconds, whichever comes first."""
LONG = 60.0
"""Seconds from which a video counts as long."""


def with_forecast(
    frames: Iterable[T], total: int, say: Callable[[str], object], name: str
) -> Iterator[T]:
    """The same frames; soon after the first, ``say`` how long a long video will take.

    The time of the first frame does not count: the whole of it is searched.

    Args:
        frames: of a video.
        total: how many there will be; 0 where that is not known.
        say: takes the line.
        name: of the video.
    """
    start = None
    for index, frame in enumerate(frames):
        if index == 1:
            start = perf_counter()
        elif start is not None and (index > FRAMES or perf_counter() - start > SECONDS):
            rate = (index - 1) / (perf_counter() - start)
            if (total - index) / rate > LONG:
                say(forecast(total, rate, name))
            start = None
        yield frame


def forecast(total: int, rate: float, name: str) -> str:
    """How long so many frames take at a rate in frames per second.

    >>> forecast(5400, 12.0, "baby.mp4")
    'baby.mp4: about 8 min for 5400 frames at 12.0 frames/s, drawing not included'
    """
    minutes = max(1, round(total / rate / 60))
    return (
        f"{name}: about {minutes} min for {total} frames at {rate:.1f} frames/s, drawing "
        "not included"
    )
