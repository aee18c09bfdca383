"""Skeletons on images, and images on sheets. Left limbs are green, right ones red, the rest blue."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Image
from fidip.core.skeleton import COCO17, Skeleton

# Okabe and Ito's bluish green, vermillion and blue: told apart by every kind of colour vision.
SIDES = {"left": (0, 158, 115), "right": (213, 94, 0), "middle": (0, 114, 178)}

FAR = 30_000
"""Key points further away than this, in px, are drawn here: OpenCV takes 16 bits."""


def draw_pose(
    image: Image,
    xy: NDArray[np.float64],
    shown: NDArray[np.bool_],
    hollow: NDArray[np.bool_] | None = None,
    skeleton: Skeleton = COCO17,
) -> Image:
    """A copy of an (H, W, 3) RGB image with a skeleton on it; see ``add_pose``."""
    out = image.copy()
    add_pose(out, xy, shown, hollow, skeleton)
    return out


def add_pose(
    image: Image,
    xy: NDArray[np.float64],
    shown: NDArray[np.bool_],
    hollow: NDArray[np.bool_] | None = None,
    skeleton: Skeleton = COCO17,
) -> None:
    """Draw a skeleton on an (H, W, 3) RGB image, in place.

    Args:
        image: uint8 RGB.
        xy: (K, 2) key points in image px.
        shown: (K,) which of them to draw.
        hollow: (K,) which of them to draw as rings, for joints that are hidden.
        skeleton: the joints' names and limbs.
    """
    width = max(1, round(max(image.shape[:2]) / 130))
    points = np.rint(xy.clip(-FAR, FAR)).astype(int).tolist()
    for a, b in skeleton.limbs:
        if shown[a] and shown[b]:
            cv2.line(image, points[a], points[b], _color(skeleton, a, b), width, cv2.LINE_AA)
    for joint, point in enumerate(points):
        if shown[joint]:
            ring = hollow is not None and hollow[joint]
            color = _color(skeleton, joint, joint)
            cv2.circle(image, point, width + 1, color, 1 if ring else -1, cv2.LINE_AA)


def sheet(images: Sequence[Image], tile: int, columns: int) -> Image:
    """Images side by side, each shrunk into a square of ``tile`` px, on white."""
    tiles = [_fit(image, tile) for image in images]
    tiles += [np.full((tile, tile, 3), 255, np.uint8)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def spread(total: int, count: int) -> list[int]:
    """Up to ``count`` positions, evenly over ``total``."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist()


def _fit(image: Image, tile: int) -> Image:
    zoom = tile / max(image.shape[:2])
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:tile, :tile]
    out = np.full((tile, tile, 3), 255, np.uint8)
    out[: small.shape[0], : small.shape[1]] = small
    return out


def side_of(skeleton: Skeleton, a: int, b: int) -> str:
    """The key in ``SIDES`` of the limb between two joints, or of one joint."""
    sides = {skeleton.joints[j].split("_")[0] for j in (a, b)} & {"left", "right"}
    return sides.pop() if len(sides) == 1 else "middle"


def _color(skeleton: Skeleton, a: int, b: int) -> tuple[int, int, int]:
    return SIDES[side_of(skeleton, a, b)]
