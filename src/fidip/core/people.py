"""Labelled people of a dataset.

Coordinates are x before y, in px of the original image. Pixel centres are integers, so the centre
of the first pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize, check_shape


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
        is_covered: whether a blanket or the like covers part of the person; None if unknown.
        is_side_lying: whether the person lies on the side; None if unknown.
        clip_kind: what happens in the clip of the image (kicks, blanket, ...); None if unknown.
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
    is_covered: bool | None = None
    is_side_lying: bool | None = None
    clip_kind: str | None = None

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
        video: name of the video that the image is a frame of; None for a photograph.
        frame: number of the frame in the video, from 0; None if unknown.
        is_covered: whether a blanket or the like covers part of the people; None if unknown.
        clip_kind: what happens in the clip of the image; None if unknown.
    """

    id: int
    file_name: str
    path: Path
    wh: ImageSize
    is_synthetic: bool | None = None
    posture: str | None = None
    video: str | None = None
    frame: int | None = None
    is_covered: bool | None = None
    clip_kind: str | None = None

    @property
    def is_in_video(self) -> bool:
        """Whether the pixels are in the file of the video, so that there is no image file."""
        return self.video == self.file_name


@dataclass(frozen=True, eq=False)
class People(Sequence[Annotation]):
    """Labelled people of a dataset, with all annotations and images that affect scores.

    As a sequence it contains the labelled people. It cannot be sliced, because a slice would lose
    the other annotations and the images without people: use ``people.labelled[a:b]`` for
    annotations, or ``part`` for people.

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
            "people; expected fidip.core.people.People, such as read_annotations(...).people or "
            "People.without_others(annotations)"
        )
    return people
