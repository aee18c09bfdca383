"""Conversion of decoded heatmaps to ``Poses``, and collection from all processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.geometry import apply_affine
from fidip.core.poses import Poses
from fidip.core.samples import Batch


def to_poses(xy_crop: Tensor, scores: Tensor, batch: Batch) -> Poses:
    """Map the decoded keypoints of a batch to image px.

    Args:
        xy_crop: (B, K, 2) keypoints in crop px.
        scores: (B, K) confidences of the keypoints.
        batch: the batch that they were predicted from.

    Returns:
        B poses, in the order of the batch.
    """
    return Poses(
        xy=apply_affine(batch.crop_to_image.numpy(), xy_crop.double().cpu().numpy()),
        scores=scores.float().cpu().numpy(),
        image_ids=batch.image_ids.numpy(),
        boxes_xywh=batch.boxes_xywh.numpy(),
        box_scores=batch.box_scores.numpy(),
        index=batch.index.numpy(),
    )


def gather_poses(parts: Sequence[Poses]) -> Poses:
    """Join the poses of all batches and processes.

    Args:
        parts: poses of the batches of this process.

    Returns:
        One pose for each sample, in the order of the dataset; samples that were repeated to give
        every process equally many occur once.
    """
    if dist.is_available() and dist.is_initialized():
        shares: list[list[Poses]] = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(shares, list(parts))
        parts = [part for share in shares for part in share]
    poses = Poses.concatenate(parts)
    return poses[_first_rows(poses.index)]


def _first_rows(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of the first occurrence of every index, by increasing index."""
    rows: NDArray[np.int64] = np.unique(index, return_index=True)[1]
    return rows
