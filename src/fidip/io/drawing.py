"""Drawing of skeletons on images: left limbs green, right limbs red, the rest blue."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Image
from fidip.core.skeleton import COCO17, Skeleton

# Bluish green, vermillion and blue of Okabe and Ito's palette, which is safe for colour blindness.
SIDE_COLORS = {"left": (0, 158, 115), "right": (213, 94, 0), "middle": (0, 114, 178)}

FAR = 30_000
"""Limit of drawn coordinates in px, because OpenCV uses 16 bits."""


def draw_pose(
    image: Image,
    xy: NDArray[np.float64],
    shown: NDArray[np.bool_],
    hollow: NDArray[np.bool_] | None = None,
    skeleton: Skeleton = COCO17,
) -> Image:
    """Draw a skeleton on a copy of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (K, 2) keypoints in image px.
        shown: (K,) which keypoints to draw.
        hollow: (K,) which keypoints to draw as rings, for occluded joints.
        skeleton: names of the joints, and limbs.

    Returns:
        (H, W, 3) uint8 RGB copy.
    """
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
    """Draw a skeleton on an image in place.

    Args:
        image: (H, W, 3) uint8 RGB.
        xy: (K, 2) keypoints in image px.
        shown: (K,) which keypoints to draw.
        hollow: (K,) which keypoints to draw as rings, for occluded joints.
        skeleton: names of the joints, and limbs.
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
    """Arrange images in a grid on white.

    Args:
        images: RGB images; each is scaled to fit a tile.
        tile: side of a square tile in px.
        columns: tiles per row.

    Returns:
        (rows * tile, columns * tile, 3) uint8 RGB image.

    Example:
        >>> sheet([np.zeros((40, 20, 3), np.uint8)] * 3, tile=10, columns=2).shape
        (20, 20, 3)
    """
    tiles = [fit_tile(image, tile) for image in images]
    tiles += [np.full((tile, tile, 3), 255, np.uint8)] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def spread(total: int, count: int) -> list[int]:
    """Return up to ``count`` positions spread evenly over ``total``.

    Args:
        total: number of elements.
        count: number of positions.

    Example:
        >>> spread(101, 3)
        [0, 50, 100]
    """
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int)).tolist()


def fit_tile(image: Image, tile: int) -> Image:
    """Scale an image to fit a square tile, white beside it.

    Args:
        image: RGB image.
        tile: side of the tile in px.
    """
    zoom = tile / max(image.shape[:2])
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:tile, :tile]
    out = np.full((tile, tile, 3), 255, np.uint8)
    out[: small.shape[0], : small.shape[1]] = small
    return out


def side_of(skeleton: Skeleton, a: int, b: int) -> str:
    """Return the side of a limb or joint, a key of ``SIDE_COLORS``.

    Args:
        skeleton: the skeleton.
        a: joint at one end of the limb.
        b: joint at the other end; the same joint for a single joint.

    Example:
        >>> side_of(COCO17, 5, 7), side_of(COCO17, 5, 6)
        ('left', 'middle')
    """
    sides = {skeleton.joints[j].split("_")[0] for j in (a, b)} & {"left", "right"}
    return sides.pop() if len(sides) == 1 else "middle"


def _color(skeleton: Skeleton, a: int, b: int) -> tuple[int, int, int]:
    return SIDE_COLORS[side_of(skeleton, a, b)]
