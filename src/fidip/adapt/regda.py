r"""RegDA: an adversarial regressor finds target images on which keypoints are uncertain.

A second regressor D reads the network's features f. It must agree with the heatmaps of the network
on source images, and on target images confuse each joint with the others; the features must then
make it agree on target images too. With keypoints y = argmax of the network's heatmaps and their
Gaussians H, each divided by its sum over pixels, the two distributions of joint k are

    T_k = H(y_k)    F_k = \sum_{j != k} H(y_j)

and an update minimises, with distributions D(f) = softmax over pixels,

    over D:  m * KL_S(T || D(f)) + KL_T(F || D(f))
    over P:  L_pose + a * (m * KL_S(T || D(f)) + KL_T(T || D(f))),  D fixed

where KL_S and KL_T are means over source and target samples.

Source: Jiang, Ji, Wang, Liu, Wang and Long, "Regressive Domain Adaptation for Unsupervised Keypoint
Detection", CVPR 2021. They update the network by the two divergences one after the other and train
its heatmaps by a divergence, too. Here it is one update and the loss of the run, so that a = 0 is
fine-tuning.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.schedules import WeightSchedule, ramp
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.errors import ArgumentError, ConfigError
from fidip.core.ranges import NonNegative, Positive
from fidip.nn.freeze import fixed
from fidip.nn.pose_net import PoseNet


def ground_false(heatmaps: Tensor) -> Tensor:
    """Return the sum of the other joints' heatmaps for each joint.

    Args:
        heatmaps: (B, K, h, w) heatmaps.

    Returns:
        (B, K, h, w) sums.

    Example:
        >>> ground_false(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)).flatten()
        tensor([6., 5., 3.])
    """
    return heatmaps.sum(1, keepdim=True) - heatmaps


def kl_divergence(heatmaps: Tensor, logits: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of logits from heatmaps, as distributions over pixels.

    Args:
        heatmaps: (B, K, h, w) heatmaps, not negative; each is divided by its sum.
        logits: (B, K, h, w) logits.

    Returns:
        (B,) means over joints; a joint counts as 0 if its heatmap is 0.

    Example:
        >>> peak = torch.tensor([3.0, 0.0]).view(1, 1, 1, 2)
        >>> kl_divergence(peak, torch.zeros(1, 1, 1, 2))
        tensor([0.6931])
    """
    p = heatmaps.flatten(2).to(torch.promote_types(logits.dtype, torch.float32))
    p = p / p.sum(2, keepdim=True).clamp(min=1e-12)
    log_q = logits.flatten(2).to(p.dtype).log_softmax(2)
    return (torch.xlogy(p, p) - p * log_q).sum(2).mean(1)


class Regressor(nn.Module):
    """Adversarial regressor: two convolutions, enlarged to the size of the heatmaps.

    Args:
        in_channels: channels of the features.
        width: channels between the convolutions.
        joints: number of heatmaps, K.
    """

    def __init__(self, in_channels: int, width: int, joints: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(in_channels, width, 3, padding=1)
        self.final = nn.Conv2d(width, joints, 1)

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Compute (B, K, *size) logits from (B, C, h, w) features."""
        logits: Tensor = self.final(self.hidden(features).relu())
        if logits.shape[2:] == size:
            return logits
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


class RegDA(AddedLoss):
    """Supervised training with an adversarial regressor; see the module.

    Source and target are those of ``fidip.adapt.domains``. The network needs one heatmap for each
    joint.

    Args:
        weight: a at the end of the run; 0 disables the adversary: the regressor trains but does not
            affect the network.
        schedule: factor of the weight at a fraction of the run's updates.
        margin: m, weight of the agreement on source images; the paper's by default.
        width: channels within the regressor.
        joints: number of joints.

    Logs ``pose_loss``, ``regressor_loss``, which the regressor minimises, and ``disparity``, which
    the features minimise.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.BOTH_DOMAINS})
    regressor: nn.Module

    def __init__(
        self,
        *,
        weight: NonNegative = 1e-5,
        schedule: WeightSchedule = ramp,
        margin: NonNegative = 4.0,
        width: Positive = 64,
        joints: Positive = 17,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.schedule = schedule
        self.margin = margin
        self.width = width
        self.joints = joints

    def attach(self, net: PoseNet) -> None:
        """Build the regressor for the network's features."""
        self.regressor = Regressor(net.feature_channels, self.width, self.joints)

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the loss of the regressor and that of the features.

        Raises:
            ConfigError: the network's maps are not heatmaps of joints, or of another number of
                joints.
        """
        features, right = part.output.features, self.predicted(step, part)
        size, (source, target) = (right.shape[2], right.shape[3]), step.domains

        def loss(logits: Tensor, on_target: Tensor) -> Tensor:
            agreement = step.mean_over_samples(part, kl_divergence(right, logits), source)
            return self.margin * agreement + step.mean_over_samples(
                part, kl_divergence(on_target, logits), target
            )

        regressor = loss(self.regressor(features.detach(), size), ground_false(right))
        with fixed(self.regressor):
            disparity = loss(self.regressor(features, size), right)
        return {
            "regressor_loss": Term(regressor, 1.0),
            "disparity": Term(disparity, self.weight * self.schedule(step.progress)),
        }

    def predicted(self, step: Step, part: Part) -> Tensor:
        """Return the (B, K, h, w) Gaussians of the keypoints in the network's heatmaps."""
        heatmaps = part.output.heatmaps.detach()
        joints, scores = step.codec.decode(heatmaps)
        gaussians, weight = step.codec.encode(joints, (scores > 0).float())
        shape = list(heatmaps.shape[1:])
        if len(shape) != 3 or weight.ndim != 2:
            raise ConfigError(
                f"method: {type(self).__name__} needs one heatmap for each joint, but the "
                f"network's maps have the shape {shape}; expected a codec of heatmaps. Choose "
                "another codec= and net=, or another method="
            )
        if shape[0] != self.joints:
            raise ArgumentError(
                "method.joints",
                self.joints,
                f"the network has {shape[0]} heatmaps; expected as many joints. Set "
                f"method.joints={shape[0]}",
            )
        return gaussians
