"""Losses over maps of keypoints: pure functions, computed in float32 whatever the inputs' precision."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from fidip.core.errors import ArgumentError, ConfigError


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


def movenet_loss(
    output: Tensor, target: Tensor, weight: Tensor, vector_weight: float = 1e-3
) -> Tensor:
    """Half the mean squared error of scores, plus the mean absolute error of vectors.

    Args:
        output: (B, 1 + 5 K, h, w) predicted maps, in the order of ``fidip.nn.MoveNetFullHead``.
        target: (B, 1 + 5 K, h, w) wanted maps.
        weight: (B, 1 + 5 K, h, w), of ``fidip.codecs.centernet.MoveNetCodec.encode``.
        vector_weight: factor of the error of vectors, in cells.

    Returns:
        () loss.
    """
    _check_shapes(output, target)
    if weight.shape != target.shape:
        raise ConfigError(
            "movenet_loss: the codec has one weight for each joint; expected one for each value, as "
            "of MoveNetCodec. Use this codec, or fidip.nn.losses.heatmap_mse"
        )
    scores = 1 + (output.shape[1] - 1) // 5
    error = (output.float() - target.float()) * weight.float()
    wanted = weight[:, scores:].float().sum().clamp(min=1)
    vectors = error[:, scores:].abs().sum() / wanted
    return error[:, :scores].square().mean() / 2 + vector_weight * vectors


def simcc_kl(
    output: Tensor, target: Tensor, weight: Tensor, bins_wh: Sequence[int], beta: float = 10.0
) -> Tensor:
    """Kullback-Leibler divergence of the distributions over x and over y, summed.

    The loss of RTMPose (Jiang et al., arXiv:2303.07399): both the labels and the predictions become
    distributions by a softmax of ``beta`` times their values, one for each axis. The mean is over
    all joints of all samples, those of weight 0 too. MMPose's ``KLDiscretLoss`` is the same but for
    constant factors: it takes the mean over bins and the sum over samples.

    Args:
        output: (B, K, Wx + Hy) predicted scores of bins, of ``fidip.nn.SimccHead``.
        target: (B, K, Wx + Hy) labels, of ``fidip.codecs.simcc.SimccCodec.encode``.
        weight: (B, K) of each joint.
        bins_wh: Wx and Hy.
        beta: factor of labels and predictions.

    Returns:
        () loss.
    """
    _check_shapes(output, target)
    bins = list(bins_wh)
    if output.ndim != 3 or output.shape[2] != sum(bins):
        raise ArgumentError(
            "bins_wh",
            bins,
            f"the maps have shape {tuple(output.shape[1:])}; expected (joints, {sum(bins)}). Give "
            "the codec's bins_wh, or another loss",
        )
    joints = 0 * weight.float()
    for ours, wanted in zip(output.split(bins, 2), target.split(bins, 2), strict=True):
        log_ours, log_wanted = ((beta * axis.float()).log_softmax(2) for axis in (ours, wanted))
        joints = joints + F.kl_div(log_ours, log_wanted, reduction="none", log_target=True).sum(2)
    return (joints * weight.float()).mean()


def _joint_losses(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """(B, K) float32 loss of every joint of every sample."""
    _check_shapes(output, target)
    if output.ndim != 4:
        raise ConfigError(
            f"heatmap losses: the maps have shape {tuple(output.shape[1:])}; expected (joints, "
            "height, width). For SimccCodec use fidip.nn.losses.simcc_kl with its bins_wh"
        )
    if weight is not None and weight.ndim != 2:
        raise ConfigError(
            f"heatmap losses: the weights have {weight.ndim} dimensions; expected one weight for "
            "each joint. For MoveNetCodec use fidip.nn.losses.movenet_loss"
        )
    error = (output.float() - target.float()).square().mean(dim=(2, 3)) / 2
    return error if weight is None else error * weight.float().square()


def _check_shapes(output: Tensor, target: Tensor) -> None:
    """Raise a ConfigError where the network's maps are not those of the codec."""
    ours, theirs = tuple(output.shape[1:]), tuple(target.shape[1:])
    if ours != theirs:
        raise ConfigError(
            f"net: gives maps of shape {ours}; expected {theirs} of the codec. Choose codec= for this "
            "net, with its heatmap_wh or bins_wh"
        )
