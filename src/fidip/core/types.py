"""The values that travel between the parts of fidip: frozen, and checked where they are made.

Coordinates are x before y; pixel centres are integers, so the first pixel's centre is (0, 0).
Names tell the space: ``image`` px of the original photograph, ``crop`` px of the network's input,
``heatmap`` px of its output. Sizes named ``*_wh`` are (width, height); tensors are (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple, NoReturn, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ImageSize = tuple[int, int]
"""(width, height) in px."""


def check_shape(owner: object, name: str, expected: tuple[int | str, ...]) -> None:
    shape = tuple(getattr(owner, name).shape)
    agrees = len(shape) == len(expected) and all(
        isinstance(want, str) or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not agrees:
        kind = type(owner).__name__
        raise ValueError(f"{kind}.{name} has shape {shape}, expected {expected}")


@dataclass(frozen=True, eq=False)
class Annotation:
    """One labelled person in one image.

    Attributes:
        id: annotation id, unique in its file.
        image_id: id of the image in its file.
        image_path: the image file.
        image_wh: (width, height) of the image in px.
        box_xywh: (4,) float64 box in image px: left, top, width, height.
        area: area of the person in px², as labelled; OKS is relative to it.
        keypoints: (K, 3) float64, x and y in image px and v: 0 unlabelled, 1 occluded, 2 visible.
        is_synthetic: domain of the image; None when the file does not tell.
        posture: posture label of the image (Supine, Prone, ...), where the file has one.
        box_score: confidence of the box; 1 for ground truth.
        is_crowd: the box holds a crowd, which is not one person's pose.
    """

    id: int
    image_id: int
    image_path: Path
    image_wh: ImageSize
    box_xywh: NDArray[np.float64]
    area: float
    keypoints: NDArray[np.float64]
    is_synthetic: bool | None = None
    posture: str | None = None
    box_score: float = 1.0
    is_crowd: bool = False

    def __post_init__(self) -> None:
        check_shape(self, "box_xywh", (4,))
        check_shape(self, "keypoints", ("K", 3))


class ImageInfo(NamedTuple):
    """What an annotation file says of an image; the fields are those of ``Annotation``.

    Attributes:
        file_name: what the file calls it, relative to a folder of images.
    """

    id: int
    file_name: str
    path: Path
    wh: ImageSize
    is_synthetic: bool | None = None
    posture: str | None = None


@dataclass(frozen=True, eq=False)
class People(Sequence[Annotation]):
    """The labelled people of a data set, with everything else that scores depend on.

    As a sequence it is the labelled people. It has no slices, which would lose the others and the
    images without people: take ``people.labelled[a:b]`` for annotations, ``part`` for people.

    Attributes:
        labelled: people with a pose to learn and a box to crop.
        others: everyone else in the file, who makes no sample: crowds, people without a labelled
            joint, and those whose box cannot be cropped. COCO's evaluation knows them.
        images: all images, those without people included.
    """

    labelled: Sequence[Annotation]
    others: Sequence[Annotation]
    images: Sequence[ImageInfo]

    def __len__(self) -> int:
        return len(self.labelled)

    @overload
    def __getitem__(self, index: int) -> Annotation: ...

    @overload
    def __getitem__(self, index: slice) -> NoReturn: ...

    def __getitem__(self, index: int | slice) -> Annotation:
        if isinstance(index, slice):
            raise TypeError(
                "People have no slices, which would lose crowds and empty images; expected "
                "people.labelled[a:b] for annotations, or people.part(people.labelled[a:b])"
            )
        return self.labelled[index]

    @classmethod
    def without_others(cls, labelled: Sequence[Annotation]) -> People:
        """Return people of a dataset without crowds, unlabelled people and empty images."""
        images = {
            a.image_id: ImageInfo(
                a.image_id, a.image_path.name, a.image_path, a.image_wh, a.is_synthetic, a.posture
            )
            for a in labelled
        }
        return cls(labelled, (), tuple(images.values()))

    def part(self, labelled: Sequence[Annotation]) -> People:
        """Some of the people, with what else there is on their images."""
        return replace(self.on_images({a.image_id for a in labelled}), labelled=labelled)

    def on_images(self, ids: Set[int]) -> People:
        """Everyone on some of the images."""
        return People(
            [a for a in self.labelled if a.image_id in ids],
            [a for a in self.others if a.image_id in ids],
            [image for image in self.images if image.id in ids],
        )


def require_people(people: People) -> People:
    """Check that what is scored against comes with its crowds and its images without people.

    Raises:
        TypeError: it is a plain sequence of annotations.
    """
    if not isinstance(people, People):
        raise TypeError(
            f"annotations are a {type(people).__name__}, which lacks crowds and images without "
            "people; expected fidip.core.types.People, as of read_annotations(...).people or "
            "People.without_others(annotations)"
        )
    return people


class SampleKey(NamedTuple):
    """What a sampler asks of a dataset: which annotation, and which draw of it.

    All randomness of a training sample is a function of the run's seed and this key, so it does
    not depend on the number of workers or processes.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which no one needs
    epoch: int = 0
    repeat: int = 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One person, cropped: what a dataset yields.

    Attributes:
        crop: (H, W, 3) uint8 RGB, in crop px.
        joints_crop: (K, 2) float32, xy in crop px.
        labelled: (K,) float32, 1 where the joint is labelled (v > 0), else 0.
        is_synthetic: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (2, 3) float64 affine from crop px to image px.
        index: position of the annotation in its dataset.
    """

    crop: NDArray[np.uint8]
    joints_crop: NDArray[np.float32]
    labelled: NDArray[np.float32]
    is_synthetic: float
    crop_to_image: NDArray[np.float64]
    index: int

    def __post_init__(self) -> None:
        check_shape(self, "crop", ("H", "W", 3))
        check_shape(self, "joints_crop", ("K", 2))
        check_shape(self, "labelled", ("K",))
        check_shape(self, "crop_to_image", (2, 3))


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples. What the device needs moves there; the bookkeeping stays on the CPU.

    Attributes:
        crops: (B, 3, H, W) uint8 RGB, stored channels last.
        joints_crop: (B, K, 2) float32, xy in crop px.
        labelled: (B, K) float32, 1 where the joint is labelled, else 0.
        is_synthetic: (B,) float32: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (B, 2, 3) float64 affine from crop px to image px, always on the CPU.
        index: (B,) int64 positions in the dataset, always on the CPU.
    """

    crops: Tensor
    joints_crop: Tensor
    labelled: Tensor
    is_synthetic: Tensor
    crop_to_image: Tensor
    index: Tensor

    def __post_init__(self) -> None:
        check_shape(self, "crops", ("B", 3, "H", "W"))
        check_shape(self, "joints_crop", (len(self), "K", 2))
        check_shape(self, "labelled", (len(self), "K"))
        check_shape(self, "is_synthetic", (len(self),))
        check_shape(self, "crop_to_image", (len(self), 2, 3))
        check_shape(self, "index", (len(self),))

    def __len__(self) -> int:
        return int(self.crops.shape[0])

    @classmethod
    def collate(cls, samples: Sequence[Sample]) -> Batch:
        """Stack samples of one crop size; the ``collate_fn`` of every loader."""
        crops = torch.from_numpy(np.stack([s.crop for s in samples]))
        return cls(
            crops=crops.permute(0, 3, 1, 2),
            joints_crop=torch.from_numpy(np.stack([s.joints_crop for s in samples])),
            labelled=torch.from_numpy(np.stack([s.labelled for s in samples])),
            is_synthetic=torch.tensor([s.is_synthetic for s in samples], dtype=torch.float32),
            crop_to_image=torch.from_numpy(np.stack([s.crop_to_image for s in samples])),
            index=torch.tensor([s.index for s in samples], dtype=torch.int64),
        )

    def to(self, device: torch.device | str, non_blocking: bool = True) -> Batch:
        """The batch with its device tensors on ``device``."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("crops", "joints_crop", "labelled", "is_synthetic"):
            moved[name] = moved[name].to(device, non_blocking=non_blocking)
        return Batch(**moved)

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory, for ``DataLoader(pin_memory=True)``."""
        return Batch(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Poses:
    """N predicted people in image px: the only thing that metrics, overlays and files take.

    Attributes:
        xy: (N, K, 2) float64 key points in image px.
        scores: (N, K) float32 key point confidences (heatmap peak values).
        image_ids: (N,) int64.
        boxes_xywh: (N, 4) float64 the boxes they were found in, image px.
        box_scores: (N,) float64, 1 for ground-truth boxes.
        index: (N,) int64 position of the box's annotation in the dataset that was predicted.
    """

    xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    image_ids: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    box_scores: NDArray[np.float64]
    index: NDArray[np.int64]

    def __post_init__(self) -> None:
        check_shape(self, "xy", ("N", "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])
        check_shape(self, "image_ids", (len(self),))
        check_shape(self, "boxes_xywh", (len(self), 4))
        check_shape(self, "box_scores", (len(self),))
        check_shape(self, "index", (len(self),))

    def __len__(self) -> int:
        return int(self.xy.shape[0])

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Poses:
        return Poses(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def concatenate(cls, parts: Sequence[Poses]) -> Poses:
        """Join predictions of several batches or processes, in the order given."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


def pose_scores(poses: Poses, threshold: float = 0.2) -> NDArray[np.float64]:
    """(N,) box score times the mean score of the joints above a threshold; 0 where none is.

    In float64, as the official code computes it: equal scores decide which pose is matched first.
    A sum of 17 float32 between the threshold and 1 is exact there, in whatever order.
    """
    sure = poses.scores > threshold
    total = (poses.scores * sure).sum(1, dtype=np.float64)
    scores: NDArray[np.float64] = total / np.maximum(sure.sum(1), 1) * poses.box_scores
    return scores
