"""Split of labelled video frames into training and test, and nested subsets of the training part.

All frames of a subject, or at least of a video, are on one side: frames of one video are alike.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fidip.core.errors import ArgumentError, DataError
from fidip.data.video_labels import LabelledFrame

LEAST = 5
"""Minimum number of labelled frames on each side."""
TESTED = 0.25
"""Fraction of the subjects, or of the videos, that are for the test."""
ALL = "all"
"""Name of the largest subset."""


@dataclass(frozen=True)
class VideoSplit:
    """Split of videos and of their labelled frames.

    Attributes:
        by: ``subject`` or ``video``, which are not divided.
        train: labelled frames to train on.
        test: labelled frames to test on.
        test_videos: all videos of the test side, also those without labels.
    """

    by: str
    train: Sequence[LabelledFrame]
    test: Sequence[LabelledFrame]
    test_videos: frozenset[str]


def split_by_subject(
    frames: Sequence[LabelledFrame],
    subjects: Mapping[str, str],
    test_subjects: Sequence[str] | None,
    seed: int,
) -> VideoSplit:
    """Split labelled frames by subject.

    Args:
        frames: the labelled frames.
        subjects: subject of every video, also of those without labels.
        test_subjects: subjects of the test; None to draw a quarter of those with labels.
        seed: seed of the draw.

    Raises:
        ArgumentError: a subject is unknown, has no labels, or all subjects are in the test.
        DataError: there is one subject only, or a side has too few frames.

    Example:
        >>> frames = [LabelledFrame(i, f"{who}.mp4", who) for i, who in enumerate("ab" * 5)]
        >>> split = split_by_subject(frames, {"a.mp4": "a", "b.mp4": "b"}, ["b"], seed=0)
        >>> {frame.subject for frame in split.train}, sorted(split.test_videos)
        ({'a'}, ['b.mp4'])
    """
    labelled = sorted({frame.subject for frame in frames})
    if test_subjects is not None:
        _require_subjects(test_subjects, labelled)
    if len(labelled) == 1:
        raise DataError(
            f"labels: all {len(frames)} labelled frames are of one subject, {labelled[0]}; "
            "expected at least two, one of them for the test. Label another one, or give "
            "split=video to test on other videos of this infant"
        )
    chosen = frozenset(test_subjects or _drawn(labelled, seed))
    videos = frozenset(video for video, subject in subjects.items() if subject in chosen)
    return _split("subject", frames, videos, f"subjects {', '.join(sorted(chosen))}")


def split_by_video(frames: Sequence[LabelledFrame], seed: int) -> VideoSplit:
    """Split labelled frames by video, so that a subject can be on both sides.

    Args:
        frames: the labelled frames.
        seed: seed of the draw of a quarter of the videos for the test.

    Raises:
        DataError: there is one video only, or a side has too few frames.

    Example:
        >>> frames = [LabelledFrame(i, f"{i // 5}.mp4", "a") for i in range(20)]
        >>> split = split_by_video(frames, seed=0)
        >>> len(split.train), len(split.test), len(split.test_videos)
        (15, 5, 1)
    """
    videos = sorted({frame.video for frame in frames})
    if len(videos) == 1:
        raise DataError(
            f"labels: all {len(frames)} labelled frames are of one video, {videos[0]}, whose "
            "frames are alike; expected at least two videos, one of them for the test. Label "
            "frames of another video"
        )
    chosen = frozenset(_drawn(videos, seed))
    return _split("video", frames, chosen, f"videos {', '.join(sorted(chosen))}")


def spread_order(frames: Sequence[LabelledFrame], seed: int) -> list[LabelledFrame]:
    """Order frames at random so that each beginning is spread over subjects, then over videos.

    Subjects take turns, and so do the videos of a subject. The first N frames are a subset of the
    first M > N.

    Args:
        frames: the labelled frames.
        seed: seed of the order.

    Example:
        >>> frames = [LabelledFrame(i, f"{who}.mp4", who) for i, who in enumerate("aaaab")]
        >>> sorted(frame.subject for frame in spread_order(frames, seed=0)[:2])
        ['a', 'b']
    """
    rng = np.random.default_rng(seed)
    shuffled = [frames[number] for number in rng.permutation(len(frames))]
    in_video: dict[str, int] = {}
    in_subject: dict[str, list[tuple[int, int, LabelledFrame]]] = {}
    for position, frame in enumerate(shuffled):
        turn = in_video[frame.video] = in_video.get(frame.video, -1) + 1
        in_subject.setdefault(frame.subject, []).append((turn, position, frame))
    ranked = [
        (rank, position, frame)
        for found in in_subject.values()
        for rank, (_, position, frame) in enumerate(sorted(found, key=lambda each: each[:2]))
    ]
    return [frame for *_, frame in sorted(ranked, key=lambda each: each[:2])]


def subset_sizes(counts: Sequence[int], total: int) -> dict[str, int]:
    """Return the sizes of the subsets by name: the counts below the total, and ``all``.

    Args:
        counts: wanted numbers of frames.
        total: number of training frames.

    Example:
        >>> subset_sizes([50, 10, 25], total=40)
        {'10': 10, '25': 25, 'all': 40}
    """
    sizes = {str(count): count for count in sorted(set(counts)) if count < total}
    return {**sizes, ALL: total}


def _require_subjects(wanted: Sequence[str], labelled: Sequence[str]) -> None:
    """Check that the test subjects have labels, and that others are left."""
    there = f"there are labels of {', '.join(labelled)}"
    if not wanted:
        raise ArgumentError("test_subjects", wanted, "expected at least one; null draws them")
    for name in wanted:
        if name not in labelled:
            close = difflib.get_close_matches(name, labelled, 1)
            near = f", did you mean {close[0]}?" if close else ""
            raise ArgumentError(
                "test_subjects", wanted, f"no labelled frame is of {name}{near}; {there}"
            )
    if set(wanted) >= set(labelled):
        raise ArgumentError(
            "test_subjects", wanted, f"leaves no subject to train on; {there}. Leave one out"
        )


def _drawn(names: Sequence[str], seed: int) -> list[str]:
    """Return a random quarter of the names, at least one."""
    count = max(1, round(TESTED * len(names)))
    return [names[i] for i in np.random.default_rng(seed).permutation(len(names))[:count]]


def _split(
    by: str, frames: Sequence[LabelledFrame], test_videos: frozenset[str], chosen: str
) -> VideoSplit:
    test = [frame for frame in frames if frame.video in test_videos]
    train = [frame for frame in frames if frame.video not in test_videos]
    if min(len(test), len(train)) < LEAST:
        raise DataError(
            f"labels: {len(train)} labelled frames to train on and {len(test)} to test on "
            f"({chosen}); expected at least {LEAST} each. Label more frames"
            + (", or choose others with test_subjects=[NAME]" if by == "subject" else "")
        )
    return VideoSplit(by, train, test, test_videos)
