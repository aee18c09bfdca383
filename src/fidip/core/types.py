"""Value types that fidip passes between modules: frozen dataclasses that check their shapes.

Coordinates are x before y. Pixel centres are integers, so the centre of the first pixel is (0, 0).
Names state the space: ``image`` px of the original photograph, ``crop`` px of the network input,
``heatmap`` px of the network output. Sizes named ``*_wh`` are (width, height); tensors are
(B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ImageSize = tuple[int, int]
"""(width, height) in px."""


def check_shape(owner: object, name: str, expected: tuple[int | str, ...]) -> None:
    """Check the shape of an array attribute.

    Args:
        owner: object that has the attribute.
        name: name of the attribute.
        expected: expected size of each dimension; a string stands for any size.

    Raises:
        ValueError: the shape differs.

    Example:
        >>> poses = Poses.of_keypoints(np.ones((2, 17, 2)), np.ones((2, 17), np.float32))
        >>> check_shape(poses, "xy", ("N", 17, 2))
    """
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
        image_path: path of the image file.
        image_wh: (width, height) of the image in px.
        box_xywh: (4,) float64 box in image px: left, top, width, height.
        area: labelled area of the person in px²; OKS is relative to it.
        keypoints: (K, 3) float64, x and y in image px and v: 0 unlabelled, 1 occluded, 2 visible.
        is_synthetic: domain of the image; None if the file does not state it.
        posture: posture label of the image (Supine, Prone, ...); None if the file has none.
        box_score: confidence of the box; 1 for ground truth.
        is_crowd: whether the box contains a crowd instead of one person.
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
    """Description of an image in an annotation file.

    Attributes:
        id: id of the image in its file.
        file_name: file name in the annotation file, relative to an image folder.
        path: path of the image file.
        wh: (width, height) in px.
        is_synthetic: domain of the image; None if the file does not state it.
        posture: posture label of the image; None if the file has none.
    """

    id: int
    file_name: str
    path: Path
    wh: ImageSize
    is_synthetic: bool | None = None
    posture: str | None = None


@dataclass(frozen=True, eq=False)
class People(Sequence[Annotation]):
    """Labelled people of a dataset, with all annotations and images that affect scores.

    As a sequence it contains the labelled people. It cannot be sliced, because a slice would lose
    the other annotations and the images without people: use ``people.labelled[a:b]`` for
        annotations or
    ``part`` for people.

    Attributes:
        labelled: people with labelled joints and a box that can be cropped.
        others: annotations that give no training sample: crowds, people without a labelled joint,
            and people with a box that cannot be cropped. COCO evaluation ignores them.
        images: all images, including those without people.
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
                "People cannot be sliced, because a slice loses crowds and empty images; expected "
                "people.labelled[a:b] for annotations, or people.part(people.labelled[a:b])"
            )
        return self.labelled[index]

    @classmethod
    def without_others(cls, labelled: Sequence[Annotation]) -> People:
        """Return people of a dataset without crowds, unlabelled people and empty images.

        Args:
            labelled: labelled people.
        """
        images = {
            a.image_id: ImageInfo(
                a.image_id, a.image_path.name, a.image_path, a.image_wh, a.is_synthetic, a.posture
            )
            for a in labelled
        }
        return cls(labelled, (), tuple(images.values()))

    def part(self, labelled: Sequence[Annotation]) -> People:
        """Return some of the people, with the other annotations of their images.

        Args:
            labelled: labelled people to keep.
        """
        return replace(self.on_images({a.image_id for a in labelled}), labelled=labelled)

    def on_images(self, ids: Set[int]) -> People:
        """Return all annotations on some of the images.

        Args:
            ids: ids of the images to keep.
        """
        return People(
            [a for a in self.labelled if a.image_id in ids],
            [a for a in self.others if a.image_id in ids],
            [image for image in self.images if image.id in ids],
        )


def require_people(people: People) -> People:
    """Check that annotations include crowds and images without people.

    Args:
        people: annotations to check.

    Returns:
        The same object.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.

    Example:
        >>> len(require_people(People([], [], [])))
        0
    """
    if not isinstance(people, People):
        raise TypeError(
            f"annotations: {type(people).__name__}, which lacks crowds and images without "
            "people; expected fidip.core.types.People, such as read_annotations(...).people or "
            "People.without_others(annotations)"
        )
    return people


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
        crop: (H, W, 3) uint8 RGB, in crop px.
        joints_crop: (K, 2) float32, xy in crop px.
        labelled: (K,) float32, 1 where the joint is labelled (v > 0), else 0.
        is_synthetic: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (2, 3) float64 affine from crop px to image px.
        index: position of the annotation in its dataset.
        is_replayed: whether the sample is replayed from the pretraining domain.
    """

    crop: NDArray[np.uint8]
    joints_crop: NDArray[np.float32]
    labelled: NDArray[np.float32]
    is_synthetic: float
    crop_to_image: NDArray[np.float64]
    index: int
    is_replayed: bool = False

    def __post_init__(self) -> None:
        check_shape(self, "crop", ("H", "W", 3))
        check_shape(self, "joints_crop", ("K", 2))
        check_shape(self, "labelled", ("K",))
        check_shape(self, "crop_to_image", (2, 3))


_NONE = torch.zeros(0, dtype=torch.bool)
"""Placeholder for a mask that is false for all samples of a batch."""


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of B samples. Bookkeeping stays on the CPU when the batch moves to a device.

    Attributes:
        crops: (B, 3, H, W) uint8 RGB, stored channels last.
        joints_crop: (B, K, 2) float32, xy in crop px.
        labelled: (B, K) float32, 1 where the joint is labelled, else 0.
        is_synthetic: (B,) float32: 1 synthetic, 0 real, NaN unknown.
        crop_to_image: (B, 2, 3) float64 affine from crop px to image px, always on the CPU.
        index: (B,) int64 positions in the dataset, always on the CPU.
        is_replayed: (B,) bool, whether a sample is replayed from the pretraining domain; all false
            by default.
    """

    crops: Tensor
    joints_crop: Tensor
    labelled: Tensor
    is_synthetic: Tensor
    crop_to_image: Tensor
    index: Tensor
    is_replayed: Tensor = _NONE

    def __post_init__(self) -> None:
        if self.is_replayed is _NONE:
            none = torch.zeros(len(self), dtype=torch.bool, device=self.crops.device)
            object.__setattr__(self, "is_replayed", none)
        check_shape(self, "crops", ("B", 3, "H", "W"))
        check_shape(self, "joints_crop", (len(self), "K", 2))
        check_shape(self, "labelled", (len(self), "K"))
        check_shape(self, "is_synthetic", (len(self),))
        check_shape(self, "crop_to_image", (len(self), 2, 3))
        check_shape(self, "index", (len(self),))
        check_shape(self, "is_replayed", (len(self),))

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
            crops=crops.permute(0, 3, 1, 2),
            joints_crop=torch.from_numpy(np.stack([s.joints_crop for s in samples])),
            labelled=torch.from_numpy(np.stack([s.labelled for s in samples])),
            is_synthetic=torch.tensor([s.is_synthetic for s in samples], dtype=torch.float32),
            crop_to_image=torch.from_numpy(np.stack([s.crop_to_image for s in samples])),
            index=torch.tensor([s.index for s in samples], dtype=torch.int64),
            is_replayed=torch.tensor([s.is_replayed for s in samples]),
        )

    def to(self, device: torch.device | str, non_blocking: bool = True) -> Batch:
        """Return the batch with crops, joints and masks on a device.

        Args:
            device: target device.
            non_blocking: copy asynchronously where possible.
        """
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("crops", "joints_crop", "labelled", "is_synthetic", "is_replayed"):
            moved[name] = moved[name].to(device, non_blocking=non_blocking)
        return Batch(**moved)

    def pin_memory(self) -> Batch:
        """Return the batch in page-locked memory, for ``DataLoader(pin_memory=True)``."""
        return Batch(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Poses:
    """N predicted people in image px: the input of metrics, filters, overlays, writers and reports.

    Attributes:
        xy: (N, K, 2) float64 keypoints in image px, NaN where unknown.
        scores: (N, K) float32 keypoint confidences, 0 where unknown.
        image_ids: (N,) int64 ids of the images; frame numbers for a video.
        boxes_xywh: (N, 4) float64 boxes that the people were predicted in, image px.
        box_scores: (N,) float64 confidences of the boxes, 1 for ground-truth boxes.
        index: (N,) int64 positions of the boxes among the inputs of the prediction.
        times: (N,) float64 times of the frames in s; None for photographs.
        image_names: (N,) file names of photographs; None if ids are sufficient.
    """

    xy: NDArray[np.float64]
    scores: NDArray[np.float32]
    image_ids: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    box_scores: NDArray[np.float64]
    index: NDArray[np.int64]
    times: NDArray[np.float64] | None = None
    image_names: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        check_shape(self, "xy", ("N", "K", 2))
        check_shape(self, "scores", self.xy.shape[:2])
        check_shape(self, "boxes_xywh", (len(self), 4))
        for name in ("image_ids", "box_scores", "index", "times", "image_names"):
            if getattr(self, name) is not None:
                check_shape(self, name, (len(self),))

    def __len__(self) -> int:
        return int(self.xy.shape[0])

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Poses:
        columns: dict[str, Any] = {
            name: None if values is None else values[rows]
            for name, values in self._columns().items()
        }
        return Poses(**columns)

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def of_keypoints(
        cls, xy: NDArray[np.float64], scores: NDArray[np.float32], **columns: NDArray[Any]
    ) -> Poses:
        """Return poses with default values for columns that are not given.

        Args:
            xy: (N, K, 2) keypoints in image px.
            scores: (N, K) keypoint confidences.
            columns: further attributes. Image ids default to 0, boxes to those of the keypoints,
                box scores to 1, and indices to 0, 1, ...

        Example:
            >>> poses = Poses.of_keypoints(np.ones((2, 17, 2)), np.ones((2, 17), np.float32))
            >>> poses.image_ids, poses.index
            (array([0, 0]), array([0, 1]))
        """
        count = len(xy)
        defaults = {
            "image_ids": np.zeros(count, np.int64),
            "boxes_xywh": keypoint_boxes(xy),
            "box_scores": np.ones(count),
            "index": np.arange(count),
        }
        return cls(xy, scores, **{**defaults, **columns})

    @classmethod
    def concatenate(cls, parts: Sequence[Poses]) -> Poses:
        """Return the predictions of several batches or processes, in the given order.

        Columns that are None in the first part are None in the result.

        Args:
            parts: predictions to join, at least one.
        """
        given = [name for name, values in parts[0]._columns().items() if values is not None]
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in given
        }
        return cls(**columns)

    def rounded(self, decimals: int = 4) -> Poses:
        """Return the poses with rounded coordinates, as stored in ``predictions.json``.

        Scoring rounded poses gives the same values as scoring the file.

        Args:
            decimals: number of decimals.
        """
        return replace(self, xy=self.xy.round(decimals))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a keypoint is known; (N, K) bool."""
        return np.asarray(np.isfinite(self.xy).all(axis=2))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Mean confidence of the keypoints; (N,) float32."""
        return self.scores.mean(axis=1)

    def row_labels(self) -> dict[str, NDArray[Any]]:
        """Return the columns that identify the rows of a table.

        Returns:
            ``frame`` and ``time_s`` for a video; ``file_name`` and ``person`` for photographs, with
            the people of an image numbered from 0; ``image_id`` and ``person`` without file names.
        """
        if self.times is not None:
            return {"frame": self.image_ids, "time_s": self.times.round(6)}
        order = np.argsort(self.image_ids, kind="stable")
        ids = self.image_ids[order]
        person = np.empty(len(self), np.int64)
        person[order] = np.arange(len(self)) - np.searchsorted(ids, ids)
        images = (
            {"image_id": self.image_ids}
            if self.image_names is None
            else {"file_name": self.image_names}
        )
        return {**images, "person": person}


def keypoint_boxes(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bounding boxes of keypoints.

    Args:
        xy: (N, K, 2) keypoints in image px.

    Returns:
        (N, 4) boxes xywh in image px.

    Example:
        >>> keypoint_boxes(np.array([[[10.0, 20.0], [30.0, 25.0]]]))
        array([[10., 20., 20.,  5.]])
    """
    low = xy.min(axis=1)
    return np.concatenate([low, xy.max(axis=1) - low], axis=1)


def pose_scores(poses: Poses, threshold: float = 0.2) -> NDArray[np.float64]:
    """Return the score of each pose: box score times mean confidence of its certain joints.

    The sum is computed in float64, as in HRNet's code: the order of equal scores decides which pose
    is matched first. In float64 the sum of 17 float32 values between the threshold and 1 is exact,
    so it does not depend on the order of summation.

    Args:
        poses: N poses.
        threshold: joints with a lower or equal confidence are left out.

    Returns:
        (N,) scores, 0 for poses without a joint above the threshold.

    Example:
        >>> scores = np.array([[0.9, 0.7, 0.1]], np.float32)
        >>> pose_scores(Poses.of_keypoints(np.ones((1, 3, 2)), scores)).round(3)
        array([0.8])
    """
    sure = poses.scores > threshold
    total = (poses.scores * sure).sum(1, dtype=np.float64)
    scores: NDArray[np.float64] = total / np.maximum(sure.sum(1), 1) * poses.box_scores
    return scores
