"""Progress reports of long operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with a stage name, the number of completed steps, and their total (0 if unknown)."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore a progress report."""


def reported(items: Iterable[T], stage: str, total: int, progress: Progress) -> Iterator[T]:
    """Yield items, and report each one as a completed step when the next is asked for.

    Args:
        items: results of the steps.
        stage: name of the stage.
        total: number of items; 0 if unknown.
        progress: receives the reports.

    Example:
        >>> list(reported("ab", "letters", 2, lambda *report: print(report)))
        ('letters', 1, 2)
        ('letters', 2, 2)
        ['a', 'b']
    """
    for done, item in enumerate(items, start=1):
        yield item
        progress(stage, done, total)
