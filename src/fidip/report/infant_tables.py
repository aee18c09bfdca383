"""Table of the metrics that papers on infants report: PCKsh, mKS, and detections in videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fidip.metrics.body_scale import TABLE_NAMES
from fidip.report.formatting import NOT_AVAILABLE, show_number
from fidip.report.runs import Run, by_experiment

COUNTED = {"people": "people with a scale", "left_out": "left out"}
DETECTIONS = ("missed", "redundant")
METRICS_NOTE = (
    "PCKsh and mKS: errors relative to sqrt(shoulder distance * head-hip distance), over people "
    "with labelled shoulders, hips and face; the others are left out."
)
VIDEO_NOTE = (
    "missed: frames with a person and without a detection; redundant: detections beyond one per "
    "person; both over all videos, with the largest number in one video."
)


def infant_header(runs: list[Run]) -> list[str]:
    """Return the headings of ``infant_rows``; empty if no run has these metrics.

    Args:
        runs: the finished runs.
    """
    body = [*TABLE_NAMES.values(), *COUNTED.values()] if _have_body_scaled(runs) else []
    columns = [*body, *(DETECTIONS if _have_videos(runs) else ())]
    return ["experiment", "seeds", *columns] if columns else []


def infant_rows(runs: list[Run]) -> list[list[str]]:
    """Return one row per experiment: PCKsh, mKS and numbers of people and detections.

    Args:
        runs: the finished runs.
    """
    rows = []
    for name, group in by_experiment(runs).items():
        cells = [name, str(len(group))]
        if _have_body_scaled(runs):
            found = [run.results.body_scaled or {} for run in group]
            cells += [_spread([values.get(key) for values in found]) for key in TABLE_NAMES]
            cells += [_count([values.get(key) for values in found]) for key in COUNTED]
        if _have_videos(runs):
            videos = [run.results.videos for run in group]
            cells += [_detections(videos, key) for key in DETECTIONS]
        rows.append(cells)
    return rows if infant_header(runs) else []


def infant_note(runs: list[Run]) -> str:
    """Return the meaning of the columns of ``infant_rows``; empty if there are none.

    Args:
        runs: the finished runs.
    """
    notes = [METRICS_NOTE] * _have_body_scaled(runs) + [VIDEO_NOTE] * _have_videos(runs)
    return " ".join(notes)


def video_header(runs: list[Run]) -> list[str]:
    """Return the headings of ``video_rows``; empty if no run was tested on videos.

    Args:
        runs: the finished runs.
    """
    columns = [f"{name}: {key}" for name in by_experiment(runs) for key in DETECTIONS]
    return ["video", "frames", *columns] if _have_videos(runs) else []


def video_rows(runs: list[Run]) -> list[list[str]]:
    """Return one row per video: missed and redundant detections of each experiment.

    Args:
        runs: the finished runs.
    """
    frames = {
        name: counts["frames"]
        for run in runs
        for name, counts in (run.results.videos or {}).items()
    }
    groups = by_experiment(runs).values()
    return [
        [name, str(count), *(_of_video(group, name, key) for group in groups for key in DETECTIONS)]
        for name, count in frames.items()
    ]


def _of_video(group: list[Run], video: str, key: str) -> str:
    """Return the mean over seeds of a count of one video."""
    return _count([(run.results.videos or {}).get(video, {}).get(key) for run in group])


def infant_cells(run: Run) -> dict[str, float | None]:
    """Return the metrics of one run by name; None where not available.

    Args:
        run: the finished run.
    """
    body, videos = run.results.body_scaled or {}, run.results.videos
    return {
        **{shown: body.get(key) for key, shown in {**TABLE_NAMES, **COUNTED}.items()},
        **{key: total(videos, key) if videos else None for key in DETECTIONS},
    }


def total(videos: Mapping[str, Mapping[str, int]], key: str) -> int:
    """Return the sum of a count over all videos.

    Args:
        videos: counts by video.
        key: name of the count.

    Example:
        >>> total({"a.mp4": {"missed": 3}, "b.mp4": {"missed": 1}}, "missed")
        4
    """
    return sum(counts[key] for counts in videos.values())


def _have_body_scaled(runs: list[Run]) -> bool:
    return any(run.results.body_scaled for run in runs)


def _have_videos(runs: list[Run]) -> bool:
    return any(run.results.videos for run in runs)


def _spread(values: Sequence[float | None]) -> str:
    """Return mean and standard deviation over seeds."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return NOT_AVAILABLE
    deviation = f" ± {np.std(known, ddof=1):.3f}" if len(known) > 1 else ""
    return show_number(float(np.mean(known))) + deviation


def _count(values: Sequence[int | None]) -> str:
    """Return the mean of counts over seeds, without decimals if it is whole."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return NOT_AVAILABLE
    return f"{np.mean(known):.1f}".removesuffix(".0")


def _detections(videos: Sequence[Mapping[str, Any] | None], key: str) -> str:
    """Return the mean over seeds of the total over videos, and of the largest number in one."""
    known = [counts for counts in videos if counts]
    if len(known) < len(videos):
        return NOT_AVAILABLE
    most = _count([max(video[key] for video in counts.values()) for counts in known])
    return f"{_count([total(counts, key) for counts in known])} (most {most})"
