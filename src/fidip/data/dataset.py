"""People and their images, as crops that a network takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from fidip.core.crop_window import CropWindow
from fidip.core.errors import DataError
from fidip.core.geometry import apply_affine, invert_affine
from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation, ImageSize, Sample, SampleKey
from fidip.data.augment import Augmentation
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes

THREADS = 2
"""Decoding images leaves the interpreter free."""


class PoseDataset(Dataset[Sample]):
    """Crops of labelled people.

    Args:
        annotations: the people; ``Sample.index`` points into them.
        input_wh: (width, height) of the crops in px.
        augment: how a ``SampleKey`` changes the crop; None for the padded box as it is.
        seed: of the augmentation. A sample depends on it and on its key, on nothing else.
        clip_boxes: crop around the part of a box that lies inside its image; otherwise around all of it.
    """

    def __init__(
        self,
        annotations: Sequence[Annotation],
        input_wh: ImageSize,
        augment: Augmentation | None = None,
        seed: int = 0,
        clip_boxes: bool = True,
    ) -> None:
        self.annotations = annotations
        self.input_wh = input_wh
        self.augment = augment
        self.seed = seed
        self.clip_boxes = clip_boxes

    def __len__(self) -> int:
        return len(self.annotations)

    def __getitem__(self, key: SampleKey | int) -> Sample:
        """The person of a key in the draw that it names; of a bare index without augmentation.

        Raises:
            DataError: the image is unreadable or of another size than its annotations say.
        """
        index = key if isinstance(key, int) else key.index
        person = self.annotations[index]
        if self.augment is None or isinstance(key, int):
            return self._sample(index, self.crop_window(index))
        rng = np.random.default_rng((self.seed, key.epoch, key.index, key.repeat))
        sample = self._sample(index, self.augment.draw_window(person, self._aspect_ratio, rng))
        return replace(sample, crop=self.augment.recolour(sample.crop, rng))

    def crop_window(self, index: int) -> CropWindow:
        """Return the window that validation and test crop a person by."""
        person = self.annotations[index]
        return CropWindow.of_box(
            person.box_xywh, person.image_wh, self._aspect_ratio, self.clip_boxes
        )

    @property
    def _aspect_ratio(self) -> float:
        return self.input_wh[0] / self.input_wh[1]

    def _sample(self, index: int, window: CropWindow) -> Sample:
        """Crop a person's image."""
        person = self.annotations[index]
        image_to_crop = window.image_to_crop(self.input_wh)
        image = read_image(person.image_path, person.image_wh)
        # The mirror image of a left hand is a right hand.
        keypoints = person.keypoints[COCO17.flip_order] if window.mirrored else person.keypoints
        return Sample(
            crop=cv2.warpAffine(image, image_to_crop, self.input_wh, flags=cv2.INTER_LINEAR),
            joints_crop=apply_affine(image_to_crop, keypoints[:, :2]).astype(np.float32),
            labelled=(keypoints[:, 2] > 0).astype(np.float32),
            is_synthetic=math.nan if person.is_synthetic is None else float(person.is_synthetic),
            crop_to_image=invert_affine(image_to_crop),
            index=index,
        )


class WithReplay(Dataset[Sample]):
    """New data followed by data of the kind that the network was pretrained on.

    Args:
        new: what the network is to learn; first in ``annotations``.
        replayed: what it must not forget.
    """

    def __init__(self, new: PoseDataset, replayed: PoseDataset) -> None:
        self.new = new
        self.replayed = replayed
        self.annotations = [*new.annotations, *replayed.annotations]

    def __len__(self) -> int:
        return len(self.annotations)

    def __getitem__(self, key: SampleKey) -> Sample:
        """Return the sample of a key, as ``PoseDataset`` does."""
        if key.index < len(self.new):
            return self.new[key]
        sample = self.replayed[key._replace(index=key.index - len(self.new))]
        return replace(sample, index=key.index, is_replayed=True)


def check_images(people: Sequence[Annotation]) -> None:
    """Decode every image once, so that a bad one is known before hours of training.

    Raises:
        DataError: an image is unreadable or of another size than its annotations say.
    """
    images = {person.image_path: person.image_wh for person in people}
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(_decodes, images, images.values()):
            pass


def _decodes(path: Path, image_wh: ImageSize) -> bool:
    return read_image(path, image_wh).size > 0


def read_image(path: Path, image_wh: ImageSize) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Grey images get three equal channels, alpha is dropped, 16 bits become 8.

    Raises:
        DataError: the file is missing, not an image, cut short, or of another size than
            ``image_wh``, the size that its annotations were made on.
    """
    return decode_image(read_bytes(path), path, image_wh)


def decode_image(data: bytes, path: Path, image_wh: ImageSize) -> NDArray[np.uint8]:
    """``read_image`` of the bytes of a file; its path is for the messages."""
    image = decode_rgb(data, path)
    height, width = image.shape[:2]
    if (width, height) != image_wh:
        raise DataError(
            f"{path}: the image has {width}x{height} px, its annotations say "
            f"{image_wh[0]}x{image_wh[1]}; labels would not fit: correct width and height, or "
            "undo the resizing or rotation (EXIF orientation counts)"
        )
    return image
