"""Progress reports of long operations."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a stage name, the number of completed steps, and their total (0 if unknown)."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore a progress report."""
