"""The part of an image that a crop shows: from a box or a tracker to an affine transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fidip.core.geometry import box_to_center_size, clip_box, crop_affine
from fidip.core.types import ImageSize


@dataclass(frozen=True, eq=False)
class CropWindow:
    """A rectangle of an image that becomes the network's input.

    Its height follows from its width and the aspect ratio of the network's input.

    Attributes:
        center: (2,) centre in image px.
        width: width in image px, before rotation.
        rotation_deg: rotation; positive turns the window clockwise on the screen.
        mirrored: left and right are exchanged.

    Example:
        >>> window = CropWindow(np.array([50.0, 40.0]), width=21)
        >>> window.image_to_crop((41, 41)) @ [50, 40, 1]
        array([20., 20.])
    """

    center: NDArray[np.float64]
    width: float
    rotation_deg: float = 0.0
    mirrored: bool = False

    @classmethod
    def of_box(
        cls,
        box_xywh: NDArray[np.float64],
        image_wh: ImageSize,
        aspect_ratio: float,
        clip: bool = True,
    ) -> CropWindow:
        """Return the padded window around a person's box, as validation and test use it.

        Args:
            box_xywh: (4,) box in image px.
            image_wh: (width, height) of the image in px.
            aspect_ratio: width / height of the crop.
            clip: use only the part of the box inside the image.
        """
        box = clip_box(box_xywh, image_wh) if clip else box_xywh
        center, size_wh = box_to_center_size(box, aspect_ratio)
        return cls(center, float(size_wh[0]))

    def image_to_crop(self, crop_wh: ImageSize) -> NDArray[np.float64]:
        """Return the (2, 3) affine from image px to the px of a crop of (width, height)."""
        affine = crop_affine(self.center, self.width, crop_wh, self.rotation_deg)
        if self.mirrored:
            affine[0] *= -1  # x' = (w - 1) - x
            affine[0, 2] += crop_wh[0] - 1
        return affine
