"""Agreement of a network's predictions over fixed views of unlabelled crops.

A label-free criterion: on images of the target, a network that fits them predicts the same
keypoints in a crop, in the mirrored crop, and after small rotations and changes of scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fidip.adapt.views import move_points, warp
from fidip.core.arrays import Floats, ImageSize
from fidip.core.crop_window import CropWindow
from fidip.core.geometry import invert_affine
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.metrics.view_agreement import view_agreement


@dataclass(frozen=True)
class FixedView:
    """View of a crop.

    Attributes:
        rotation_deg: rotation of the window in degrees, clockwise on the screen.
        scale: magnification.
        shift: offset (x, y) of the window, in widths and heights of the crop. Without one, a
            network that always predicts the middle of its input would agree with itself completely.
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


def agreement_over_views(
    predict: Callable[[Tensor], Tensor], batch: Batch, views: Sequence[FixedView] = VIEWS
) -> Floats:
    """Return how well predictions in views of the crops of a batch agree.

    Args:
        predict: takes (B, 3, H, W) RGB crops, float 0 to 255, to (B, K, 2) xy in crop px.
        batch: B crops; its labels are not used.
        views: at least two views.

    Returns:
        (B,) agreement from 0 to 1, see ``fidip.metrics.view_agreement``.

    Example:
        A network that always predicts the middle of the crop agrees with itself only in part:

        >>> import torch
        >>> from fidip.core.samples import Sample
        >>> crop, k = np.zeros((64, 64, 3), np.uint8), 17
        >>> sample = Sample(
        ...     crop, np.zeros((k, 2), np.float32), np.zeros(k, np.float32), 0.0,
        ...     np.eye(2, 3), 0, np.array([0.0, 0, 64, 64]), 1.0, 0,
        ... )
        >>> middle = lambda crops: torch.full((len(crops), k, 2), 31.5)
        >>> agreement_over_views(middle, Batch.collate([sample])).round(2)
        array([0.69])
    """
    crops = batch.crops.float()
    crop_wh = (crops.shape[3], crops.shape[2])
    found = [_predict_view(predict, crops, view, crop_wh) for view in views]
    linear = batch.crop_to_image[:, :, :2].numpy()
    area = batch.boxes_xywh[:, 2:].prod(1).numpy() / np.abs(np.linalg.det(linear))
    return view_agreement(np.stack(found), area)


def _predict_view(
    predict: Callable[[Tensor], Tensor], crops: Tensor, view: FixedView, crop_wh: ImageSize
) -> Floats:
    """Return the (B, K, 2) keypoints of a view in px of the crops."""
    affine = np.tile(view.affine(crop_wh), (len(crops), 1, 1))
    xy = move_points(predict(warp(crops, affine)).double(), invert_affine(affine))
    found: Floats = xy.cpu().numpy()
    return found[:, COCO17.flip_order] if view.mirrored else found
