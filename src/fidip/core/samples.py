"""Cropped people, one or a batch, as datasets and data loaders return them.

Names state the space: ``image`` px of the original image, ``crop`` px of the network input.
Tensors are (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.arrays import check_shape


class SampleKey(NamedTuple):
    """Key of one training sample: the annotation, and the epoch and repetition of the augmentation.

    All randomness of a training sample is a function of the seed of the run and this key, so it
    does not depend on the number of workers or processes.

    Attributes:
        index: position of the annotation in its dataset.
        epoch: training epoch.
        repeat: repetition of the annotation within the epoch.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index
    epoch: int = 0
    repeat: int = 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One cropped person, the item type of datasets.

    Attributes:
        crop: (H, W, 3) uint8 RGB, in crop px; or (T, H, W, 3), crops of T frames of a clip in the
            same window.
        joints_crop: (K, 2) float32, xy in crop px.
        labelled: (K,) float32, 1 where the joint is labelled (v > 0), else 0.
        is_synthetic: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (2, 3) float64 affine from crop px to image px.
        image_id: id of the image in its file.
        box_xywh: (4,) float64 box of the person in image px.
        box_score: confidence of the box; 1 for ground truth.
        index: position of the annotation in its dataset.
        is_replayed: whether the sample is replayed from the pretraining domain.
        is_unlabelled: whether the sample is of the unlabelled target; its keypoints are removed:
            ``joints_crop`` and ``labelled`` are 0.
    """

    crop: NDArray[np.uint8]
    joints_crop: NDArray[np.float32]
    labelled: NDArray[np.float32]
    is_synthetic: float
    crop_to_image: NDArray[np.float64]
    image_id: int
    box_xywh: NDArray[np.float64]
    box_score: float
    index: int
    is_replayed: bool = False
    is_unlabelled: bool = False

    def __post_init__(self) -> None:
        check_shape(self, "crop", (*self.crop.shape[-4:-3], "H", "W", 3))
        check_shape(self, "joints_crop", ("K", 2))
        check_shape(self, "labelled", ("K",))
        check_shape(self, "crop_to_image", (2, 3))
        check_shape(self, "box_xywh", (4,))


_ON_DEVICE = (
    *("crops", "joints_crop", "labelled", "is_synthetic"),
    *("is_replayed", "is_unlabelled"),
)
"""Fields of a batch that move to a device."""
_NONE = torch.zeros(0, dtype=torch.bool)
"""Placeholder for a mask that is false for all samples of a batch."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of B samples. Bookkeeping stays on the CPU when the batch moves to a device.

    Attributes:
        crops: (B, 3, H, W) uint8 RGB, stored channels last; or (B, T, 3, H, W) for clips.
        joints_crop: (B, K, 2) float32, xy in crop px.
        labelled: (B, K) float32, 1 where the joint is labelled, else 0.
        is_synthetic: (B,) float32: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (B, 2, 3) float64 affine from crop px to image px, always on the CPU.
        image_ids: (B,) int64 ids of the images in their file, always on the CPU.
        boxes_xywh: (B, 4) float64 boxes of the people in image px, always on the CPU.
        box_scores: (B,) float64 confidences of the boxes, always on the CPU.
        index: (B,) int64 positions in the dataset, always on the CPU.
        is_replayed: (B,) bool, whether a sample is replayed from the pretraining domain; all false
            by default.
        is_unlabelled: (B,) bool, whether a sample is of the unlabelled target, without keypoints;
            all false by default.
    """

    crops: Tensor
    joints_crop: Tensor
    labelled: Tensor
    is_synthetic: Tensor
    crop_to_image: Tensor
    image_ids: Tensor
    boxes_xywh: Tensor
    box_scores: Tensor
    index: Tensor
    is_replayed: Tensor = _NONE
    is_unlabelled: Tensor = _NONE

    def __post_init__(self) -> None:
        for name in ("is_replayed", "is_unlabelled"):
            if getattr(self, name) is _NONE:
                none = torch.zeros(len(self), dtype=torch.bool, device=self.crops.device)
                object.__setattr__(self, name, none)
        check_shape(self, "crops", ("B", *self.crops.shape[1:][-4:-3], 3, "H", "W"))
        check_shape(self, "joints_crop", (len(self), "K", 2))
        check_shape(self, "labelled", (len(self), "K"))
        check_shape(self, "is_synthetic", (len(self),))
        check_shape(self, "crop_to_image", (len(self), 2, 3))
        check_shape(self, "image_ids", (len(self),))
        check_shape(self, "boxes_xywh", (len(self), 4))
        check_shape(self, "box_scores", (len(self),))
        check_shape(self, "index", (len(self),))
        check_shape(self, "is_replayed", (len(self),))
        check_shape(self, "is_unlabelled", (len(self),))

    def __len__(self) -> int:
        return int(self.crops.shape[0])

    @classmethod
    def collate(cls, samples: Sequence[Sample]) -> Batch:
        """Return a batch of samples with the same crop size; the ``collate_fn`` of data loaders.

        Args:
            samples: samples to stack.
        """
        crops = torch.from_numpy(np.stack([s.crop for s in samples]))
        return cls(
            crops=crops.movedim(-1, -3),
            joints_crop=torch.from_numpy(np.stack([s.joints_crop for s in samples])),
            labelled=torch.from_numpy(np.stack([s.labelled for s in samples])),
            is_synthetic=torch.tensor([s.is_synthetic for s in samples], dtype=torch.float32),
            crop_to_image=torch.from_numpy(np.stack([s.crop_to_image for s in samples])),
            image_ids=torch.tensor([s.image_id for s in samples], dtype=torch.int64),
            boxes_xywh=torch.from_numpy(np.stack([s.box_xywh for s in samples])),
            box_scores=torch.tensor([s.box_score for s in samples], dtype=torch.float64),
            index=torch.tensor([s.index for s in samples], dtype=torch.int64),
            is_replayed=torch.tensor([s.is_replayed for s in samples]),
            is_unlabelled=torch.tensor([s.is_unlabelled for s in samples]),
        )

    def to(self, device: torch.device | str, non_blocking: bool = True) -> Batch:
        """Return the batch with crops, joints and masks on a device.

        Args:
            device: target device.
            non_blocking: copy asynchronously where possible.
        """
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in _ON_DEVICE:
            moved[name] = moved[name].to(device, non_blocking=non_blocking)
        return Batch(**moved)

    def only(self, rows: Tensor) -> Batch:
        """Return a batch of some of the samples, in their order.

        Args:
            rows: (B,) bool, which samples to keep, on the device of the crops.
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        on_cpu = rows.cpu()
        return Batch(**{n: v[rows if n in _ON_DEVICE else on_cpu] for n, v in values.items()})

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory, for ``DataLoader(pin_memory=True)``."""
        return Batch(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})
