"""Losses of keypoints over time, which need no labels: pure functions with gradients.

Keypoints are (B, T, K, 2), xy of T consecutive frames in any unit. The ideas are those of Lightning
Pose (Biderman et al., Nature Methods 2024): keypoints do not jump, bones do not change their
length, and poses lie near a subspace of the labelled poses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fidip.core.skeleton import COCO17, HIPS, SHOULDERS

SMALLEST = 1e-12
"""Added to squared lengths, so that square roots have gradients at 0."""


class PoseSubspace(NamedTuple):
    """Affine subspace of normalised poses.

    Attributes:
        mean: (2 K,) mean pose.
        components: (N, 2 K) orthonormal directions.
    """

    mean: Tensor
    components: Tensor


def soft_argmax(heatmaps: Tensor, beta: float = 20.0) -> Tensor:
    """Return the expected position of each heatmap, a differentiable argmax.

        x = sum_i i softmax(beta H)_i

    Args:
        heatmaps: (..., h, w) heatmaps with peaks of about 1.
        beta: inverse temperature; with larger values the result is nearer to the maximum.

    Returns:
        (..., 2) float32 xy in heatmap px.

    Example:
        >>> heatmaps = torch.zeros(1, 8, 8)
        >>> heatmaps[0, 2, 5] = 1
        >>> soft_argmax(heatmaps).round()
        tensor([[5., 2.]])
    """
    height, width = heatmaps.shape[-2:]
    weights = (beta * heatmaps.float()).flatten(-2).softmax(-1).unflatten(-1, (height, width))
    x = weights.sum(-2) @ torch.arange(width, dtype=torch.float32, device=heatmaps.device)
    y = weights.sum(-1) @ torch.arange(height, dtype=torch.float32, device=heatmaps.device)
    return torch.stack([x, y], dim=-1)


def temporal_hinge(xy: Tensor, limit: float) -> Tensor:
    """Return the mean distance that joints move from frame to frame beyond a limit.

        L = mean max(0, |x_t+1 - x_t| - limit)

    Args:
        xy: (B, T, K, 2) keypoints.
        limit: distance per frame that costs nothing, in the unit of ``xy``.

    Returns:
        () loss.

    Example:
        >>> xy = torch.tensor([0.0, 1.0, 5.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
        >>> temporal_hinge(xy * torch.tensor([1.0, 0.0]), limit=2.0)
        tensor(1.)
    """
    return (_lengths(xy.diff(dim=1)) - limit).relu().mean()


def bone_changes(
    xy: Tensor, limbs: Sequence[tuple[int, int]] = COCO17.limbs, tolerance: float = 0.0
) -> Tensor:
    """Return the mean relative change of bone lengths from frame to frame beyond a tolerance.

        L = mean max(0, |l_t+1 - l_t| / l - tolerance),   l = mean over time

    In images, bones also change their length when they turn out of the image plane, slowly.

    Args:
        xy: (B, T, K, 2) keypoints.
        limbs: pairs of joint indices.
        tolerance: relative change per frame that costs nothing.

    Returns:
        () loss.

    Example:
        >>> xy = torch.zeros(1, 2, 2, 2)
        >>> xy[0, :, 1, 0] = torch.tensor([3.0, 5.0])
        >>> bone_changes(xy, limbs=[(0, 1)])
        tensor(0.5000)
    """
    first, second = (list(ends) for ends in zip(*limbs, strict=True))
    lengths = _lengths(xy[:, :, first] - xy[:, :, second])
    relative = lengths.diff(dim=1).abs() / lengths.mean(dim=1, keepdim=True)
    return (relative - tolerance).relu().mean()


def pose_subspace(poses: Tensor, explained: float = 0.99) -> PoseSubspace:
    """Return the principal components of labelled poses.

    Args:
        poses: (N, K, 2) poses with all joints.
        explained: fraction of the variance that the components explain.

    Returns:
        The mean and as few components as needed, of ``normalize_poses(poses)``.

    Example:
        >>> poses = torch.randn(50, 17, 2, generator=torch.Generator().manual_seed(0))
        >>> subspace = pose_subspace(poses, explained=1.0)
        >>> implausibility(poses[None], subspace) < 1e-3
        tensor(True)
    """
    rows = normalize_poses(poses).flatten(1)
    mean = rows.mean(dim=0)
    _, sizes, directions = torch.linalg.svd(rows - mean, full_matrices=False)
    variance = sizes.square().cumsum(0)
    count = int((variance < explained * variance[-1]).sum()) + 1
    return PoseSubspace(mean, directions[:count])


def implausibility(xy: Tensor, subspace: PoseSubspace, tolerance: float = 0.0) -> Tensor:
    """Return the mean distance of joints from the subspace of labelled poses.

        L = mean_k max(0, |p_k - P(p)_k| - tolerance)

    P projects a normalised pose p onto the subspace.

    Args:
        xy: (B, T, K, 2) keypoints.
        subspace: from ``pose_subspace``.
        tolerance: distance that costs nothing, relative to the size of the pose.

    Returns:
        () loss.

    Example:
        >>> angle = torch.arange(17) * 2 * torch.pi / 17
        >>> circle = torch.stack([angle.cos(), angle.sin()], dim=-1)  # every joint at distance 1
        >>> origin = PoseSubspace(torch.zeros(34), torch.zeros(0, 34))
        >>> implausibility(circle[None, None], origin, tolerance=0.25)
        tensor(0.7500)
    """
    poses = normalize_poses(xy)
    offsets = poses.flatten(-2) - subspace.mean
    projected = offsets @ subspace.components.T @ subspace.components
    distances = _lengths((offsets - projected).unflatten(-1, poses.shape[-2:]))
    return (distances - tolerance).relu().mean()


def normalize_poses(xy: Tensor) -> Tensor:
    """Move poses to their mean, scale them to size 1 and turn their torsos upright.

    Args:
        xy: (..., K, 2) keypoints of COCO-17.

    Returns:
        (..., K, 2) poses without unit; the root mean square distance from the mean is 1, up is -y.

    Example:
        >>> poses = torch.randn(3, 17, 2)
        >>> turned = poses @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]) * 4 + 7
        >>> torch.allclose(normalize_poses(poses), normalize_poses(turned), atol=1e-4)
        True
    """
    centred = xy - xy.mean(dim=-2, keepdim=True)
    size = (centred.square().sum(-1).mean(-1) + SMALLEST).sqrt()
    down = centred[..., HIPS, :].mean(-2) - centred[..., SHOULDERS, :].mean(-2)
    down_x, down_y = (down / _lengths(down)[..., None]).unbind(-1)
    turn = torch.stack([down_y, -down_x, down_x, down_y], dim=-1).unflatten(-1, (2, 2))
    return centred @ turn.mT / size[..., None, None]


def _lengths(vectors: Tensor) -> Tensor:
    """Return the (...) lengths of (..., 2) vectors, with finite gradients at 0."""
    return (vectors.square().sum(-1) + SMALLEST).sqrt()
