"""Progress bars on the console, with an estimate of the time that a long video takes."""

from __future__ import annotations

from time import perf_counter
from types import TracebackType

from tqdm import tqdm

FRAMES, SECONDS = 20, 5.0
"""Frames after which the rate is known, or the seconds, whichever comes first."""
LONG = 60.0
"""Remaining seconds from which a stage counts as long."""


class ConsoleProgress:
    """A progress callback that draws a bar for each stage, and is closed as a context manager.

    Args:
        unit: what is counted, such as ``frame``.
        note: added to the estimate of a long stage.
        description: of the bar; None for the stage's name.
        patience: seconds before a bar is shown; a bar with patience disappears at its end.
    """

    def __init__(
        self, unit: str, note: str = "", description: str | None = None, patience: float = 0.0
    ) -> None:
        self.unit, self.note, self.description = unit, note, description
        self.patience = patience
        self._bar: tqdm | None = None
        self._stage = ""
        self._estimate = Estimate()

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Draw the bar of a stage; another name ends the bar of the stage before."""
        if self._bar is None or stage != self._stage:
            self.__exit__(None, None, None)
            self._stage, self._estimate = stage, Estimate()
            self._bar = tqdm(total=total or None, unit=self.unit, disable=None,
                             desc=self.description or stage, delay=self.patience,
                             leave=not self.patience)  # fmt: skip
        self._bar.update(done - self._bar.n)
        estimate = self._estimate(stage, done, total)
        if estimate and self.note:
            self._bar.write(estimate + self.note)


class Estimate:
    """Estimates once, soon after its start, how long a long stage takes.

    The first step does not count: the whole of the first frame of a video is searched.
    """

    def __init__(self) -> None:
        self._start: float | None = None
        self._is_done = False

    def __call__(self, stage: str, done: int, total: int) -> str | None:
        """Return the estimate, once, where the rest takes over a minute."""
        if done == 1:
            self._start = perf_counter()
        if self._start is None or self._is_done or done < 2:
            return None
        elapsed = perf_counter() - self._start
        if done <= FRAMES and elapsed <= SECONDS:
            return None
        self._is_done = True
        rate = (done - 1) / max(elapsed, 1e-9)
        return describe(stage, total, rate) if (total - done) / rate > LONG else None


def describe(stage: str, total: int, rate: float) -> str:
    """Return how long so many frames take at a rate in frames per second.

    Example:
        >>> describe("baby.mp4", 5400, 12.0)
        'baby.mp4: about 8 min for 5400 frames at 12.0 frames/s'
    """
    minutes = max(1, round(total / rate / 60))
    return f"{stage}: about {minutes} min for {total} frames at {rate:.1f} frames/s"
