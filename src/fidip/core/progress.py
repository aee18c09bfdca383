"""Progress of long work, reported to a function."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the number of steps done, and their total (0 where unknown)."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
