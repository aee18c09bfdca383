"""Criteria that compare networks on unlabelled crops.

On images of the target, a network that fits them predicts the same keypoints in a crop, in the
mirrored crop, and after small rotations and changes of scale; and the same as its teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fidip.adapt.views import move_points, warp
from fidip.core.arrays import Floats, ImageSize
from fidip.core.crop_window import CropWindow
from fidip.core.geometry import invert_affine
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.metrics.view_agreement import agreement_beyond_chance

PredictKeypoints = Callable[[Tensor], Tensor]
"""Takes (B, 3, H, W) RGB crops, float 0 to 255, to (B, K, 2) xy in crop px."""


@dataclass(frozen=True)
class FixedView:
    """View of a crop.

    Attributes:
        rotation_deg: rotation of the window in degrees, clockwise on the screen.
        scale: magnification.
        shift: offset (x, y) of the window, in widths and heights of the crop.
        mirrored: whether left and right are exchanged.
    """

    rotation_deg: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    mirrored: bool = False

    def affine(self, crop_wh: ImageSize) -> Floats:
        """Return the (2, 3) affine from px of the crop to px of the view.

        Args:
            crop_wh: (width, height) of the crop and of the view in px.

        Example:
            >>> FixedView(mirrored=True).affine((5, 3))
            array([[-1., -0.,  4.],
                   [-0.,  1.,  0.]])
        """
        last = np.array(crop_wh, dtype=np.float64) - 1
        center = last * (0.5 + np.array(self.shift))
        width = last[0] / self.scale + 1
        return CropWindow(center, width, self.rotation_deg, self.mirrored).image_to_crop(crop_wh)


VIEWS = (
    FixedView(),
    FixedView(shift=(0.06, 0.0), mirrored=True),
    FixedView(rotation_deg=25.0, shift=(-0.06, 0.06)),
    FixedView(rotation_deg=-25.0, shift=(0.06, -0.06)),
    FixedView(scale=0.8, shift=(0.0, 0.06)),
)
"""Views whose predictions are compared."""


def label_free_criteria(
    predict: PredictKeypoints,
    batches: Iterable[Batch],
    teacher: PredictKeypoints | None = None,
    views: Sequence[FixedView] = VIEWS,
) -> dict[str, float]:
    """Return criteria of how well a network predicts crops without labels; higher is better.

    Args:
        predict: the network.
        batches: crops of at least two people in all; their labels are not used.
        teacher: the network's teacher, if it has one.
        views: at least two views.

    Returns:
        ``agreement`` between the views, and with a teacher ``teacher_agreement``, between network
        and teacher in the first view; both as ``fidip.metrics.agreement_beyond_chance``.

    Example:
        A network that always predicts the middle of the crop has no agreement beyond chance:

        >>> import torch
        >>> from fidip.core.samples import Sample
        >>> crop, k = np.zeros((64, 64, 3), np.uint8), 17
        >>> samples = [
        ...     Sample(
        ...         crop, np.zeros((k, 2), np.float32), np.zeros(k, np.float32), 0.0,
        ...         np.eye(2, 3), 0, np.array([0.0, 0, 64, height]), 1.0, 0,
        ...     )
        ...     for height in (64, 32)
        ... ]
        >>> middle = lambda crops: torch.full((len(crops), k, 2), 31.5)
        >>> label_free_criteria(middle, [Batch.collate(samples)], teacher=middle)
        {'agreement': 0.0, 'teacher_agreement': 0.0}
    """
    return ViewPredictions.of(predict, batches, teacher, views).criteria()


@dataclass(frozen=True)
class ViewPredictions:
    """Keypoints predicted in views of N crops.

    Attributes:
        xy: (V, N, K, 2) in px of the crops.
        teacher_xy: (1, N, K, 2), by the teacher in the first view; None without a teacher.
        area: (N,) areas of the people in px² of the crops.
    """

    xy: Floats
    teacher_xy: Floats | None
    area: Floats

    @classmethod
    def of(
        cls,
        predict: PredictKeypoints,
        batches: Iterable[Batch],
        teacher: PredictKeypoints | None = None,
        views: Sequence[FixedView] = VIEWS,
    ) -> ViewPredictions:
        """Predict crops in views; the arguments are those of ``label_free_criteria``."""
        by_view, by_teacher, areas = [], [], []
        for batch in batches:
            by_view.append(keypoints_in_views(predict, batch.crops, views))
            areas.append(areas_in_crops(batch.boxes_xywh, batch.crop_to_image))
            if teacher is not None:
                by_teacher.append(keypoints_in_views(teacher, batch.crops, views[:1]))
        teacher_xy = np.concatenate(by_teacher, axis=1) if by_teacher else None
        return cls(np.concatenate(by_view, axis=1), teacher_xy, np.concatenate(areas))

    def criteria(self) -> dict[str, float]:
        """Return the criteria as ``label_free_criteria``."""
        found = {"agreement": agreement_beyond_chance(self.xy, self.area)}
        if self.teacher_xy is not None:
            both = np.concatenate([self.xy[:1], self.teacher_xy])
            found["teacher_agreement"] = agreement_beyond_chance(both, self.area)
        return found


def keypoints_in_views(
    predict: PredictKeypoints, crops: Tensor, views: Sequence[FixedView] = VIEWS
) -> Floats:
    """Return the keypoints that a network predicts in views of crops.

    Args:
        predict: the network.
        crops: (B, 3, H, W) RGB, 0 to 255.
        views: V views.

    Returns:
        (V, B, K, 2) xy, mapped back to px of the crops.

    Example:
        >>> import torch
        >>> middle = lambda crops: torch.full((len(crops), 17, 2), 2.0)
        >>> views = (FixedView(), FixedView(shift=(0.5, 0.0)))
        >>> keypoints_in_views(middle, torch.zeros(1, 3, 5, 5), views)[:, 0, 0]
        array([[2., 2.],
               [4., 2.]])
    """
    crop_wh = (crops.shape[3], crops.shape[2])
    return np.stack([_predict_view(predict, crops.float(), view, crop_wh) for view in views])


def areas_in_crops(boxes_xywh: Tensor, crop_to_image: Tensor) -> Floats:
    """Return the areas of boxes in px² of their crops.

    Args:
        boxes_xywh: (B, 4) boxes in image px.
        crop_to_image: (B, 2, 3) affines from px of the crop to px of the image.

    Returns:
        (B,) areas.

    Example:
        >>> import torch
        >>> areas_in_crops(torch.tensor([[0.0, 0, 4, 6]]), torch.tensor([[[2.0, 0, 0], [0, 2, 0]]]))
        array([6.], dtype=float32)
    """
    linear = crop_to_image[:, :, :2].cpu().numpy()
    areas: Floats = boxes_xywh[:, 2:].prod(1).cpu().numpy() / np.abs(np.linalg.det(linear))
    return areas


def _predict_view(
    predict: PredictKeypoints, crops: Tensor, view: FixedView, crop_wh: ImageSize
) -> Floats:
    """Return the (B, K, 2) keypoints of a view in px of the crops."""
    affine = np.tile(view.affine(crop_wh), (len(crops), 1, 1))
    xy = move_points(predict(warp(crops, affine)).double(), invert_affine(affine))
    found: Floats = xy.cpu().numpy()
    return found[:, COCO17.flip_order] if view.mirrored else found
