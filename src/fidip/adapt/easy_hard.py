r"""Easy-hard consistency: a network learns from its own heatmaps of an easier view, without labels.

The network sees two random views of every unlabelled crop, a slightly changed one and a strongly
changed one. Its heatmaps of the easy view, warped into the hard view by the affine A, are the
targets. The gradient passes through the hard view only; with a gradient through both, empty
heatmaps everywhere would be a minimum that training reaches:

    L = L_pose + a / B \sum_{b unlabelled} |f(hard) - A stop_grad(f(easy))|^2

with the square and the mean over the batch of the pose loss. The easy view is predicted in eval
mode.

Source: Xie, Wang, Zeng and Wang, "An Empirical Study of the Collapsing Problem in Semi-Supervised
2D Human Pose Estimation", ICCV 2021, with one network; their joint cutout is occlusion here.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fidip.adapt.heatmap_codecs import require_heatmaps
from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.pseudo_labels import Occlusion
from fidip.adapt.step import Part, Step
from fidip.adapt.view_pairs import ViewPairs
from fidip.adapt.views import AffineViews, compose_affines, heatmap_affine, move_points, warp
from fidip.core.data_parts import DataPart
from fidip.core.geometry import invert_affine
from fidip.core.ranges import Count, NonNegative
from fidip.nn.pose_net import PoseNet


class EasyHard(AddedLoss):
    """Supervised training with easy-hard consistency on the unlabelled target; see the module.

    Args:
        weight: a, weight of the consistency; 0 turns the method off, so that the network sees
            unlabelled samples as they are, and only its statistics can use them.
        easy: random views that give the targets.
        hard: random views that are trained.
        occlusion: patches in the hard view; None for none.
        seed: seed of the views.

    Logs ``pose_loss`` and ``consistency_loss``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.UNLABELLED_TARGET})
    shows_views: ClassVar[bool] = True

    def __init__(
        self,
        *,
        weight: NonNegative = 1.0,
        easy: AffineViews,
        hard: AffineViews,
        occlusion: Occlusion | None = None,
        seed: Count = 0,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.easy = easy
        self.hard = hard
        self.occlusion = occlusion
        self.seed = seed
        self._targets: dict[Part, Tensor] = {}

    def prepare(self, step: Step) -> None:
        """Compute the targets of the unlabelled samples, and show their hard views to the network.

        Raises:
            ConfigError: the maps of the codec are no heatmaps.
        """
        self._targets = {}
        if self.weight:
            self._targets = {part: self._target(step, part) for part in step.parts}

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the consistency of the unlabelled samples."""
        if self.weight == 0:
            return {}
        target = self._targets.pop(part)
        weight = part.batch.is_unlabelled.to(target)[:, None].expand(-1, target.shape[1])
        loss = step.loss(part.output.heatmaps, target, weight)
        return {"consistency_loss": Term(loss, self.weight)}

    def _target(self, step: Step, part: Part) -> Tensor:
        """Return the (B, K, h, w) targets of a part, 0 for other samples."""
        codec = require_heatmaps(step.codec, self)
        views = ViewPairs.draw(step, part, self.seed, self.easy, self.hard)
        heatmaps = _predict(step.net, views.teacher_images(step, part))
        to_crop = invert_affine(views.teacher.affine)
        joints_view, confidence = codec.decode(heatmaps)
        joints = move_points(joints_view, to_crop)
        views.show_student(step, part, self.occlusion, joints, confidence)
        to_student = heatmap_affine(compose_affines(views.student.affine, to_crop), codec)
        return views.of_batch(part, warp(heatmaps, to_student), fill=0.0)


@torch.no_grad()
def _predict(net: PoseNet, images: Tensor) -> Tensor:
    """Return the float32 heatmaps of a network in eval mode, and restore its mode.

    Args:
        net: the network.
        images: (B, 3, H, W) normalised images.

    Returns:
        (B, K, h, w) heatmaps without gradients, at least float32.
    """
    is_training = net.training
    net.eval()
    heatmaps: Tensor = net(images).heatmaps
    net.train(is_training)
    return heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
