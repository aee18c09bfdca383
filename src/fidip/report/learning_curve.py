"""AP over the number of labelled frames, compared with the weights that training started from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from fidip.core.arrays import Floats
from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.metrics import Interval, Matches, match_keypoints
from fidip.metrics.coco_bootstrap import draw_groups
from fidip.metrics.keypoint_ap import percentile_intervals
from fidip.report.figures import COLORS, _svg
from fidip.report.formatting import NOT_AVAILABLE, show_interval, show_number, show_signed

LEAST_VIDEOS = 5
"""Number of test videos from which intervals are over videos instead of frames."""
AP = "AP"
HEADER = ("labelled frames", "AP", "95 % interval", "difference from the start", "95 % interval")


@dataclass(frozen=True)
class CurvePoint:
    """AP of weights on the test frames.

    Attributes:
        labels: number of labelled frames; 0 for the start.
        ap: AP; None if undefined.
        interval: its 95 % interval.
        difference: AP minus that of the start.
        between: 95 % interval of the difference, paired; None for the start.
    """

    labels: int
    ap: float | None
    interval: Interval | None
    difference: float | None = None
    between: Interval | None = None


@dataclass(frozen=True)
class LearningCurve:
    """AP of the start and of each number of labelled frames.

    Attributes:
        points: the start first.
        over: ``test videos`` or ``test frames``, which the intervals are over.
    """

    points: Sequence[CurvePoint]
    over: str

    def rows(self) -> list[list[str]]:
        """Return the rows of a table with ``HEADER``."""
        return [
            [
                *("0 (start)" if not p.labels else str(p.labels), show_number(p.ap)),
                *(show_interval(p.interval), _signed(p.difference), show_interval(p.between)),
            ]
            for p in self.points
        ]


def learning_curve(people: People, poses: Mapping[int, Poses], rounds: int = 2000) -> LearningCurve:
    """Return AP with intervals, from a bootstrap that draws the same frames for all weights.

    With at least ``LEAST_VIDEOS`` test videos, whole videos are drawn, because frames of a video
    are alike.

    Args:
        people: the labelled people of the test.
        poses: predictions by number of labelled frames; those of the start have 0.
        rounds: number of bootstrap samples.
    """
    images = sorted(people.images, key=lambda image: image.id)
    videos = [image.video or str(image.id) for image in images]
    is_by_video = len(set(videos)) >= LEAST_VIDEOS
    groups = videos if is_by_video else [str(image.id) for image in images]
    draws = draw_groups(groups, rounds)
    once = np.ones((1, len(images)), dtype=np.int64)
    measured = {
        labels: _numbers(match_keypoints(people, found), np.concatenate([once, draws]))
        for labels, found in sorted(poses.items())
    }
    start = measured[0]
    return LearningCurve(
        [_point(labels, numbers, start) for labels, numbers in measured.items()],
        "test videos" if is_by_video else "test frames",
    )


def plot_curve(curve: LearningCurve) -> str:
    """Plot AP and its interval over the number of labelled frames.

    Args:
        curve: the curve.

    Returns:
        Inline SVG.
    """
    points = [point for point in curve.points if point.ap is not None]

    def draw(axes: Axes) -> None:
        at, values = [p.labels for p in points], [p.ap or 0.0 for p in points]
        ends = [p.interval or (p.ap or 0.0, p.ap or 0.0) for p in points]
        axes.plot(at, values, "o-", color=COLORS[0], lw=2)
        axes.fill_between(
            at, [low for low, _ in ends], [high for _, high in ends], color=COLORS[0], alpha=0.15
        )
        for x, value in zip(at, values, strict=True):
            axes.annotate(f"{value:.3f}", (x, value), (0, 8), textcoords="offset points")
        axes.set_xticks(at)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("labelled frames")
        axes.set_ylabel("AP on the test frames")

    return _svg(draw, 3.6, 7)


def _numbers(matches: Matches, draws: np.ndarray) -> Floats:
    """Return AP of all images, then of each resample."""
    return matches.numbers(draws)[:, 0]


def _point(labels: int, numbers: Floats, start: Floats) -> CurvePoint:
    ap, interval = _number(numbers[0]), _interval(numbers[1:])
    if not labels:
        return CurvePoint(labels, ap, interval)
    difference = numbers - start
    return CurvePoint(labels, ap, interval, _number(difference[0]), _interval(difference[1:]))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(values: Floats) -> Interval | None:
    return percentile_intervals(values[:, None], [AP])[AP]


def _signed(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else show_signed(value)
