"""From decoded heatmaps to ``Poses``, and from the processes of a run to one list of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from fidip.core.geometry import apply_affine
from fidip.core.types import Annotation, Batch, Poses


def to_poses(
    xy_crop: Tensor, scores: Tensor, batch: Batch, annotations: Sequence[Annotation]
) -> Poses:
    """Take a batch's decoded key points back to image px.

    Args:
        xy_crop: (B, K, 2) key points in crop px.
        scores: (B, K) key point confidences.
        batch: the batch they were predicted from.
        annotations: the whole dataset's; ``batch.index`` points into it.
    """
    rows = [annotations[i] for i in batch.index.tolist()]
    return Poses(
        xy=apply_affine(batch.crop_to_image.numpy(), xy_crop.double().cpu().numpy()),
        scores=scores.float().cpu().numpy(),
        image_ids=np.array([a.image_id for a in rows], dtype=np.int64),
        boxes_xywh=np.stack([a.box_xywh for a in rows]),
        box_scores=np.array([a.box_score for a in rows]),
        index=batch.index.numpy(),
    )


def gather_poses(parts: Sequence[Poses]) -> Poses:
    """Join the parts of all batches and processes: each sample once, in the dataset's order.

    Samples that a sampler repeated, to give every process equally many, are dropped here.
    """
    if dist.is_available() and dist.is_initialized():
        shares: list[list[Poses]] = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(shares, list(parts))
        parts = [part for share in shares for part in share]
    poses = Poses.concatenate(parts)
    return poses[_first_rows(poses.index)]


def _first_rows(index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the first occurrence of every index, in increasing order of the index."""
    rows: NDArray[np.int64] = np.unique(index, return_index=True)[1]
    return rows
