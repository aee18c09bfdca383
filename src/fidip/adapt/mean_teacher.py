r"""Mean teacher: pseudo-labels from a moving average of the network, on images without labels.

Teacher and student see different random views of the same crop. The joints that the teacher finds
are mapped from its view to the student's, and drawn as clean Gaussians H. With the weight m of a
joint, 1 for confident joints inside the crop and 0 otherwise, an update minimises

    L = L_pose + a / B \sum_{b unlabelled} |m (f(student's view) - H)|^2

with the square and the mean over the batch of the pose loss. The weights of the teacher are an
exponential moving average of the student's.

Source: Kim et al., "A Unified Framework for Domain Adaptive Pose Estimation", ECCV 2022, without
style transfer; the teacher is that of Tarvainen and Valpola, "Mean teachers are better role
models", NeurIPS 2017. Three differences: joints are mapped instead of heatmaps, which needs no
interpolation and works with every codec; confidence must reach a floor and the percentile; and the
teacher can see milder views than the student, as in FixMatch (Sohn et al., NeurIPS 2020), or
average over several (``averaged_views``).
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from fidip.adapt.averaged_views import AveragedViews
from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.pseudo_labels import Confident, Occlusion, pseudo_labels
from fidip.adapt.step import Part, Step
from fidip.adapt.teacher import MovingAverage, WithTeacher
from fidip.adapt.view_pairs import ViewPairs
from fidip.adapt.views import AffineViews, move_points
from fidip.core.data_parts import DataPart
from fidip.core.geometry import invert_affine
from fidip.core.ranges import Count, NonNegative
from fidip.nn.pose_net import PoseNet, PoseOutput

TeacherViews = AveragedViews | AffineViews
AS_IT_IS = AffineViews(rotation_deg=0.0, shear_deg=0.0, scale=(1.0, 1.0), colour=0.0)
"""The crop without changes."""


class Taught(NamedTuple):
    """What the teacher finds in the U unlabelled samples of a part.

    Attributes:
        views: the views of teacher and student.
        joints_crop: (U, K, 2) xy in px of the original crops.
        confidence: (U, K) confidences.
    """

    views: ViewPairs
    joints_crop: Tensor
    confidence: Tensor


class TeacherLabels(NamedTuple):
    """Labels of a part; samples that are not of the unlabelled target have none.

    Attributes:
        joints_crop: (B, K, 2) xy in px of the student's views.
        labelled: (B, K), 1 where a joint is labelled, else 0.
    """

    joints_crop: Tensor
    labelled: Tensor


class MeanTeacher(WithTeacher, AddedLoss):
    """Supervised training with pseudo-labels on the unlabelled target; see the module.

    The network sees each unlabelled sample once, in the student's view.

    Args:
        weight: a, weight of the loss against pseudo-labels; 0 turns the method off, so that the
            network sees unlabelled samples as they are, and only its statistics can use them.
        average: update of the teacher.
        views: random views of the student.
        teacher_views: views over which the teacher averages, or random ones; None for random views
            like the student's, as in UDAPE.
        labels: which joints become labels.
        occlusion: patches in the student's view; None for none.
        seed: seed of the views.

    Logs ``pose_loss``, ``pseudo_loss`` and ``labelled``, the fraction of joints that become labels.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.UNLABELLED_TARGET})
    shows_views: ClassVar[bool] = True

    def __init__(
        self,
        *,
        weight: NonNegative = 1.0,
        average: MovingAverage,
        views: AffineViews,
        teacher_views: TeacherViews | None = None,
        labels: Confident,
        occlusion: Occlusion | None = None,
        seed: Count = 0,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.average = average
        self.views = views
        self.teacher_views = teacher_views or views
        self.labels = labels
        self.occlusion = occlusion
        self.seed = seed
        self._labels: dict[Part, TeacherLabels] = {}

    @property
    def labelling_net(self) -> PoseNet | None:
        """The teacher, unless the method is turned off."""
        return self.teacher if self.weight else None

    def prepare(self, step: Step) -> None:
        """Update the teacher, label the unlabelled samples, and show their views to the student."""
        self._labels = {}
        if self.weight == 0:
            return
        self.average.update(self.teacher, step.net)
        taught = {part: self._teach(step, part) for part in step.parts}

        def confidence(part: Part) -> Tensor:
            return taught[part].views.of_batch(part, taught[part].confidence, fill=torch.nan)

        threshold = self.labels.threshold(step.of_all_samples(confidence))
        for part, lesson in taught.items():
            self._labels[part] = self._show(step, part, lesson, threshold)

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the loss of the unlabelled samples against their pseudo-labels."""
        if self.weight == 0:
            return {}
        labels = self._labels.pop(part)
        target, weight = step.codec.encode(labels.joints_crop, labels.labelled)
        loss = step.loss(part.output.heatmaps, target, weight)
        count = part.batch.is_unlabelled.sum().clamp(min=1) * labels.labelled.shape[1]
        return {
            "pseudo_loss": Term(loss, self.weight),
            "labelled": Term(labels.labelled.sum() / count),
        }

    def _teach(self, step: Step, part: Part) -> Taught:
        """Return the joints that the teacher finds in its views."""
        seen = self.teacher_views
        ranges = AS_IT_IS if isinstance(seen, AveragedViews) else seen
        views = ViewPairs.draw(step, part, self.seed, ranges, self.views)
        if isinstance(seen, AveragedViews):
            crops = part.batch.crops[views.rows]
            return Taught(views, *seen.predict(self.teacher, step.codec, crops))
        with torch.no_grad():
            output: PoseOutput = self.teacher(views.teacher_images(step, part))
            joints_view, confidence = step.codec.decode(output.heatmaps)
        joints = move_points(joints_view, invert_affine(views.teacher.affine))
        return Taught(views, joints, confidence)

    def _show(self, step: Step, part: Part, taught: Taught, threshold: Tensor) -> TeacherLabels:
        """Put the student's views into the images of a part, and return their labels."""
        views, joints, confidence = taught
        labelled = pseudo_labels(joints, confidence, threshold, step.codec.input_wh)
        seen = views.show_student(step, part, self.occlusion, joints, confidence * labelled)
        return TeacherLabels(
            views.of_batch(part, seen, fill=0.0), views.of_batch(part, labelled, fill=0.0)
        )
