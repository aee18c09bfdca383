"""Subjects of videos, from the names of files and folders."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from fidip.core.errors import ConfigError
from fidip.inference.output_names import Input


def subjects_of(videos: Sequence[Input], pattern: str | None) -> list[str]:
    """Return the subject of each video.

    Without a pattern, it is the folder below the common folder of all videos, or else the file
    name without its suffix.

    Args:
        videos: the videos.
        pattern: regular expression that is searched in the names of the videos; the subject is its
            first group, or all that it matches if it has none.

    Raises:
        ConfigError: the pattern is not a regular expression, or a video does not match it.

    Example:
        >>> from pathlib import Path
        >>> names = ["anna/1.mp4", "anna/2.mp4", "ben_day3.mp4"]
        >>> videos = [Input(Path(name), name, name) for name in names]
        >>> subjects_of(videos, None)
        ['anna', 'anna', 'ben_day3']
        >>> subjects_of(videos, "[a-z]+")
        ['anna', 'anna', 'ben']
    """
    if pattern is None:
        return [_subject_of(video.name) for video in videos]
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"subject={pattern}: not a regular expression ({error}); expected one such as "
            r"'(\w+)_day\d+'. Correct subject="
        ) from error
    return [_matched(video.name, expression) for video in videos]


def _subject_of(name: str) -> str:
    folder = os.path.dirname(name)
    return folder or os.path.splitext(name)[0]


def _matched(name: str, expression: re.Pattern[str]) -> str:
    found = expression.search(name)
    subject = found and (found[1] if expression.groups else found[0])
    if not subject:
        raise ConfigError(
            f"subject={expression.pattern}: does not match the video {name}; expected the name of "
            "a subject in it. Correct subject=, or leave it out to use folders and file names"
        )
    return subject
