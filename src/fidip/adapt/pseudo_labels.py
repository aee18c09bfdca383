"""Pseudo-labels: which joints of a teacher become labels, and patches that cover some of them.

Methods after Kim et al., A Unified Framework for Domain Adaptive Pose Estimation, ECCV 2022: joints
of high confidence become labels, and some of them are hidden from the student.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fidip.core.arrays import Floats, ImageSize
from fidip.core.errors import ArgumentError

DRAWS = 4
"""Random numbers of one occlusion."""


@dataclass(frozen=True)
class Confident:
    """Which joints of a teacher become labels.

    A percentile without a floor keeps the same number of joints even when all of them are wrong.

    Attributes:
        percentile: fraction of the joints of an update that are rejected for low confidence, 0 to
            less than 1; UDAPE's is .5.
        floor: lowest confidence of a label; targets have peaks of 1.

    Raises:
        ArgumentError: ``percentile`` is not in its range.
    """

    percentile: float = 0.5
    floor: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.percentile < 1:
            raise ArgumentError("percentile", self.percentile, "expected 0 to less than 1")

    def threshold(self, confidence: Tensor) -> Tensor:
        """Return the lowest confidence of a label.

        Args:
            confidence: confidences of the joints of an update, NaN for those that do not count. All
                parts and processes must be in it, or the threshold depends on their number.

        Returns:
            () threshold; the floor if all are NaN.

        Example:
            >>> nan = float("nan")
            >>> Confident(0.5, floor=0.2).threshold(torch.tensor([0.1, 0.9, nan, 0.4]))
            tensor(0.4000)
            >>> Confident(0.5, floor=0.6).threshold(torch.tensor([0.1, 0.9, nan, 0.4]))
            tensor(0.6000)
        """
        known = confidence[~confidence.isnan()]
        floor = confidence.new_tensor(self.floor)
        if not len(known):
            return floor
        # Not torch.quantile, which is limited to 16 million values and interpolates.
        rank = int(self.percentile * len(known))
        return known.sort().values[rank].maximum(floor)


@dataclass(frozen=True)
class Occlusion:
    """Random patches that cover a joint of high confidence, which the student must then infer.

    Attributes:
        probability: probability that a sample with such a joint gets a patch.
        confidence: lowest confidence of the teacher in a joint that is covered.
        size: side of the patch as a fraction of the crop's smaller side.

    Raises:
        ArgumentError: the patch has no pixel, or does not fit into the crop.
    """

    probability: float = 0.5
    confidence: float = 0.9
    size: float = 0.15

    def __post_init__(self) -> None:
        if not 0 < self.size <= 1:
            raise ArgumentError("size", self.size, "expected more than 0, at most 1")

    def cover(self, crops: Tensor, joints: Tensor, confidence: Tensor, uniform: Floats) -> Tensor:
        """Cover at most one joint of each crop by a patch from elsewhere in the same crop.

        Args:
            crops: (B, C, H, W) crops.
            joints: (B, K, 2) xy of the joints in crop px.
            confidence: (B, K) confidences of the teacher.
            uniform: (B, 4) numbers from 0 to 1: whether, which joint, and from where along x and y.

        Returns:
            (B, C, H, W) crops.

        Example:
            >>> crop, joint = torch.arange(5.0).view(1, 1, 1, 5), torch.tensor([[[3.0, 0.0]]])
            >>> import numpy as np
            >>> occlusion = Occlusion(probability=1.0, size=1.0)
            >>> occlusion.cover(crop, joint, torch.ones(1, 1), np.zeros((1, 4)))
            tensor([[[[0., 1., 2., 0., 4.]]]])
        """
        size_wh = (crops.shape[3], crops.shape[2])
        draws = torch.as_tensor(uniform).to(joints)
        sure = (confidence >= self.confidence) & _inside(joints, size_wh)
        chosen = _choose(sure, draws[:, 1])
        is_covered = sure.any(dim=1) & (draws[:, 0] < self.probability)
        side = max(1, round(self.size * min(size_wh)))
        centers = joints[torch.arange(len(joints), device=joints.device), chosen]
        room = joints.new_tensor(size_wh) - side
        to = (centers.round() - side // 2).clamp(min=0).minimum(room)
        start = (draws[:, 2:DRAWS] * (room + 1)).floor().minimum(room)  # a draw may round to 1
        return _paste(crops, start.long(), to.long(), side * is_covered.long())


def pseudo_labels(
    joints: Tensor, confidence: Tensor, threshold: Tensor, crop_wh: ImageSize
) -> Tensor:
    """Return which joints are labels: confident ones inside the crop.

    Args:
        joints: (B, K, 2) xy of the teacher's joints in crop px.
        confidence: (B, K) confidences, NaN for samples without pseudo-labels.
        threshold: () lowest confidence of a label.
        crop_wh: (width, height) of the crops in px.

    Returns:
        (B, K) float32, 1 for labels, else 0; as ``labelled`` of a batch.

    Example:
        >>> joints = torch.tensor([[[3.0, 3.0], [9.0, 3.0], [5.0, 5.0]]])
        >>> pseudo_labels(joints, torch.tensor([[0.8, 0.9, 0.3]]), torch.tensor(0.5), (8, 8))
        tensor([[1., 0., 0.]])
    """
    return ((confidence >= threshold) & _inside(joints, crop_wh)).float()


def _inside(joints: Tensor, crop_wh: ImageSize) -> Tensor:
    """Return (B, K), whether joints are on a pixel of the crop."""
    last = joints.new_tensor(crop_wh) - 0.5
    return ((joints >= -0.5) & (joints < last)).all(dim=2)


def _choose(allowed: Tensor, uniform: Tensor) -> Tensor:
    """Return (B,) one allowed column of each row of (B, K), by numbers from 0 to 1."""
    count = allowed.sum(dim=1)
    rank = (uniform * count).floor().minimum(count - 1)
    return ((allowed.cumsum(dim=1) - 1 == rank[:, None]) & allowed).float().argmax(dim=1)


def _paste(crops: Tensor, start: Tensor, to: Tensor, side: Tensor) -> Tensor:
    """Copy squares of (B,) sides from (B, 2) xy ``start`` of each crop to (B, 2) xy ``to``."""
    height, width = crops.shape[2:]
    x = torch.arange(width, device=crops.device).expand(len(crops), 1, width)
    y = torch.arange(height, device=crops.device)[:, None].expand(len(crops), height, 1)
    left, top = to[:, :, None, None].unbind(1)
    end = side[:, None, None]
    is_patch = (x >= left) & (x < left + end) & (y >= top) & (y < top + end)
    shift_x, shift_y = (start - to)[:, :, None, None].unbind(1)
    source = torch.where(is_patch, (y + shift_y) * width + x + shift_x, y * width + x)
    index = source.flatten(1)[:, None].expand(-1, crops.shape[1], -1)
    return crops.flatten(2).gather(2, index).view_as(crops)
