"""Settings that all splits and clips of a dataset share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fidip.core.errors import ArgumentError
from fidip.core.progress import Progress, silent
from fidip.synth.appearance import Appearance
from fidip.synth.body.own_body import OwnBody
from fidip.synth.labels.clinical import check_names

MORE_LABELS = ("none", "joints", "all")
DATASET_NOTE = (
    "free stand-in rendered by fidip from the anny body model; not SyRIP and not real people"
)


@dataclass(frozen=True)
class RenderSettings:
    """What all splits and clips of a dataset share.

    Attributes:
        appearances: appearances by name.
        size_wh: width and height of the images, px.
        seed: determines all images, together with split and number.
        workers: number of processes; the result does not depend on it.
        progress: receives the number of rendered images, with the split as the stage.
        own: body to use instead of the one that ships.
        more_labels: "joints" also writes 3D labels, "all" masks and depth too; stills only.
        extra_points: kinds of clinical points to write into a second annotation file; stills only.
        first: number of images of each part to render; None for all. Stills only.
    """

    appearances: Mapping[str, Appearance]
    size_wh: tuple[int, int]
    seed: int = 0
    workers: int = 1
    progress: Progress = silent
    own: OwnBody | None = None
    more_labels: str = "none"
    extra_points: tuple[str, ...] = ()
    first: int | None = None

    def __post_init__(self) -> None:
        if self.more_labels not in MORE_LABELS:
            choices = ", ".join(MORE_LABELS)
            raise ArgumentError("more_labels", self.more_labels, f"expected one of {choices}")
        check_names(self.extra_points)
        if self.first is not None and (not isinstance(self.first, int) or self.first < 1):
            raise ArgumentError(
                "first", self.first, "expected 1 or more images of each part, or null for all"
            )

    @property
    def note(self) -> str:
        """Origin and terms of the images, for the annotation file."""
        if self.own is None:
            return DATASET_NOTE
        return (
            f"rendered by fidip; {self.own.group} bodies from the user's own {self.own.file.name} "
            f"(SHA-256 {self.own.digest}), whose licence holds for these images; "
            "not SyRIP and not real people"
        )
