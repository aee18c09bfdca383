"""Pipeline from photographs to poses and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fidip.core.crop_window import CropWindow
from fidip.core.errors import DataError
from fidip.core.poses import Poses
from fidip.core.progress import Progress, silent
from fidip.core.skeleton import COCO17
from fidip.inference.output_names import TABLE, Input, name_inputs
from fidip.inference.pipelines.pipeline import Pipeline
from fidip.inference.search import find_person
from fidip.inference.writers import write
from fidip.io.images import write_image
from fidip.io.video import read_photo

Boxes = Mapping[Path, Sequence[NDArray[np.float64]]]
"""(4,) boxes xywh in image px for each photograph, by path."""


@dataclass(frozen=True)
class ImagePipeline(Pipeline):
    """Prediction of people in photographs.

    With boxes, one person is predicted in each box. Without boxes, the preferred person of each
    photograph is predicted, by default the infant.
    """

    def run(
        self, paths: Sequence[str | Path], out: str | Path, progress: Progress = silent
    ) -> Poses:
        """Process photographs.

        Args:
            paths: paths of the photographs.
            out: folder for ``keypoints.csv`` and other tables, and ``overlays/``.
            progress: called after every photograph.

        Returns:
            All people, with ``image_names``; image ids number the photographs from 1.

        Raises:
            DataError: a photograph cannot be read.
        """
        inputs = name_inputs([Path(path) for path in paths], Path(out))
        return self.run_inputs(inputs, Path(out), progress=progress)

    def run_inputs(
        self,
        photos: Sequence[Input],
        out: Path,
        boxes: Boxes | None = None,
        progress: Progress = silent,
        on_error: Callable[[DataError], object] | None = None,
    ) -> Poses:
        """Process photographs with given output names.

        Args:
            photos: the photographs.
            out: folder of the outputs.
            boxes: boxes of the people in each photograph; None to search for one person.
            progress: called after every photograph.
            on_error: called with the error of a photograph that cannot be read; None to raise the
                error.

        Returns:
            All people, with ``image_names``; image ids number the photographs from 1.

        Raises:
            DataError: a photograph cannot be read, and ``on_error`` is None.
            KeyboardInterrupt: on Ctrl-C, after writing the results so far.
        """
        found: list[Poses] = []
        try:
            for number, photo in enumerate(photos, start=1):
                try:
                    found.append(self._process(photo, number, out, boxes))
                except DataError as error:
                    if on_error is None:
                        raise
                    on_error(error)
                progress("photographs", number, len(photos))
        except KeyboardInterrupt:
            kept = [f"{len(found)} of {len(photos)} photographs"] if found else []
            raise KeyboardInterrupt(*kept) from None
        finally:
            poses = Poses.concatenate(found) if found else _no_poses()
            if found:
                write(poses, out / TABLE, self.formats)
        return poses

    def _process(self, photo: Input, number: int, out: Path, boxes: Boxes | None) -> Poses:
        image = read_photo(photo.path)
        poses = self.predict(image, None if boxes is None else boxes[photo.path])
        if "overlay" in self.writers:
            drawn = self.overlay(image, poses)
            write_image(out / "overlays" / f"{photo.stem}.jpg", drawn)
        count = len(poses)
        return replace(
            poses,
            image_ids=np.full(count, number),
            image_names=np.array([photo.name] * count, dtype=object),
        )

    def predict(
        self, image: NDArray[np.uint8], boxes: Sequence[NDArray[np.float64]] | None = None
    ) -> Poses:
        """Predict people in one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: (4,) boxes xywh in image px; None to search for the preferred person.

        Returns:
            A pose for each box, or one pose.
        """
        if boxes is None:
            return find_person(self.predictor, image, self.rotations, self.detector, self.prefer)
        if not len(boxes):
            return _no_poses()
        wh = (image.shape[1], image.shape[0])
        aspect_ratio = self.predictor.aspect_ratio
        return self.predictor(image, [CropWindow.of_box(box, wh, aspect_ratio) for box in boxes])


def _no_poses() -> Poses:
    joints = len(COCO17)
    return Poses.of_keypoints(
        np.zeros((0, joints, 2)),
        np.zeros((0, joints), np.float32),
        image_names=np.zeros(0, dtype=object),
    )
