"""Predictions in several views of each person, and their consensus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fidip.adapt.agreement import FixedView
from fidip.core.arrays import Floats, Image
from fidip.core.crop_window import CropWindow
from fidip.core.skeleton import COCO17
from fidip.inference.predictor import Predictor
from fidip.metrics.oks import oks_per_joint

TEACHER_VIEWS = (
    FixedView(),
    FixedView(mirrored=True),
    *(FixedView(rotation_deg=angle) for angle in (-30.0, -15.0, 15.0, 30.0)),
    FixedView(scale=0.8),
    FixedView(scale=1.15),
)
"""The view as it is, mirrored, at four rotations and at two scales."""


def predict_views(
    predictor: Predictor,
    image: Image,
    window: CropWindow,
    views: Sequence[FixedView] = TEACHER_VIEWS,
) -> tuple[Floats, Floats]:
    """Predict a person in several views of a window, in one batch.

    Args:
        predictor: predictor without averages of its own, see ``Predictor.with_averages``.
        image: (H, W, 3) uint8 RGB.
        window: window of the person.
        views: V views.

    Returns:
        (V, K, 2) keypoints in image px, and (V, K) confidences.
    """
    windows = [
        replace(
            window,
            width=window.width / view.scale,
            rotation_deg=window.rotation_deg + view.rotation_deg,
            mirrored=view.mirrored,
        )
        for view in views
    ]
    poses = predictor(image, windows)
    order = np.arange(len(COCO17))
    rows = np.stack([COCO17.flip_order if view.mirrored else order for view in views])
    xy = np.take_along_axis(poses.xy, rows[..., None], axis=1)
    return xy, np.take_along_axis(poses.scores, rows, axis=1).astype(np.float64)


def consensus(xy: Floats, scores: Floats, area: float) -> tuple[Floats, Floats]:
    """Return the keypoints that most views agree on, and how much they agree.

    The view with the most similar others, in the sense of OKS, is the centre. The keypoint is the
    mean over the views, weighted by their similarity to the centre and by their confidence, so a
    few wrong views have no effect. OKS allows for how precisely each joint can be labelled, so the
    agreement is comparable between joints.

    Args:
        xy: (V, K, 2) keypoints of one person in V views, image px.
        scores: (V, K) confidences.
        area: area of the person in px².

    Returns:
        (K, 2) keypoints, and (K,) confidence: the mean over the views of confidence times
        similarity to the centre.

    Example:
        >>> xy = np.full((3, 17, 2), 10.0)
        >>> xy[2] = 90.0
        >>> found, confidence = consensus(xy, np.full((3, 17), 0.9), 1e3)
        >>> found[0], confidence[0].round(3)
        (array([10., 10.]), np.float64(0.6))
    """
    triplets = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    areas = np.full(len(xy), area)
    alike = np.stack(
        [oks_per_joint(xy, np.broadcast_to(each, triplets.shape), areas) for each in triplets]
    )
    votes = (alike * scores).sum(axis=1)
    centre = votes.argmax(axis=0)
    similarity = alike[centre, :, np.arange(xy.shape[1])].T
    weight = similarity * np.maximum(scores, 1e-6)
    mean = (weight[..., None] * xy).sum(axis=0) / weight.sum(axis=0)[:, None]
    return mean, (similarity * scores).mean(axis=0)
