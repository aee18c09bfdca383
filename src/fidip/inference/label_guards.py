"""Guards of self-labels: which joints of a smoothed track may become labels.

The rules follow DeepLabCut's video adaptation (Ye et al., SuperAnimal pretrained pose estimation
models for behavioral analysis, Nature Communications 2024) and curriculum pseudo-labels (Cascante
et al., Curriculum Labeling, AAAI 2021). Keypoints are (T, K, 2) in image px, NaN where unknown;
masks are (T, K) bool. A comparison with an unknown keypoint is false, so no guard accepts one.
"""

from __future__ import annotations

import numpy as np

from fidip.core.arrays import Floats, Ints, Mask
from fidip.core.skeleton import COCO17
from fidip.metrics.track_quality import torso_length

BONES = (
    (7, 5), (9, 7), (8, 6), (10, 8), (13, 11), (15, 13), (14, 12), (16, 14),
    (5, 11), (11, 5), (6, 12), (12, 6),
)  # fmt: skip
"""(joint, neighbour) pairs: the joint is judged by the length of the bone between both.

A limb is judged from the trunk outwards. The face has no bones: the head turns quickly.
"""
LIMB_ENDS = [COCO17.joints.index(f"{s}_{j}") for j in ("wrist", "ankle") for s in ("left", "right")]
"""Joints that kick."""
EPSILON = 1e-9
"""Tolerance of rounding."""


def agrees_with_smoothed(raw: Floats, smooth: Floats, limit: float = 0.1) -> Mask:
    """Return the joints that temporal smoothing moves only a little.

    Args:
        raw: (T, K, 2) keypoints of each frame.
        smooth: (T, K, 2) smoothed keypoints.
        limit: largest distance in torso lengths.

    Example:
        >>> raw = np.zeros((1, 17, 2))
        >>> raw[:, 11:13, 1] = 50.0
        >>> agrees_with_smoothed(raw, raw + np.array([[4.0, 0.0]] * 16 + [[6.0, 0.0]]))[0, -2:]
        array([ True, False])
    """
    distance = np.linalg.norm(raw - smooth, axis=-1)
    return np.asarray(distance <= limit * torso_length(smooth) + EPSILON)


def has_possible_bone(xy: Floats, longer: float = 0.2, shorter: float = 0.5) -> Mask:
    """Return the joints whose bone has a possible length in the image.

    A bone that turns towards the camera becomes much shorter in the image, as in a kick, but a bone
    never becomes longer than it is. The two limits therefore differ.

    Args:
        xy: (T, K, 2) keypoints of one clip.
        longer: largest excess over the median length of the clip, as a fraction of it.
        shorter: largest reduction, as a fraction of the median length.

    Returns:
        (T, K) bool; joints without a bone in ``BONES`` are accepted where they are known.

    Example:
        >>> xy = np.zeros((4, 17, 2))
        >>> xy[:, 9, 0] = [10.0, 10.0, 13.0, 6.0]  # a wrist, with its elbow at 0
        >>> has_possible_bone(xy)[:, 9]
        array([ True,  True, False,  True])
    """
    possible = np.asarray(np.isfinite(xy).all(axis=-1))
    for joint, neighbour in BONES:
        length = np.linalg.norm(xy[:, joint] - xy[:, neighbour], axis=-1)
        known = length[np.isfinite(length)]
        usual = np.median(known) if len(known) else np.nan
        possible[:, joint] &= length <= (1 + longer) * usual + EPSILON
        possible[:, joint] &= length >= (1 - shorter) * usual - EPSILON
    return possible


def is_far_from_swap(times: Floats, xy: Floats, repaired: Floats, reach: float = 0.1) -> Mask:
    """Return the joints that are not close in time to a swap of left and right.

    Args:
        times: (T,) times in s.
        xy: (T, K, 2) keypoints as found.
        repaired: (T, K, 2) the same keypoints after ``SwapRepair``.
        reach: time in s before and after a frame with a swap.

    Example:
        >>> xy = np.zeros((4, 1, 2))
        >>> is_far_from_swap(np.arange(4.0), xy, xy + [[[0.0]], [[0]], [[0]], [[1]]], 1.0).ravel()
        array([ True,  True, False, False])
    """
    swapped = (np.nan_to_num(xy, nan=-1.0) != np.nan_to_num(repaired, nan=-1.0)).any(axis=-1)
    first = np.searchsorted(times, times - reach - EPSILON)
    end = np.searchsorted(times, times + reach + EPSILON, side="right")
    count = np.concatenate([np.zeros((1, swapped.shape[1]), int), swapped.cumsum(axis=0)])
    return np.asarray(count[end] == count[first])


def best_ranked(confidence: Floats, allowed: Mask, fraction: float) -> Mask:
    """Return the most confident joints, as one ranking of all joints and frames.

    The confidence must be comparable between joints, as that of ``view_consensus`` is. If each
    joint had a ranking of its own, a joint that is wrong in all frames would still give labels.

    Args:
        confidence: (N, K) confidences.
        allowed: (N, K) bool, joints that the guards accept.
        fraction: fraction of all N K joints to keep, less if fewer are allowed.

    Example:
        >>> confidence = np.array([[0.9, 0.2], [0.8, 0.7]])
        >>> best_ranked(confidence, confidence < 0.9, 0.5)
        array([[False, False],
               [ True,  True]])
    """
    order = np.argsort(np.where(allowed, -confidence, np.inf), axis=None, kind="stable")
    kept = np.zeros(confidence.shape, dtype=bool)
    kept.flat[order[: int(fraction * confidence.size + EPSILON)]] = True
    return kept & allowed


def spread_by_motion(xy: Floats, count: int, least: float = 0.05) -> Ints:
    """Return different frames, at equal distances along the movement.

    The movement between two frames is the mean distance that the joints move, in torso lengths.

    Args:
        xy: (T, K, 2) keypoints; frames with an unknown keypoint are left out.
        count: maximum number of frames.
        least: least movement between two of the frames.

    Returns:
        Numbers of frames, increasing.

    Example:
        >>> xy = np.zeros((6, 17, 2))
        >>> xy[:, 11:13, 1] = 10.0
        >>> xy += np.array([0.0, 0.0, 0.0, 10.0, 20.0, 20.0])[:, None, None] * [1.0, 0.0]
        >>> spread_by_motion(xy, 3)
        array([0, 3, 4])
    """
    known = np.flatnonzero(np.isfinite(xy).all(axis=(1, 2)))
    if not len(known):
        return known
    moved = np.linalg.norm(np.diff(xy[known], axis=0), axis=-1).mean(axis=1)
    path = np.concatenate([[0.0], np.cumsum(moved)]) / torso_length(xy[known])
    step = max(least, path[-1] / max(count - 1, 1))
    # Of the frames of each step the first; the end of the path may be rounded below a whole step.
    steps = np.floor(path / step + EPSILON) if step > 0 else np.zeros(len(path))
    return known[np.unique(steps, return_index=True)[1]][:count]


def kept_by_speed(speeds: Floats, kept: Mask, quantile: float = 0.9) -> dict[str, float | None]:
    """Return the fraction of wrists and ankles that are kept, in fast and in slow movements.

    If it is much lower in fast movements, the guards remove kicks, and a network that is trained on
    the rest unlearns them.

    Args:
        speeds: (N, K) speeds, NaN where unknown.
        kept: (N, K) bool.
        quantile: quantile of the speeds of wrists and ankles above which a movement is fast.

    Returns:
        ``fast`` and ``slow``; None without any.

    Example:
        >>> speeds = np.tile(np.array([[1.0], [2.0], [9.0]]), (1, 17))
        >>> kept_by_speed(speeds, speeds < 9.0, 0.5)
        {'fast': 0.0, 'slow': 1.0}
    """
    speeds, kept = speeds[:, LIMB_ENDS], kept[:, LIMB_ENDS]
    known = np.isfinite(speeds)
    limit = np.quantile(speeds[known], quantile) if known.any() else np.nan
    groups = {"fast": speeds > limit, "slow": speeds <= limit}
    return {
        name: float(kept[group].mean()) if group.any() else None for name, group in groups.items()
    }
