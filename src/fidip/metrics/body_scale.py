"""PCKsh and mKS: errors relative to the shoulders and the trunk, as in papers on infants.

The scale of a person is S = sqrt(shoulder distance * head-hip distance) in the image. COCO-17 has
neither a point for the head nor one for the hips. The head is the mean of the labelled joints among
nose, eyes and ears, and the hip point is the midpoint of both hips. Papers that label the vertex
have a larger S, so their values are higher than those of the same predictions here.

People without a scale are left out, and every result counts them: a shoulder or a hip is
unlabelled, no joint of the face is labelled, or S is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fidip.core.arrays import Floats, Ints
from fidip.core.skeleton import FACE, HIPS, SHOULDERS
from fidip.metrics.coco_bootstrap import draw_images
from fidip.metrics.keypoint_ap import Number, percentile_intervals

PCKSH, MKS = "pcksh@0.1", "mks"
"""Names in ``results.json``."""
TABLE_NAMES = {PCKSH: "PCKsh@0.1", MKS: "mKS"}
"""Names in tables."""
BETA = 0.1
"""Threshold of PCKsh relative to the scale of the person."""
SMOOTHING = 0.0072
"""Smoothing parameter of mKS, an estimate: its authors do not publish theirs. With 0.0072, and no
error above 0.3 scales, their PCKsh at 0.02 to 0.1 gives their mKS to within 0.005."""


@dataclass(frozen=True)
class BodySums:
    """Sums over the joints of each image, from which PCKsh and mKS of any resample follow.

    Attributes:
        totals: (I, 2) sums of ``pcksh_per_joint`` and ``ks_per_joint`` in I images.
        counts: (I,) number of their joints.
    """

    totals: Floats
    counts: Ints

    @classmethod
    def of(cls, xy: Floats, keypoints: Floats, image: Ints, images: int) -> BodySums:
        """Return the sums of predicted people.

        Args:
            xy: (N, K, 2) predicted keypoints in image px.
            keypoints: (N, K, 3) labelled keypoints in image px.
            image: (N,) numbers of the people's images, from 0.
            images: number of images.
        """
        values = (pcksh_per_joint(xy, keypoints), ks_per_joint(xy, keypoints))
        totals = [np.bincount(image, np.nansum(value, axis=1), images) for value in values]
        counts = np.bincount(image, (~np.isnan(values[0])).sum(axis=1), images)
        return cls(np.stack(totals, axis=1), counts.astype(np.int64))

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.counts)

    def numbers(self, draws: Ints) -> Floats:
        """Return PCKsh and mKS of resampled images.

        Args:
            draws: (R, I) how often each image occurs in each resample.

        Returns:
            (R, 2) values, NaN without a joint.

        Example:
            >>> sums = BodySums(np.array([[1.0, 1.5], [0.0, 0.5]]), np.array([2, 1]))
            >>> sums.numbers(np.array([[2, 0], [0, 2]]))
            array([[0.5 , 0.75],
                   [0.  , 0.5 ]])
        """
        counts = (draws @ self.counts)[:, None]
        return np.where(counts > 0, draws @ self.totals / np.maximum(counts, 1), np.nan)

    def beside(self, other: BodySums) -> BodySums:
        """Return the sums of two runs on I images as those of 2 I images.

        Args:
            other: sums of the other run.
        """
        counts = np.concatenate([self.counts, other.counts])
        return BodySums(np.concatenate([self.totals, other.totals]), counts)


@dataclass(frozen=True)
class BodyScaled:
    """Mean over the labelled joints of people with a scale.

    Attributes:
        value: the mean; None if there is no such joint.
        people: number of people with a scale.
        left_out: number of people without a scale.
    """

    value: Number
    people: int
    left_out: int


def body_scales(keypoints: Floats) -> Floats:
    """Return the scale of each person, S = sqrt(shoulder distance * head-hip distance).

    Args:
        keypoints: (N, K, 3) labelled keypoints in image px.

    Returns:
        (N,) scales in image px, NaN for people without a scale.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[0, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[0, HIPS, :2] = [2.0, 47.0]
        >>> body_scales(keypoints)
        array([30.])
    """
    xy, labelled = keypoints[..., :2], keypoints[..., 2] > 0
    face = labelled[:, FACE, None]
    count = face.sum(axis=1)
    head = np.where(face, xy[:, FACE], 0).sum(axis=1) / np.maximum(count, 1)
    left, right = SHOULDERS
    shoulders = np.linalg.norm(xy[:, left] - xy[:, right], axis=-1)
    trunk = np.linalg.norm(head - xy[:, HIPS].mean(axis=1), axis=-1)
    scale = np.sqrt(shoulders * trunk)
    is_known = labelled[:, SHOULDERS + HIPS].all(axis=1) & (count[:, 0] > 0) & (scale > 0)
    return np.where(is_known, scale, np.nan)


def pcksh(xy: Floats, keypoints: Floats, beta: float = BETA) -> BodyScaled:
    """Compute PCKsh, the fraction of joints with an error below ``beta`` times the scale.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.
        beta: threshold relative to the scale of the person.

    Returns:
        The fraction, and the numbers of people with and without a scale.

    Example:
        Shoulders 20 px apart, head 45 px from the hips, so S = 30 px, and an error of 3.5 px:

        >>> keypoints = np.full((2, 17, 3), 2.0)
        >>> keypoints[:, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[:, HIPS, :2] = [2.0, 47.0]
        >>> keypoints[1, HIPS[0], 2] = 0
        >>> xy = keypoints[..., :2] + [0.0, 3.5]
        >>> pcksh(xy, keypoints), pcksh(xy, keypoints, beta=0.2).value
        (BodyScaled(value=0.0, people=1, left_out=1), 1.0)
    """
    return _mean(pcksh_per_joint(xy, keypoints, beta), keypoints)


def mks(xy: Floats, keypoints: Floats, smoothing: float = SMOOTHING) -> BodyScaled:
    """Compute mKS, the mean of exp(-d² / (2 S² smoothing)) over joints with errors d.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.
        smoothing: smoothing parameter, the square of an error relative to the scale.

    Returns:
        The mean, and the numbers of people with and without a scale.

    Example:
        Shoulders 20 px apart, head 45 px from the hips, so S = 30 px, and an error of 3 px:

        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[:, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[:, HIPS, :2] = [2.0, 47.0]
        >>> found = mks(keypoints[..., :2] + [0.0, 3.0], keypoints, smoothing=0.01)
        >>> round(found.value, 4), found.left_out
        (0.6065, 0)
    """
    return _mean(ks_per_joint(xy, keypoints, smoothing), keypoints)


def pcksh_per_joint(xy: Floats, keypoints: Floats, beta: float = BETA) -> Floats:
    """Return whether the error of each joint is below ``beta`` times the scale of the person.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.
        beta: threshold relative to the scale.

    Returns:
        (N, K) 1 or 0, NaN where the joint is unlabelled or the person has no scale.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[:, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[:, HIPS, :2] = [2.0, 47.0]
        >>> keypoints[:, 0, 2] = 0
        >>> pcksh_per_joint(keypoints[..., :2] + [0.0, 2.5], keypoints)[0, :3]
        array([nan,  1.,  1.])
    """
    error = _relative_errors(xy, keypoints)
    return np.where(np.isnan(error), np.nan, error < beta)


def ks_per_joint(xy: Floats, keypoints: Floats, smoothing: float = SMOOTHING) -> Floats:
    """Return exp(-d² / (2 S² smoothing)) for the error d of each joint and the scale S.

    Args:
        xy: (N, K, 2) predicted keypoints in image px, NaN where unknown.
        keypoints: (N, K, 3) labelled keypoints in image px.
        smoothing: smoothing parameter.

    Returns:
        (N, K) values from 0 to 1, NaN where the joint is unlabelled or the person has no scale.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[:, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[:, HIPS, :2] = [2.0, 47.0]
        >>> ks_per_joint(keypoints[..., :2] + [0.0, 3.0], keypoints, 0.01)[0, :2].round(4)
        array([0.6065, 0.6065])
    """
    similarity: Floats = np.exp(-(_relative_errors(xy, keypoints) ** 2) / (2 * smoothing))
    return similarity


def describe_body_scaled(
    xy: Floats, keypoints: Floats, image: Ints, images: int, rounds: int
) -> dict[str, Any]:
    """Return PCKsh and mKS with their 95 % bootstrap intervals over images.

    Args:
        xy: (N, K, 2) predicted keypoints in image px.
        keypoints: (N, K, 3) labelled keypoints in image px.
        image: (N,) numbers of the people's images, from 0.
        images: number of images.
        rounds: number of resamples of the images.

    Returns:
        ``pcksh@0.1``, ``mks`` and their ``intervals`` by name, None where no person has a scale;
        ``people``, the number of people with a scale, and ``left_out``, the number of others.

    Example:
        >>> keypoints = np.full((1, 17, 3), 2.0)
        >>> keypoints[:, SHOULDERS, :2] = [[12.0, 20.0], [-8.0, 20.0]]
        >>> keypoints[:, HIPS, :2] = [2.0, 47.0]
        >>> xy = keypoints[..., :2]
        >>> found = describe_body_scaled(xy, keypoints, np.array([0]), images=1, rounds=10)
        >>> found["mks"], found["intervals"]["mks"], found["people"], found["left_out"]
        (1.0, (1.0, 1.0), 1, 0)
    """
    found = {PCKSH: pcksh(xy, keypoints), MKS: mks(xy, keypoints)}
    sampled = BodySums.of(xy, keypoints, image, images).numbers(draw_images(images, rounds))
    return {
        **{name: mean.value for name, mean in found.items()},
        "intervals": percentile_intervals(sampled, list(found)),
        "people": found[MKS].people,
        "left_out": found[MKS].left_out,
    }


def _relative_errors(xy: Floats, keypoints: Floats) -> Floats:
    """Return (N, K) errors in scales: infinite where not predicted, NaN where not evaluated."""
    error = np.linalg.norm(xy - keypoints[..., :2], axis=-1) / body_scales(keypoints)[:, None]
    has_scale = ~np.isnan(body_scales(keypoints))[:, None]
    error = np.where(np.isnan(xy).any(axis=-1), np.inf, error)
    return np.where((keypoints[..., 2] > 0) & has_scale, error, np.nan)


def _mean(values: Floats, keypoints: Floats) -> BodyScaled:
    known = values[~np.isnan(values)]
    left_out = int(np.isnan(body_scales(keypoints)).sum())
    value = float(known.mean()) if len(known) else None
    return BodyScaled(value, len(keypoints) - left_out, left_out)
