"""Augmentation of training samples: random crop windows and colours."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fidip.core.crop_window import CropWindow
from fidip.core.geometry import half_body_box
from fidip.core.people import Annotation
from fidip.core.skeleton import COCO17

if TYPE_CHECKING:
    from albumentations import Compose


@dataclass(frozen=True)
class Augmentation:
    """Random augmentation of training samples; the defaults are the values of FiDIP's recipe.

    Attributes:
        flip_probability: probability of mirroring.
        scale_std, scale_limits: the crop size is multiplied by a factor drawn from N(1, std) and
            clipped to the limits.
        rotation_std, rotation_limit, rotation_probability: with this probability, the crop is
            rotated by an angle in degrees drawn from N(0, std) and clipped to +-limit.
        half_body_probability, half_body_min_joints: with this probability, the crop of a person
            with more than this number of labelled joints shows the upper or lower body only.
        appearance: transforms of the (H, W, 3) uint8 RGB crop that do not move any pixels.
    """

    flip_probability: float = 0.5
    scale_std: float = 0.35
    scale_limits: tuple[float, float] = (0.65, 1.35)
    rotation_std: float = 45.0
    rotation_limit: float = 90.0
    rotation_probability: float = 0.6
    half_body_probability: float = 0.3
    half_body_min_joints: int = 8
    appearance: Compose | None = None

    def draw_window(
        self, person: Annotation, aspect_ratio: float, rng: np.random.Generator
    ) -> CropWindow:
        """Draw a random crop window of a person.

        Args:
            person: the person.
            aspect_ratio: width divided by height of the crop.
            rng: source of randomness.

        Returns:
            The crop window, in image px.
        """
        window = self._half_body(person, aspect_ratio, rng) or CropWindow.of_box(
            person.box_xywh, person.image_wh, aspect_ratio
        )
        scale = _clip(rng.normal(1, self.scale_std), *self.scale_limits)
        mirrored = rng.random() < self.flip_probability
        return CropWindow(window.center, window.width * scale, self._rotation(rng), mirrored)

    def _half_body(
        self, person: Annotation, aspect_ratio: float, rng: np.random.Generator
    ) -> CropWindow | None:
        labelled = person.keypoints[:, 2] > 0
        if labelled.sum() <= self.half_body_min_joints:
            return None
        if rng.random() >= self.half_body_probability:
            return None
        upper = rng.random() < 0.5
        half = half_body_box(
            person.keypoints[:, :2], labelled, COCO17.upper_body, upper, aspect_ratio
        )
        return half and CropWindow(half[0], float(half[1][0]))

    def _rotation(self, rng: np.random.Generator) -> float:
        if rng.random() >= self.rotation_probability:
            return 0.0
        angle = rng.normal(0, self.rotation_std)
        return _clip(angle, -self.rotation_limit, self.rotation_limit)

    def recolour(self, crop: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Apply the appearance transforms to a crop.

        Args:
            crop: (H, W, 3) uint8 RGB crop.
            rng: the only source of randomness of the transforms.

        Returns:
            (H, W, 3) uint8 RGB crop.
        """
        if self.appearance is None:
            return crop
        # albumentations draws from both kinds of generator. Setting both here is faster than its
        # set_random_seed, which creates a pair for every transform.
        self.appearance.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        recoloured: NDArray[np.uint8] = self.appearance(image=crop)["image"]
        return recoloured


def _clip(value: float, low: float, high: float) -> float:
    """Clip one number; faster than ``np.clip``."""
    return min(max(value, low), high)
