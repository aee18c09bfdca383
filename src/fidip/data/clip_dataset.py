"""Dataset of windows of frames around labelled people in videos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Floats, ImageSize
from fidip.core.people import Annotation
from fidip.data.augment import Augmentation
from fidip.data.dataset import PoseDataset
from fidip.data.video_frames import Windows


class ClipDataset(PoseDataset):
    """Dataset of cropped people in T frames of a video, with the keypoints of the target frame.

    All frames are cropped by the window of the person in the target frame and get the same
    augmentation, so that in a sample only the person moves.

    Args:
        annotations: the people in target frames; ``Sample.index`` is their index.
        windows: T image files for the image file of each person, see ``frame_windows``.
        input_wh, augment, seed, clip_boxes: as for ``PoseDataset``.
    """

    def __init__(
        self,
        annotations: Sequence[Annotation],
        windows: Windows,
        input_wh: ImageSize,
        augment: Augmentation | None = None,
        seed: int = 0,
        clip_boxes: bool = True,
    ) -> None:
        super().__init__(annotations, input_wh, augment, seed, clip_boxes)
        self.windows = windows

    def _crop(self, person: Annotation, image_to_crop: Floats) -> NDArray[np.uint8]:
        """Return (T, H, W, 3) crops; repeated frames are read once."""
        paths = self.windows[person.image_path]
        crops = {
            path: self._crop_image(path, person.image_wh, image_to_crop)
            for path in dict.fromkeys(paths)
        }
        return np.stack([crops[path] for path in paths])

    def _recolour(
        self, crop: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        seed = int(rng.integers(2**63))  # the same draw for all frames
        return np.stack([augment.recolour(frame, np.random.default_rng(seed)) for frame in crop])
