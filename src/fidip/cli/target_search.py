"""Search for the infant in the target images of a training run."""

from __future__ import annotations

from collections.abc import Sequence

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.loading import default_ckpt, load_predictor
from fidip.core.arrays import Floats, Image
from fidip.core.people import Annotation
from fidip.data.target_images import find_target
from fidip.inference import Predictor
from fidip.inference.search import person_boxes
from fidip.nn.weights.model_zoo import entry_of


class InfantFinder:
    """Finder of the person that ``fidip predict`` finds by default; loaded when first used."""

    def __init__(self) -> None:
        self.ckpt = default_ckpt(has_video=True)
        self._predictor: Predictor | None = None

    @property
    def name(self) -> str:
        """Return the name of the weights' file; ``zoo:fast`` may be another in a later version."""
        return entry_of(self.ckpt).source

    def __call__(self, image: Image) -> Floats:
        """Return (N, 4) boxes xywh in image px; none without a certain person."""
        self._predictor = self._predictor or load_predictor(self.ckpt)
        return person_boxes(self._predictor, image)


def find_target_people(source: str, frames: int) -> Sequence[Annotation]:
    """Find the infant in images and videos, with a progress bar; see ``find_target``.

    Args:
        source: path of a file or folder, or a glob pattern.
        frames: number of frames that are taken from each video.
    """
    with ConsoleProgress("image") as progress:
        return find_target(source, frames, InfantFinder(), progress)
