"""Sets of clips, and the time stamps of their frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import ArgumentError
from fidip.synth.appearance import Appearance
from fidip.synth.body.own_body import OwnBody
from fidip.synth.pose.motion import LONGEST_CLIP
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.events import ClipEvents

Ticks = NDArray[np.int64]

TIME_BASE = Fraction(1, 90_000)
"""Unit of time stamps, seconds; usual for video."""


@dataclass(frozen=True)
class ClipSet:
    """Clips of one kind.

    Attributes:
        group: "infant" or "adult".
        appearance: name of the appearance.
        postures: names of postures, taken in turn.
        number: number of clips; of each subject, if there are subjects.
        seconds: length of each, up to 60.
        fps: frames per second; the mean if the rate varies.
        variable: whether time stamps are uneven, as in videos of phones.
        kind: name for the labels.
        events: what happens, for clips of subjects; None for a person who only moves.
        subjects: numbers of the people; the same number is the same person in all clips of a
            dataset. Without numbers every clip shows another person.
    """

    group: str
    appearance: str
    postures: tuple[str, ...]
    number: int
    seconds: float
    fps: float
    variable: bool = False
    kind: str = ""
    events: ClipEvents | None = None
    subjects: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST_CLIP:
            raise ArgumentError(
                "seconds",
                self.seconds,
                f"expected more than 0 and at most {LONGEST_CLIP:g} seconds",
            )
        if self.fps <= 0:
            raise ArgumentError("fps", self.fps, "expected frames per second, such as 30")
        if (self.events is None) != (not self.subjects):
            raise ArgumentError(
                "subjects", self.subjects, "expected numbers if there are events, and none without"
            )
        known, with_events = self._possible_postures(), " with these events" if self.events else ""
        for posture in self.postures:
            if posture not in known:
                raise ArgumentError(
                    "postures",
                    self.postures,
                    f"no {self.group} posture '{posture}'{with_events}; "
                    f"expected some of {', '.join(known)}",
                )

    def _possible_postures(self) -> list[str]:
        """Return the names of the postures that suit the group and the events."""
        events = self.events or ClipEvents()
        is_carried, on_top = events.carrying is not None, (events.cover, events.handling)
        return [
            name
            for name, kind in POSTURES.items()
            if kind.group == self.group
            and (kind.label == "Held" if is_carried else kind.held is None)
            and (kind.is_lying or on_top == (None, None))
        ]

    @property
    def is_uneven(self) -> bool:
        """Whether the steps between frames differ."""
        return self.variable or (self.events is not None and self.events.drops is not None)

    def ticks(self, seed: int) -> Ticks:
        """Return the time stamps (N,) of a clip's frames in units of ``TIME_BASE``."""
        ticks = frame_ticks(self.seconds, self.fps, self.variable, seed)
        if self.events is None or self.events.drops is None:
            return ticks
        return ticks[self.events.drops.kept(len(ticks), np.random.default_rng((seed, 9)))]


@dataclass(frozen=True)
class ClipJob:
    """One clip that is to be rendered.

    Attributes:
        path: the video.
        video_id: number of the clip in the split.
        first_frame: number of its first frame in the split.
        kind: the set that it is of.
        posture: name of the posture.
        appearance: statistics of the images.
        size_wh: image (width, height), px.
        seed: determines the clip.
        own: body to use instead of the one that ships.
        subject: number of the person, if there is one.
        subject_seed: determines the person.
    """

    path: Path
    video_id: int
    first_frame: int
    kind: ClipSet
    posture: str
    appearance: Appearance
    size_wh: tuple[int, int]
    seed: int
    own: OwnBody | None
    subject: int | None = None
    subject_seed: int = 0


def frame_ticks(seconds: float, fps: float, variable: bool, seed: int) -> Ticks:
    """Return time stamps (N,) in units of ``TIME_BASE``, from 0 to below ``seconds``.

    Uneven steps are 0.6 to 1.4 times the mean, and sometimes a frame is missing.

    Args:
        seconds: length of the clip.
        fps: frames per second.
        variable: whether the steps are uneven.
        seed: determines uneven steps.

    Example:
        >>> frame_ticks(0.1, 30, False, 0).tolist()
        [0, 3000, 6000]
    """
    count = int(np.ceil(seconds * fps - 1e-9))
    steps = np.ones(count)
    if variable:
        rng = np.random.default_rng((seed, 3))
        steps = rng.uniform(0.6, 1.4, count) + (rng.random(count) < 0.03)
        steps *= count / steps.sum()
    at = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    return np.rint(at / fps / float(TIME_BASE)).astype(np.int64)
