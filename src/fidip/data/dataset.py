"""Datasets of person crops."""

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

from fidip.core.arrays import Floats, ImageSize
from fidip.core.crop_window import CropWindow
from fidip.core.errors import DataError
from fidip.core.geometry import apply_affine, invert_affine
from fidip.core.people import Annotation
from fidip.core.samples import Sample, SampleKey
from fidip.core.skeleton import COCO17
from fidip.data.augment import Augmentation
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes

THREADS = 2
"""Threads that decode images; OpenCV releases the interpreter lock while decoding."""


class PoseDataset(Dataset[Sample]):
    """Dataset of cropped people with labelled keypoints.

    Args:
        annotations: the people; ``Sample.index`` is their index.
        input_wh: (width, height) of the crops in px.
        augment: augmentation drawn for each ``SampleKey``; None for the padded box without changes.
        seed: seed of the augmentation. A sample depends on this seed and its key only.
        clip_boxes: clip boxes to their image before cropping.
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
        """Return a sample.

        Args:
            key: index and augmentation draw; a plain index returns the sample without augmentation.

        Raises:
            DataError: the image is unreadable, or its size differs from the annotations.
        """
        index = key if isinstance(key, int) else key.index
        person = self.annotations[index]
        if self.augment is None or isinstance(key, int):
            return self._sample(index, self.crop_window(index))
        rng = np.random.default_rng((self.seed, key.epoch, key.index, key.repeat))
        sample = self._sample(index, self.augment.draw_window(person, self._aspect_ratio, rng))
        return replace(sample, crop=self._recolour(sample.crop, self.augment, rng))

    def crop_window(self, index: int) -> CropWindow:
        """Return the crop window of a person for validation and test."""
        person = self.annotations[index]
        return CropWindow.of_box(
            person.box_xywh, person.image_wh, self._aspect_ratio, self.clip_boxes
        )

    @property
    def crop_areas(self) -> Floats:
        """Areas of all windows of ``crop_window``, (N,) in px² of the image."""
        widths = np.array([self.crop_window(index).width for index in range(len(self))])
        return widths**2 * self.input_wh[1] / self.input_wh[0]

    @property
    def _aspect_ratio(self) -> float:
        return self.input_wh[0] / self.input_wh[1]

    def _sample(self, index: int, window: CropWindow) -> Sample:
        """Return the sample of a person in a crop window."""
        person = self.annotations[index]
        image_to_crop = window.image_to_crop(self.input_wh)
        # In a mirrored crop, left and right joints swap.
        keypoints = person.keypoints[COCO17.flip_order] if window.mirrored else person.keypoints
        return Sample(
            crop=self._crop(person, image_to_crop),
            joints_crop=apply_affine(image_to_crop, keypoints[:, :2]).astype(np.float32),
            labelled=(keypoints[:, 2] > 0).astype(np.float32),
            is_synthetic=math.nan if person.is_synthetic is None else float(person.is_synthetic),
            crop_to_image=invert_affine(image_to_crop),
            image_id=person.image_id,
            box_xywh=person.box_xywh,
            box_score=person.box_score,
            index=index,
        )

    def _crop(self, person: Annotation, image_to_crop: Floats) -> NDArray[np.uint8]:
        """Return the pixels of a sample."""
        return self._crop_image(person.image_path, person.image_wh, image_to_crop)

    def _crop_image(
        self, path: Path, image_wh: ImageSize, image_to_crop: Floats
    ) -> NDArray[np.uint8]:
        """Return the (H, W, 3) crop of an image."""
        image = read_image(path, image_wh)
        return cv2.warpAffine(image, image_to_crop, self.input_wh, flags=cv2.INTER_LINEAR)

    def _recolour(
        self, crop: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Return the pixels of a sample with another appearance."""
        return augment.recolour(crop, rng)


class UnlabelledDataset(PoseDataset):
    """Dataset of cropped people whose keypoints are removed.

    Neither samples nor augmentation depend on the keypoints of the annotations. Samples have
    ``is_unlabelled`` set, and people without ``is_synthetic`` count as real, the target domain.

    Args:
        annotations: the people; only images and boxes are used.
        input_wh, augment, seed: as for ``PoseDataset``.
    """

    def __init__(
        self,
        annotations: Sequence[Annotation],
        input_wh: ImageSize,
        augment: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        people = [without_keypoints(person) for person in annotations]
        super().__init__(people, input_wh, augment, seed)

    def _sample(self, index: int, window: CropWindow) -> Sample:
        sample = super()._sample(index, window)
        return replace(
            sample,
            joints_crop=np.zeros_like(sample.joints_crop),  # not where (0, 0) of the image is
            is_synthetic=float(bool(self.annotations[index].is_synthetic)),
            is_unlabelled=True,
        )


def without_keypoints(person: Annotation) -> Annotation:
    """Return a person without keypoints, and with the area of the box.

    Args:
        person: a labelled person.
    """
    area = float(person.box_xywh[2] * person.box_xywh[3])
    return replace(person, keypoints=np.zeros_like(person.keypoints), area=area)


def check_images(people: Sequence[Annotation]) -> None:
    """Decode every image once, so that unreadable images are reported before training.

    Args:
        people: people whose images are checked.

    Raises:
        DataError: an image is unreadable, or its size differs from the annotations.
    """
    images = {person.image_path: person.image_wh for person in people}
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(_decodes, images, images.values()):
            pass


def _decodes(path: Path, image_wh: ImageSize) -> bool:
    return read_image(path, image_wh).size > 0


def read_image(path: Path, image_wh: ImageSize) -> NDArray[np.uint8]:
    """Read an image and apply its EXIF orientation.

    Greyscale images get three equal channels, alpha is dropped, and 16 bits are reduced to 8.

    Args:
        path: the image file.
        image_wh: (width, height) in px that the annotations give.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: the file is missing, truncated or not an image, or has another size.
    """
    return decode_image(read_bytes(path), path, image_wh)


def decode_image(data: bytes, path: Path, image_wh: ImageSize) -> NDArray[np.uint8]:
    """Decode the bytes of an image file, as ``read_image`` does.

    Args:
        data: content of the file.
        path: the file, for error messages.
        image_wh: (width, height) in px that the annotations give.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: the data are truncated or not an image, or the image has another size.
    """
    image = decode_rgb(data, path)
    height, width = image.shape[:2]
    if (width, height) != image_wh:
        raise DataError(
            f"{path}: the image has {width}x{height} px, its annotations say "
            f"{image_wh[0]}x{image_wh[1]}; labels would not fit: correct width and height, or "
            "undo the resizing or rotation (EXIF orientation counts)"
        )
    return image
