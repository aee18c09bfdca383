"""The COCO-17 skeleton: joint names, limbs, mirror pairs and OKS sigmas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Skeleton:
    """Set of named joints.

    Attributes:
        name: name of the skeleton in files and error messages.
        joints: K joint names, in the order of every keypoint array.
        limbs: pairs of joint indices that are connected in drawings.
        flip_pairs: (left, right) joint indices that a mirror image swaps.
        sigmas: per-joint standard deviation of human labels relative to the square root of the area
            of the person (OKS, Ronchi and Perona, ICCV 2017), as in COCO evaluation.
        upper_body: joint indices above the hips, for half-body crops.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    upper_body: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.joints)

    @cached_property
    def flip_order(self) -> NDArray[np.int64]:
        """Permutation that exchanges left and right joints; (K,) int64.

        The permutation is its own inverse.

        Example:
            >>> COCO17.flip_order[:3]
            array([0, 2, 1])
        """
        order = np.arange(len(self.joints))
        for left, right in self.flip_pairs:
            order[[left, right]] = right, left
        return order


COCO17 = Skeleton(
    name="COCO-17",
    joints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    limbs=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7),
        (6, 8), (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
    ),  # fmt: skip
    flip_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
        0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
    ),  # fmt: skip
    upper_body=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
)  # fmt: skip


def _pair(joint: str) -> list[int]:
    return [COCO17.joints.index(f"{side}_{joint}") for side in ("left", "right")]


EYES, EARS, SHOULDERS, HIPS = map(_pair, ("eye", "ear", "shoulder", "hip"))
KNEES, ANKLES = map(_pair, ("knee", "ankle"))
"""(left, right) joint indices."""
FACE = [COCO17.joints.index("nose"), *EYES, *EARS]
"""Joint indices of nose, eyes and ears."""
