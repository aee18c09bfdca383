"""Selection of video frames to label: diverse, uncertain, moving, and no near-duplicates.

The frames of each subject are clustered by the features of the backbone, as DeepLabCut clusters
frames by their pixels (Nath et al., Nature Protocols 2019), and each cluster gives one frame: of
the half that is nearest to its centre, the one with the highest uncertainty and motion. With few
labels, typical frames are more useful than the most uncertain ones (Hacohen et al., Active Learning
on a Budget, ICML 2022), so uncertainty only chooses within a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fidip.core.arrays import Floats, Ints, check_shape
from fidip.io.video import frame_numbers

SAME_BITS = 3
"""Near-duplicates: perceptual hashes that differ in at most so many bits."""
SAME_FEATURES = 0.2
"""Near-duplicates: distance of features, relative to the root mean square distance of the features
of a video to their mean."""
LOST_FRACTION = 0.2
"""Maximum fraction of the frames of a subject in which the person was not found, if there are
enough others: such frames may be hard, or show an empty room."""
MOST_CLUSTERS = 500
"""Maximum number of clusters of a subject, which limits memory."""
CLUSTER_ROUNDS = 30
"""Maximum number of rounds of k-means."""


@dataclass(frozen=True, eq=False)
class FramePool:
    """N candidate frames of several videos, in the order of videos and times.

    Attributes:
        subjects: (N,) number of the subject.
        videos: (N,) number of the video.
        times: (N,) time in the video in s.
        features: (N, D) features of the crop around the person.
        hashes: (N, B) bits of the perceptual hash of this crop.
        uncertainty: (N,) disagreement of the predictions in several views, 0 to 1.
        motion: (N,) motion in the crop since the frame before.
        is_found: (N,) whether the person was found.
    """

    subjects: Ints
    videos: Ints
    times: Floats
    features: NDArray[np.float32]
    hashes: NDArray[np.bool_]
    uncertainty: Floats
    motion: Floats
    is_found: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("subjects", "videos", "times", "uncertainty", "motion", "is_found"):
            check_shape(self, name, (len(self),))
        for name in ("features", "hashes"):
            check_shape(self, name, (len(self), name))

    def __len__(self) -> int:
        return len(self.features)


def choose_uniform(pool: FramePool, count: int, seed: int, gap_s: float) -> Ints:
    """Return the rows of frames at equal distances in the sequence of all videos.

    Args:
        pool: candidate frames.
        count: number of frames.
        seed: not used.
        gap_s: not used.

    Returns:
        Sorted rows, all of them if there are fewer than ``count``.
    """
    return np.array(frame_numbers(len(pool), count), dtype=np.int64)


def choose_random(pool: FramePool, count: int, seed: int, gap_s: float) -> Ints:
    """Return the rows of random frames.

    Args:
        pool: candidate frames.
        count: number of frames.
        seed: seed of the choice.
        gap_s: not used.

    Returns:
        Sorted rows, all of them if there are fewer than ``count``.
    """
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(len(pool))[:count])


def choose_useful(pool: FramePool, count: int, seed: int, gap_s: float) -> Ints:
    """Return the rows of diverse, uncertain and moving frames, spread over the subjects.

    Each subject gets the same number, as far as it has enough frames. Its frames are clustered into
    as many clusters, and each cluster gives one frame. Where a cluster has none that differs from
    the chosen frames, the frame that is farthest from them is taken instead.

    Args:
        pool: candidate frames.
        count: number of frames.
        seed: seed of the clusters, and of which subjects get one more frame.
        gap_s: no frame is taken within this time in s of another one in the same video.

    Returns:
        Sorted rows, fewer than ``count`` if no other frame differs from those chosen.
    """
    rng = np.random.default_rng(seed)
    worth = _usefulness(pool)
    chosen = _Chosen(pool, gap_s)
    for rows, share in _shares(pool, count, rng):
        for cluster in clusters(pool.features[rows], share, rng):
            chosen.take_best(rows[cluster], worth)
    while len(chosen.rows) < count and chosen.is_free.any():
        chosen.take_farthest()
    return np.sort(np.array(chosen.rows, dtype=np.int64))


Choice = Callable[[FramePool, int, int, float], Ints]
CHOICES: dict[str, Choice] = {
    "useful": choose_useful,
    "random": choose_random,
    "uniform": choose_uniform,
}
"""Choices of frames by name."""


class _Chosen:
    """Frames that were chosen, and those that may still be.

    Attributes:
        rows: chosen rows.
        is_free: (N,) whether a row differs from all chosen ones.
    """

    def __init__(self, pool: FramePool, gap_s: float) -> None:
        self.rows: list[int] = []
        self.is_free = np.ones(len(pool), dtype=bool)
        self._pool, self._gap_s = pool, gap_s
        self._reach = SAME_FEATURES * spread_of(pool.features, pool.videos)
        self._nearest = np.full(len(pool), np.inf)
        self._counts = np.zeros(pool.subjects.max(initial=-1) + 1, dtype=np.int64)

    def take_best(self, near_first: Ints, worth: Floats) -> None:
        """Take the most useful free row of the first half of a cluster, or else of all of it."""
        half = near_first[: (len(near_first) + 1) // 2]
        for rows in (half, near_first):
            free = rows[self.is_free[rows]]
            if len(free):
                self._take(int(free[np.argmax(worth[free])]))
                return

    def take_farthest(self) -> None:
        """Take the free row farthest from all chosen ones, of a subject with fewest chosen rows."""
        free = np.flatnonzero(self.is_free)
        counts = self._counts[self._pool.subjects[free]]
        free = free[counts == counts.min()]
        self._take(int(free[np.argmax(self._nearest[free])]))

    def _take(self, row: int) -> None:
        pool = self._pool
        distance = np.linalg.norm(pool.features - pool.features[row], axis=1)
        is_next = (pool.videos == pool.videos[row]) & (
            np.abs(pool.times - pool.times[row]) < self._gap_s
        )
        is_same = (pool.hashes != pool.hashes[row]).sum(axis=1) <= SAME_BITS
        self.is_free &= ~(is_next | is_same | (distance <= self._reach))
        self._nearest = np.minimum(self._nearest, distance)
        self._counts[pool.subjects[row]] += 1
        self.rows.append(row)


def _usefulness(pool: FramePool) -> Floats:
    """Return the mean rank of uncertainty and motion among the frames of the same subject."""
    worth = np.zeros(len(pool))
    for subject in np.unique(pool.subjects):
        own = pool.subjects == subject
        worth[own] = (ranks(pool.uncertainty[own]) + ranks(pool.motion[own])) / 2
    return worth


def _shares(pool: FramePool, count: int, rng: np.random.Generator) -> Iterator[tuple[Ints, int]]:
    """Yield groups of rows with their numbers of frames: of each subject, found and not found."""
    subjects = np.unique(pool.subjects)
    totals = [int((pool.subjects == subject).sum()) for subject in subjects]
    for subject, share in zip(subjects, share_out(count, totals, rng), strict=True):
        own = pool.subjects == subject
        found = np.flatnonzero(own & pool.is_found)
        lost = np.flatnonzero(own & ~pool.is_found)
        most_lost = max(int(LOST_FRACTION * share), share - len(found))
        share_lost = min(most_lost, len(lost))
        yield found, share - share_lost
        yield lost, share_lost


def share_out(count: int, available: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Divide a number equally among groups, as far as they have enough.

    Args:
        count: number to divide.
        available: maximum number for each group.
        rng: decides which groups get the remainder.

    Returns:
        The number for each group; the sum is ``count``, or less if all groups are exhausted.

    Example:
        >>> share_out(10, [2, 9, 9], np.random.default_rng(0))
        [2, 4, 4]
    """
    shares = [0] * len(available)
    order = rng.permutation(len(available)).tolist()
    while count > 0:
        open_ = [group for group in order if shares[group] < available[group]]
        if not open_:
            break
        for group in open_[:count]:
            shares[group] += 1
        count -= min(count, len(open_))
    return shares


def clusters(features: NDArray[np.float32], number: int, rng: np.random.Generator) -> list[Ints]:
    """Return the rows of each k-means cluster, the nearest to its centre first.

    Args:
        features: (N, D) features.
        number: number of clusters; at most N are returned.
        rng: random numbers of the first centres (k-means++).

    Returns:
        Clusters by decreasing size; none is empty.

    Example:
        >>> features = np.array([[0.0], [1.0], [8.0], [0.4]], np.float32)
        >>> [rows.tolist() for rows in clusters(features, 2, np.random.default_rng(0))]
        [[3, 0, 1], [2]]
    """
    number = min(number, len(features), MOST_CLUSTERS)
    if number == 0:
        return []
    centers = features[first_centers(features, number, rng)]
    labels = np.full(len(features), -1)
    for _ in range(CLUSTER_ROUNDS):
        squared = squared_distances(features, centers)
        before, labels = labels, squared.argmin(axis=1)
        if (labels == before).all():
            break
        used = np.unique(labels)
        centers[used] = [features[labels == label].mean(axis=0) for label in used]
    own = np.take_along_axis(squared, labels[:, None], axis=1)[:, 0]
    order = np.argsort(own, kind="stable")
    found = [order[labels[order] == label] for label in range(number)]
    return sorted(filter(len, found), key=len, reverse=True)


def first_centers(features: NDArray[np.float32], number: int, rng: np.random.Generator) -> Ints:
    """Return the rows of the first centres of greedy k-means++.

    Of several rows that are drawn with a probability proportional to their squared distance to the
    nearest centre so far, the one that reduces the sum of these distances most is the next centre
    (Arthur and Vassilvitskii, SODA 2007, section 5).

    Args:
        features: (N, D) features.
        number: number of centres, at most N.
        rng: random numbers.

    Returns:
        (number,) rows; rows repeat if there are fewer different features.
    """
    rows = [int(rng.integers(len(features)))]
    nearest = squared_distances(features, features[rows])[:, 0]
    for _ in range(number - 1):
        total = np.cumsum(nearest, dtype=np.float64)
        draws = np.searchsorted(total, total[-1] * rng.random(2 + int(np.log(number))))
        draws = np.minimum(draws, len(features) - 1)
        closer = np.minimum(nearest[:, None], squared_distances(features, features[draws]))
        best = int(closer.sum(axis=0).argmin())
        rows.append(int(draws[best]))
        nearest = closer[:, best]
    return np.array(rows, dtype=np.int64)


def squared_distances(
    features: NDArray[np.float32], centers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the (N, M) squared distances of (N, D) features to (M, D) centres.

    Example:
        >>> squared_distances(np.zeros((1, 2), np.float32), np.full((1, 2), 3.0, np.float32))
        array([[18.]], dtype=float32)
    """
    squares = (features**2).sum(1)[:, None] - 2 * features @ centers.T + (centers**2).sum(1)
    distances: NDArray[np.float32] = np.maximum(squares, 0)
    return distances


def spread_of(features: NDArray[np.float32], videos: Ints) -> float:
    """Return the root mean square distance of features to the mean of their video.

    Args:
        features: (N, D) features.
        videos: (N,) number of the video.

    Example:
        >>> spread_of(np.array([[0.0], [2.0], [7.0], [7.0]], np.float32), np.array([0, 0, 1, 1]))
        0.7071067690849304
    """
    centered = features.copy()
    for video in np.unique(videos):
        own = videos == video
        centered[own] -= features[own].mean(axis=0)
    return float(np.sqrt((centered**2).sum(axis=1).mean())) if len(features) else 0.0


def ranks(values: Floats) -> Floats:
    """Return ranks from 0 (smallest) to 1 (largest); equal values share their mean rank.

    Example:
        >>> ranks(np.array([5.0, 1.0, 5.0, 9.0]))
        array([0.5, 0. , 0.5, 1. ])
    """
    ranked: Floats = (rankdata(values) - 1) / max(len(values) - 1, 1)
    return ranked
