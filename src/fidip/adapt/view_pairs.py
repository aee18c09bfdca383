"""Two views of every unlabelled sample: one to learn from, and one for the network in training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from fidip.adapt import pseudo_labels, views
from fidip.adapt.pseudo_labels import Occlusion
from fidip.adapt.step import Part, Step
from fidip.adapt.views import AffineViews, View, apply_views, move_points, uniform_draws
from fidip.core.arrays import Floats

DRAWS = 2 * views.DRAWS + pseudo_labels.DRAWS
"""Random numbers of one sample: both views, and occlusion."""


class ViewPairs(NamedTuple):
    """Two views of the U unlabelled samples of a part.

    Attributes:
        rows: (U,) positions of the samples in the batch.
        teacher: views to learn from.
        student: views for the network in training.
        uniform: (U, 4) random numbers for occlusion.
    """

    rows: Tensor
    teacher: View
    student: View
    uniform: Floats

    @classmethod
    def draw(
        cls, step: Step, part: Part, seed: int, teacher: AffineViews, student: AffineViews
    ) -> ViewPairs:
        """Draw the views of a part, by seed, update and sample.

        Args:
            step: the update.
            part: one of its parts.
            seed: seed of the run.
            teacher: ranges of the views to learn from.
            student: ranges of the views for the network in training.
        """
        rows = part.batch.is_unlabelled.nonzero()[:, 0]
        indices = part.batch.index[rows.cpu()].tolist()
        uniform = uniform_draws(seed, step.update_number, indices, DRAWS)
        first, second, last = np.split(uniform, [views.DRAWS, 2 * views.DRAWS], axis=1)
        crop_wh = step.codec.input_wh
        return cls(rows, teacher.draw(first, crop_wh), student.draw(second, crop_wh), last)

    def teacher_images(self, step: Step, part: Part) -> Tensor:
        """Return the (U, 3, H, W) normalised images of the views to learn from."""
        return step.net.normalize(apply_views(part.batch.crops[self.rows], self.teacher))

    def show_student(
        self,
        step: Step,
        part: Part,
        occlusion: Occlusion | None,
        joints_crop: Tensor,
        confidence: Tensor,
    ) -> Tensor:
        """Replace the samples in the images of a part by the student's views.

        Args:
            step: the update.
            part: one of its parts, before the network has seen its images.
            occlusion: patches over joints; None for none.
            joints_crop: (U, K, 2) xy of the joints in px of the original crops.
            confidence: (U, K) their confidences.

        Returns:
            (U, K, 2) xy of the joints in px of the student's views.
        """
        joints = move_points(joints_crop, self.student.affine)
        crops = apply_views(part.batch.crops[self.rows], self.student)
        if occlusion is not None:
            crops = occlusion.cover(crops, joints, confidence, self.uniform)
        part.images[self.rows] = step.net.normalize(crops)
        return joints

    def of_batch(self, part: Part, values: Tensor, fill: float) -> Tensor:
        """Return (U, ...) values of the samples as (B, ...) values of all samples of the part.

        Args:
            part: the part.
            values: (U, ...) values.
            fill: the value of the other samples.
        """
        whole = values.new_full((len(part.batch), *values.shape[1:]), fill)
        whole[self.rows] = values
        return whole
