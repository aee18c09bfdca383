r"""Pose prior: predictions on images without labels should be poses that infants can take.

A small network d, fixed during adaptation, takes the unit vectors of the limbs of a pose and
returns its distance to plausible poses. An update minimises

    L = L_pose + a / B \sum_{b unlabelled} d(limbs(soft-argmax(f(x_b))))

where B is the number of samples in the batch. The soft-argmax of the heatmaps has a gradient. The
plausible poses are views of the free 3D infants from all sides, see
``experiments/014-pose-prior``.

Sources: Tiwari et al., "Pose-NDF: Modeling Human Pose Manifolds with Neural Distance Fields", ECCV
2022, for the distance, and Raychaudhuri et al., "Prior-guided Source-free Domain Adaptation for
Human Pose Estimation", ICCV 2023, for its use. Here the distance is that of 2D views.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fidip.adapt.heatmap_codecs import require_heatmaps
from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.ranges import NonNegative, PositiveFloat
from fidip.core.skeleton import COCO17
from fidip.nn.pose_net import PoseNet
from fidip.nn.sequence_losses import soft_argmax

WEIGHTS = Path(__file__).with_name("infant_poses.safetensors")
"""Weights of the distance, by experiments/014-pose-prior."""
SMALLEST = 1e-6
"""Length below which a limb has no direction, in the unit of the pose."""


def limb_directions(xy: Tensor) -> Tensor:
    """Return the unit vectors of the limbs of poses.

    Args:
        xy: (..., 17, 2) joints in any unit; x and y have the same.

    Returns:
        (..., 19, 2) vectors; 0 for a limb without length.

    Example:
        >>> xy = torch.zeros(17, 2)
        >>> xy[13] = torch.tensor([3.0, 4.0])  # the left knee, and the ankle is at 0
        >>> limb_directions(xy)[0]
        tensor([0.6000, 0.8000])
    """
    first, second = torch.tensor(COCO17.limbs, device=xy.device).T
    limbs = xy[..., second, :] - xy[..., first, :]
    length = (limbs.square().sum(dim=-1, keepdim=True) + SMALLEST**2).sqrt()
    return limbs / length


class PoseDistance(nn.Sequential):
    """Distance of poses to plausible ones: 1 minus the mean cosine to the limbs of the nearest.

    Args:
        width: number of hidden features.

    Example:
        >>> PoseDistance()(torch.zeros(3, 17, 2)).shape
        torch.Size([3])
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__(
            nn.Linear(2 * len(COCO17.limbs), width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(self, xy: Tensor) -> Tensor:
        """Return the (B,) distances of (B, 17, 2) poses in any unit."""
        directions = limb_directions(xy).flatten(-2).to(next(self.parameters()).dtype)
        distance: Tensor = super().forward(directions)
        return distance[..., 0].clamp(min=0)


class PosePrior(AddedLoss):
    """Supervised training with a prior on the poses of the unlabelled target; see the module.

    Args:
        weight: a, weight of the distance.
        beta: inverse temperature of the soft-argmax; peaks of heatmaps are about 1.

    Logs ``pose_loss`` and ``pose_distance``, the distance summed over the unlabelled samples, by B.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.UNLABELLED_TARGET})

    def __init__(self, *, weight: NonNegative = 1e-3, beta: PositiveFloat = 20.0) -> None:
        super().__init__()
        self.weight = weight
        self.beta = beta
        self.distance = PoseDistance().requires_grad_(False)

    def begin(self, net: PoseNet) -> None:
        """Load the distance, which is not trained."""
        self.distance.load_state_dict(load_file(WEIGHTS))

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the mean distance of the unlabelled samples to plausible poses.

        Raises:
            ConfigError: the maps of the codec are no heatmaps.
        """
        if self.weight == 0:
            return {}
        require_heatmaps(step.codec, self)
        is_unlabelled = part.batch.is_unlabelled.to(part.output.heatmaps.device)
        joints = soft_argmax(part.output.heatmaps, self.beta)
        distance = self.distance(joints) * is_unlabelled
        return {"pose_distance": Term(distance.sum() / len(distance), self.weight)}
