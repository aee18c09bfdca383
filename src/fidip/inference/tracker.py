"""Finding one infant in an image without a box, and following it through a video.

The pose network looks over the whole image at several sizes and rotations, or where a detector found
people, then in windows around the key points of each that it found, until it is surest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fidip.core.arrays import Floats, Image
from fidip.core.crop_window import CropWindow
from fidip.inference.crop_windows import (
    ROTATIONS,
    box_windows,
    held_to,
    search_windows,
    window_around,
)
from fidip.inference.detectors import NOBODY, Detector
from fidip.inference.person_selection import Pose, Preference, infancy, likeness, one_per_person
from fidip.inference.predictor import Predictor


@dataclass(frozen=True)
class Effort:
    """How closely a search examines what it finds.

    Attributes:
        candidates: people that are examined.
        refinements: crops around each of them, one after the other.
    """

    candidates: int
    refinements: int


FULL, QUICK = Effort(candidates=4, refinements=3), Effort(candidates=2, refinements=1)

SHRINKAGE = 0.98
"""A followed window keeps at least so much of its width, so that it does not close in on the surest limbs."""
DOUBT, FORGETTING, REST = 0.8, 0.99, 10
"""A pose of less than 0.8 of the usual score is searched for, at most every 11 frames; what is usual
is the best score so far, which fades by 1 % a frame."""
JUMP = 0.1
"""A pose that is less like the one that was expected may be somebody else's."""
STRANGER = 0.5
"""Somebody who is not where the followed person was must be wanted twice as much."""
PLAUSIBLE = 0.6
"""A pose must be at least so sure, relative to the surest one, to be somebody."""
MEMORY = 0.95
"""Share of the opinion of a followed person, infant or not, that stays from frame to frame."""


class SinglePersonTracker:
    """One infant, image after image: followed where it was, searched for where it was lost.

    Args:
        predictor: of key points.
        lost: mean confidence below which a followed infant is searched for anew.
        rotations: of the windows that search, in degrees.
        detector: of people, where a search begins.
        prefer: whom to follow of several people.
        spread: search one rotation an image, so that no image takes much longer than the others.
    """

    def __init__(
        self,
        predictor: Predictor,
        lost: float = 0.2,
        rotations: Sequence[float] = ROTATIONS,
        detector: Detector = NOBODY,
        prefer: Preference = infancy,
        spread: bool = False,
    ) -> None:
        self.predictor = predictor
        self.rotations = rotations
        self.detector = detector
        self.lost = lost
        self.prefer = prefer
        self.spread = spread
        self._unsearched: list[float] = []
        self._last: Pose | None = None
        self._velocity: Floats | float = 0.0
        self._is_lost = False
        self._usual = 0.0
        self._wanted = 1.0
        self._rest, self._patience = 0, REST

    def __call__(self, image: Image) -> Pose:
        """The pose in the next image of a video."""
        pose = self._follow(image)
        if pose is None:
            pose = self._search(image)
        elif self._doubts(pose):
            pose = self._search(image, pose)
        elif self._known(pose) < JUMP:
            return pose  # and the person is looked for where they were
        self._remember(pose)
        return pose

    def _expected(self) -> Pose | None:
        """The last pose, moved on."""
        return self._last and replace(self._last, xy=self._last.xy + self._velocity)

    def _follow(self, image: Image) -> Pose | None:
        expected = self._expected()
        if expected is None or self._is_lost:
            return None
        aspect_ratio = self.predictor.aspect_ratio
        window = window_around(expected.xy, expected.scores, aspect_ratio)
        window = replace(window, width=max(window.width, SHRINKAGE * expected.window.width))
        wh = (image.shape[1], image.shape[0])
        return look(self.predictor, image, [held_to(window, wh, aspect_ratio)])[0]

    def _doubts(self, pose: Pose) -> bool:
        """Whether the image should be searched in spite of a followed pose, if it was not just now.

        Where that is because somebody is followed who is not wanted, it is done less and less often:
        nobody else may be there.
        """
        if self._unsearched:
            return True
        self._rest -= 1
        if self._rest >= 0:
            return False
        unsure = pose.score < max(self.lost, DOUBT * self._usual)
        if unsure or self._known(pose) < JUMP:
            self._rest = REST
            return True
        if self._wanted < 0.5:
            self._rest = self._patience
            self._patience *= 2
            return True
        return False

    def _search(self, image: Image, followed: Pose | None = None) -> Pose:
        rotations, effort = self.rotations, FULL
        if self.spread:
            self._unsearched = self._unsearched or list(self.rotations)
            rotations, effort = [self._unsearched.pop(0)], QUICK
        people = search_people(self.predictor, image, rotations, self.detector, effort)
        return choose([*people, *([followed] if followed else [])], self._worth)

    def _worth(self, pose: Pose) -> float:
        return self.prefer(pose) * max(self._known(pose), STRANGER)

    def _known(self, pose: Pose) -> float:
        """How similar a pose is to the one that is expected."""
        expected = self._expected()
        return 1.0 if expected is None else likeness(pose, expected)

    def _remember(self, pose: Pose) -> None:
        last = self._last
        is_new = last is None or self._is_lost or self._known(pose) < JUMP
        # Half of the last motion, once more: a limb that stops does not leave the window.
        self._velocity = 0.0 if last is None or is_new else (pose.xy - last.xy) / 2
        share = 1.0 if is_new else 1 - MEMORY
        self._wanted += share * (self.prefer(pose) - self._wanted)
        self._usual = max(pose.score, FORGETTING * self._usual)
        self._is_lost = pose.score < self.lost
        self._last = last if last is not None and self._is_lost else pose


def search(
    predictor: Predictor,
    image: Image,
    rotations: Sequence[float] = ROTATIONS,
    detector: Detector = NOBODY,
    prefer: Preference = infancy,
) -> Pose:
    """The pose of the person in an (H, W, 3) RGB image who is wanted most."""
    return choose(search_people(predictor, image, rotations, detector), prefer)


def choose(people: Sequence[Pose], prefer: Preference) -> Pose:
    """The pose that is both sure and wanted; what is much less sure than another is nobody."""
    least = PLAUSIBLE * max(pose.score for pose in people)
    plausible = [pose for pose in people if pose.score >= least]
    return max(plausible, key=lambda pose: pose.score * prefer(pose))


def search_people(
    predictor: Predictor,
    image: Image,
    rotations: Sequence[float] = ROTATIONS,
    detector: Detector = NOBODY,
    effort: Effort = FULL,
) -> list[Pose]:
    """One pose of each person in an (H, W, 3) RGB image, at any rotation, surest first.

    Where a detector finds people, only they are looked at; else they are searched for anywhere.
    """
    wh = (image.shape[1], image.shape[0])
    boxes_xywh, _ = detector(image)
    windows = [
        window
        for box in boxes_xywh
        for window in box_windows(box, predictor.aspect_ratio, rotations)
    ] or search_windows(wh, predictor.aspect_ratio, rotations)
    poses = best = one_per_person(look(predictor, image, windows))[: effort.candidates]
    for _ in range(effort.refinements):
        around = [window_around(p.xy, p.scores, predictor.aspect_ratio) for p in poses]
        poses = look(predictor, image, around)
        best = [max(pair, key=lambda p: p.score) for pair in zip(best, poses, strict=True)]
    return one_per_person(best)


def look(predictor: Predictor, image: Image, windows: list[CropWindow]) -> list[Pose]:
    """The pose in each window."""
    return [Pose(*found) for found in zip(*predictor(image, windows), windows, strict=True)]
