"""Base class of the pipelines.

A pipeline consists of objects, takes paths and returns values. It does not print; a callback
reports progress.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fidip.core.errors import ConfigError
from fidip.inference.crop_windows import ROTATIONS
from fidip.inference.detectors import NO_DETECTOR, Detector
from fidip.inference.overlay import Overlay
from fidip.inference.person_selection import Preference, infancy
from fidip.inference.predictor import Predictor
from fidip.inference.writers import OUTPUT_FORMATS


@dataclass(frozen=True)
class Pipeline:
    """Base class of the pipelines.

    Attributes:
        predictor: predicts the keypoints in crop windows.
        writers: files to write: ``overlay`` and keys of ``OUTPUT_FORMATS`` in
            ``fidip.inference.writers``.
        overlay: drawing settings.
        detector: proposes boxes of people; by default the pose network searches the image.
        prefer: weights people, to choose one of several.
        rotations: rotations of the search windows, in degrees.

    Raises:
        ConfigError: a writer is unknown.
    """

    predictor: Predictor
    writers: Sequence[str] = field(default=(), kw_only=True)
    overlay: Overlay = field(default=Overlay(), kw_only=True)
    detector: Detector = field(default=NO_DETECTOR, kw_only=True)
    prefer: Preference = field(default=infancy, kw_only=True)
    rotations: Sequence[float] = field(default=ROTATIONS, kw_only=True)

    def __post_init__(self) -> None:
        unknown = [name for name in self.writers if name not in ("overlay", *OUTPUT_FORMATS)]
        if unknown:
            names = ", ".join(("overlay", *OUTPUT_FORMATS))
            raise ConfigError(f"writers: {unknown[0]!r} is not one of {names}")

    @property
    def formats(self) -> list[str]:
        """The writers of tables."""
        return [name for name in self.writers if name != "overlay"]
