"""Losses over heatmaps: pure functions, computed in float32 whatever the inputs' precision."""

from __future__ import annotations

from torch import Tensor


def heatmap_mse(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Half the mean squared error of weighted heatmaps.

    The mean is over all joints of all samples, those of weight 0 too, and the weight is applied
    before squaring: so the loss of FiDIP and DarkPose is defined.

    Args:
        output: (B, K, h, w) predicted heatmaps.
        target: (B, K, h, w) wanted heatmaps.
        weight: (B, K) of each joint; None for 1 everywhere.

    Returns:
        () loss.
    """
    return _joint_losses(output, target, weight).mean()


def heatmap_ohkm(output: Tensor, target: Tensor, weight: Tensor, topk: int = 8) -> Tensor:
    """``heatmap_mse`` of each sample's ``topk`` worst joints alone (online hard key point mining).

    From Chen et al., Cascaded Pyramid Network for Multi-Person Pose Estimation, CVPR 2018.

    Args:
        output: (B, K, h, w) predicted heatmaps.
        target: (B, K, h, w) wanted heatmaps.
        weight: (B, K) of each joint.
        topk: how many joints of a sample count, at most K.

    Returns:
        () loss.
    """
    return _joint_losses(output, target, weight).topk(topk, dim=1).values.mean()


def _joint_losses(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """(B, K) float32 loss of every joint of every sample."""
    error = (output.float() - target.float()).square().mean(dim=(2, 3)) / 2
    return error if weight is None else error * weight.float().square()
