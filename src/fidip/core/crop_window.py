"""Windows that are cropped from an image for the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.geometry import box_to_center_size, clip_box, crop_affine


@dataclass(frozen=True, eq=False)
class CropWindow:
    """Rectangle of an image that becomes the network input.

    The height follows from the width and the aspect ratio of the network input.

    Attributes:
        center: (2,) centre in image px.
        width: width in image px, before rotation.
        rotation_deg: rotation in degrees; positive values turn the window clockwise on the screen.
        mirrored: whether left and right are exchanged.

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
        """Return the padded window around the box of a person, as used in validation and test.

        Args:
            box_xywh: (4,) box in image px.
            image_wh: (width, height) of the image in px.
            aspect_ratio: width / height of the crop.
            clip: clip the box to the image first.

        Example:
            >>> CropWindow.of_box(np.array([0.0, 0.0, 41.0, 80.0]), (100, 100), 0.75).width
            75.0
        """
        box = clip_box(box_xywh, image_wh) if clip else box_xywh
        center, size_wh = box_to_center_size(box, aspect_ratio)
        return cls(center, float(size_wh[0]))

    def image_to_crop(self, crop_wh: ImageSize) -> NDArray[np.float64]:
        """Return the affine from image px to crop px.

        Args:
            crop_wh: (width, height) of the crop in px.

        Returns:
            (2, 3) affine.
        """
        affine = crop_affine(self.center, self.width, crop_wh, self.rotation_deg)
        if self.mirrored:
            affine[0] *= -1  # x' = (w - 1) - x
            affine[0, 2] += crop_wh[0] - 1
        return affine
