"""Random crop windows and colours of training samples."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fidip.core.crop_window import CropWindow
from fidip.core.geometry import half_body_box
from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation

if TYPE_CHECKING:
    from albumentations import Compose


@dataclass(frozen=True)
class Augmentation:
    """What FiDIP's recipe changes about a training sample; the defaults are its values.

    Attributes:
        flip_probability: of a mirror image.
        scale_std, scale_limits: the crop's size is multiplied by N(1, std), clipped to the limits.
        rotation_std, rotation_limit, rotation_probability: the crop is rotated by N(0, std)
            degrees, clipped to +-limit, with this probability.
        half_body_probability, half_body_min_joints: the crop shows the upper or the lower body
            alone, with this probability, of people with more than so many labelled joints.
        appearance: transforms of the (H, W, 3) uint8 RGB crop that move nothing in it.
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
        """Draw a random crop window of a person."""
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
        """Change the colours of a (H, W, 3) crop; the transform draws from ``rng`` alone."""
        if self.appearance is None:
            return crop
        # albumentations draws from both kinds of generator; this is 4 times as fast as its
        # set_random_seed, which makes a pair for every transform.
        self.appearance.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        recoloured: NDArray[np.uint8] = self.appearance(image=crop)["image"]
        return recoloured


def _clip(value: float, low: float, high: float) -> float:
    """``np.clip`` of one number, 10 times as fast."""
    return min(max(value, low), high)
