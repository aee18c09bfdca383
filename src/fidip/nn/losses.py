"""Pose losses: pure functions that compute in float32 whatever the precision of their inputs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from fidip.core.errors import ArgumentError, ConfigError


def heatmap_mse(output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Compute the weighted mean squared error of heatmaps, halved.

        L = 1 / (2 B K h w) sum_{b,k,y,x} (w_bk (H_bkyx - T_bkyx))^2

    The loss of SimpleBaseline (Xiao et al., ECCV 2018), DarkPose and FiDIP. Joints of weight 0
    count in the mean.

    Args:
        output: (B, K, h, w) predicted heatmaps.
        target: (B, K, h, w) target heatmaps.
        weight: (B, K) weights of the joints; None for 1 everywhere.

    Returns:
        () float32 loss.

    Raises:
        ConfigError: the shapes of the maps or weights do not fit this loss.

    Example:
        >>> import torch
        >>> heatmap_mse(torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4))
        tensor(0.5000)
    """
    return _joint_losses(output, target, weight).mean()


def heatmap_ohkm(output: Tensor, target: Tensor, weight: Tensor, topk: int = 8) -> Tensor:
    """Compute ``heatmap_mse`` over the ``topk`` joints of each sample with the highest loss.

    Online hard keypoint mining (Chen et al., Cascaded Pyramid Network for Multi-Person Pose
    Estimation, CVPR 2018).

    Args:
        output: (B, K, h, w) predicted heatmaps.
        target: (B, K, h, w) target heatmaps.
        weight: (B, K) weights of the joints.
        topk: number of joints per sample that contribute to the loss, at most K.

    Returns:
        () float32 loss.

    Raises:
        ConfigError: the shapes of the maps or weights do not fit this loss.

    Example:
        >>> import torch
        >>> target = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
        >>> heatmap_ohkm(torch.zeros(1, 2, 1, 1), target, torch.ones(1, 2), topk=1)
        tensor(0.5000)
    """
    return _joint_losses(output, target, weight).topk(topk, dim=1).values.mean()


def movenet_loss(
    output: Tensor, target: Tensor, weight: Tensor, vector_weight: float = 1e-3
) -> Tensor:
    """Compute MoveNet's loss: halved mean squared score error plus mean absolute vector error.

        L = 1/2 mean (w (S - S*))^2 + vector_weight sum |w (V - V*)| / sum w

    S are the maps of scores and V the maps of regression vectors and offsets. A CenterNet-style
    loss (Zhou et al., Objects as Points, arXiv:1904.07850) with squared errors for the heatmaps.

    Args:
        output: (B, 1 + 5 K, h, w) predicted maps, in the order of ``fidip.nn.MoveNetFullHead``.
        target: (B, 1 + 5 K, h, w) target maps.
        weight: (B, 1 + 5 K, h, w) weights from ``fidip.codecs.centernet.MoveNetCodec.encode``.
        vector_weight: factor of the vector error, which is in cells.

    Returns:
        () float32 loss.

    Raises:
        ConfigError: the shapes of the maps differ, or there is not one weight per value.

    Example:
        >>> import torch
        >>> ones = torch.ones(1, 6, 1, 1)
        >>> movenet_loss(torch.zeros(1, 6, 1, 1), ones, weight=ones)
        tensor(0.5010)
    """
    _check_shapes(output, target)
    if weight.shape != target.shape:
        raise ConfigError(
            "movenet_loss: the codec has one weight for each joint; expected one for each value, "
            "as from MoveNetCodec. Use this codec, or fidip.nn.losses.heatmap_mse"
        )
    scores = 1 + (output.shape[1] - 1) // 5
    error = (output.float() - target.float()) * weight.float()
    wanted = weight[:, scores:].float().sum().clamp(min=1)
    vectors = error[:, scores:].abs().sum() / wanted
    return error[:, :scores].square().mean() / 2 + vector_weight * vectors


def simcc_kl(
    output: Tensor, target: Tensor, weight: Tensor, bins_wh: Sequence[int], beta: float = 10.0
) -> Tensor:
    """Compute the Kullback-Leibler divergence of the distributions over x and y, summed over axes.

        L = 1 / (B K) sum_{b,k} w_bk sum_{axis} KL(softmax(beta t_bk) || softmax(beta s_bk))

    The loss of RTMPose (Jiang et al., arXiv:2303.07399); s are the predicted scores and t the
    labels of one axis. Joints of weight 0 count in the mean. MMPose's ``KLDiscretLoss`` differs by
    constant factors only: it averages over bins and sums over samples.

    Args:
        output: (B, K, Wx + Hy) predicted bin scores from ``fidip.nn.SimccHead``.
        target: (B, K, Wx + Hy) labels from ``fidip.codecs.simcc.SimccCodec.encode``.
        weight: (B, K) weights of the joints.
        bins_wh: Wx and Hy, the number of bins along x and y.
        beta: inverse temperature of both softmaxes.

    Returns:
        () float32 loss.

    Raises:
        ConfigError: the shapes of output and target differ.
        ArgumentError: the last dimension is not Wx + Hy.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
        >>> simcc_kl(torch.zeros(1, 1, 4), target, torch.ones(1, 1), bins_wh=(2, 2), beta=1.0)
        tensor(0.1109)
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
    """Return the (B, K) float32 loss of each joint of each sample."""
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
    """Raise a ConfigError if the shape of the network's output differs from that of the targets."""
    ours, theirs = tuple(output.shape[1:]), tuple(target.shape[1:])
    if ours != theirs:
        raise ConfigError(
            f"net: gives maps of shape {ours}; expected {theirs} of the codec. Choose codec= for "
            "this net, with its heatmap_wh or bins_wh"
        )
