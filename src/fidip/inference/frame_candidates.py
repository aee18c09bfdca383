"""Candidate frames of a video: the person, features, and what makes a frame useful to label.

The analysis of a video is kept in ``frames`` below ``fidip.io.paths.cache_dir``, by the hash of its
content, of the weights and of the settings, so another choice of frames does not repeat it.
"""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fidip.adapt.agreement import keypoints_in_views
from fidip.core.arrays import Floats, Image, ImageSize, Ints
from fidip.core.crop_window import CropWindow
from fidip.core.errors import DataError, shown
from fidip.core.poses import Poses
from fidip.core.progress import Progress, silent
from fidip.inference.concurrency import prefetch
from fidip.inference.crop_windows import (
    PADDING,
    held_to,
    near_sure,
    search_windows,
    window_around,
)
from fidip.inference.person_selection import Preference, infancy, without_uncertain
from fidip.inference.predictor import Predictor
from fidip.inference.runtime import net_digest
from fidip.inference.tracker import SinglePersonTracker
from fidip.io.atomic import is_intact, require_folder, write_atomic
from fidip.io.hashing import hash_files
from fidip.io.paths import cache_dir
from fidip.io.video import Frame, Video
from fidip.metrics.view_agreement import view_agreement
from fidip.nn import PoseNet

VERSION = 1
"""Version of the analysis; another one ignores what is in the cache."""
GRID = 2
"""The features are means over GRID x GRID parts of the crop, so that they depend on the pose."""
FEATURE_MEMORY = 15
"""Candidates over which the window of the features is averaged."""
SMALL = 32
"""Side in px of the grey crops that are compared for motion; their pixels average out noise."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Candidates:
    """N candidate frames of a video.

    Attributes:
        frames: (N,) number of the frame, from 0.
        times: (N,) time in s.
        xy: (N, K, 2) predicted keypoints in image px, NaN where the person was not found.
        scores: (N, K) their confidences, 0 where the person was not found.
        features: (N, D) features of the crop, of length 1.
        hashes: (N, 64) bits of the perceptual hash of the crop.
        uncertainty: (N,) disagreement of predictions over views of the crop, 0 to 1.
        motion: (N,) mean absolute difference of the crop from the candidate before, 0 to 1.
        damage: how much of a damaged video was decoded, and why; empty for a complete one.
    """

    frames: Ints
    times: Floats
    xy: Floats
    scores: NDArray[np.float32]
    features: NDArray[np.float32]
    hashes: NDArray[np.bool_]
    uncertainty: Floats
    motion: Floats
    damage: str = ""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def is_found(self) -> NDArray[np.bool_]:
        """Whether the person was found; (N,) bool."""
        return np.asarray(np.isfinite(self.xy).all(axis=(1, 2)))

    def save(self, path: Path) -> None:
        """Write the candidates to a file.

        Args:
            path: the file.

        Raises:
            DiskError: it cannot be written.
        """
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        write_atomic(path, lambda file: np.savez(file, **columns))

    @classmethod
    def load(cls, path: Path) -> Candidates:
        """Read candidates from a file that ``save`` wrote.

        Args:
            path: the file.
        """
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        return cls(**{**columns, "damage": str(columns["damage"])})


@dataclass(frozen=True)
class FrameAnalysis:
    """Analysis of the candidate frames of videos.

    Attributes:
        predictor: predicts the keypoints in crop windows.
        net: network of the predictor, for its features.
        rate: candidate frames per second.
        lost: mean confidence below which the person counts as not found.
        prefer: weights people, to choose the one to track.
    """

    predictor: Predictor
    net: PoseNet
    rate: float = 5.0
    lost: float = 0.2
    prefer: Preference = infancy

    def cached(self, path: Path, name: str, progress: Progress = silent) -> Candidates:
        """Return the candidate frames of a video, from the cache if it was analysed before.

        Args:
            path: the video.
            name: its name, for the progress.
            progress: called after every candidate with the number of frames that were read.

        Raises:
            DataError: the file is not a video, or has no frame that can be decoded.
            DiskError: the cache cannot be written.
        """
        file = self._cache_file(path)
        require_folder(file.parent, f"cache {shown(file.parent)} (FIDIP_CACHE)")
        if not is_intact(file):
            self(Video(path), name, progress).save(file)
        return Candidates.load(file)

    def _cache_file(self, path: Path) -> Path:
        try:
            content = hash_files([path])
        except OSError as error:
            raise DataError(f"{shown(path)}: cannot be read ({error.strerror})") from error
        codec, flip = self.predictor.codec, self.predictor.flip_order is not None
        settings = (
            *(VERSION, content, net_digest(self.net), type(codec).__name__, codec.input_wh, flip),
            *(self.rate, self.lost, self.prefer.__name__),
        )
        key = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
        return cache_dir() / "frames" / f"{key}.npz"

    def __call__(self, video: Video, name: str, progress: Progress = silent) -> Candidates:
        """Return the candidate frames of a video; see ``cached``."""
        tracker = SinglePersonTracker(self.predictor, self.lost, prefer=self.prefer)
        rows: list[dict[str, Any]] = []
        place = SteadyWindow(self.predictor.aspect_ratio)
        before: Image | None = None
        progress(name, 0, video.count)
        with closing(prefetch(at_rate(video, self.rate))) as frames:
            for frame in frames:
                pose = without_uncertain(tracker(frame.image), self.lost)
                pair = (frame.image, frame.image if before is None else before)
                found = self._describe(*pair, pose, place(frame.image, pose))
                rows.append({"frames": frame.index, "times": frame.time, **found})
                before = frame.image
                progress(name, frame.index + 1, video.count)
        columns = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        seconds = columns["times"][-1]
        damage = video.damage and f"the first {seconds:.1f} s could be decoded ({video.damage})"
        return Candidates(**columns, damage=damage or "")

    def _describe(
        self, image: Image, before: Image, pose: Poses, place: CropWindow
    ) -> dict[str, Any]:
        """Return the columns of a frame: its image, the one before, the pose, and its window."""
        crop, old = self._crop(image, place), self._crop(before, place)
        is_found = bool(pose.known.all())
        return {
            "xy": pose.xy[0],
            "scores": pose.scores[0],
            "features": self._features(crop),
            "hashes": difference_hash(crop),
            "uncertainty": 1 - self._agreement(image, pose) if is_found else 1.0,
            "motion": float(np.abs(_small(crop) - _small(old)).mean() / 255),
        }

    def _crop(self, image: Image, window: CropWindow) -> Image:
        wh = self.predictor.codec.input_wh
        crop: Image = cv2.warpAffine(image, window.image_to_crop(wh), wh).astype(np.uint8)
        return crop

    @torch.inference_mode()
    def _features(self, crop: Image) -> NDArray[np.float32]:
        """Return the pooled features of the backbone, with length 1."""
        images = torch.from_numpy(crop).permute(2, 0, 1)[None].to(self.net.mean.device)
        maps = self.net.backbone(self.net.normalize(images)).float()
        pooled = F.adaptive_avg_pool2d(maps, GRID).flatten()
        found: NDArray[np.float32] = F.normalize(pooled, dim=0).cpu().numpy()
        return found

    @torch.inference_mode()
    def _agreement(self, image: Image, pose: Poses) -> float:
        """Return the agreement over views of the window in which the tracker would look next."""
        ratio, image_wh = self.predictor.aspect_ratio, (image.shape[1], image.shape[0])
        window = held_to(window_around(pose.xy[0], pose.scores[0], ratio), image_wh, ratio)
        crop = self._crop(image, window)
        pixels = torch.from_numpy(crop).permute(2, 0, 1)[None]
        area = np.array([crop.shape[0] * crop.shape[1] / PADDING**2])
        return float(view_agreement(keypoints_in_views(self._predict, pixels), area)[0])

    def _predict(self, crops: Tensor) -> Tensor:
        pixels = crops.round().clamp(0, 255).to(torch.uint8)
        xy: Tensor = self.predictor.codec.decode(self.predictor.runtime(pixels))[0]
        return xy.cpu()


class SteadyWindow:
    """Window around a tracked person that does not follow the noise of the predictions.

    It is upright in the image; centre and size are medians over the last ``FEATURE_MEMORY`` frames.
    Crops of successive frames then differ by what the person does.

    Args:
        aspect_ratio: width / height of the window.
    """

    def __init__(self, aspect_ratio: float) -> None:
        self.aspect_ratio = aspect_ratio
        self._last: deque[Floats] = deque(maxlen=FEATURE_MEMORY)

    def __call__(self, image: Image, pose: Poses) -> CropWindow:
        """Return the window in the next frame; that of the whole image without a person.

        Args:
            image: (H, W, 3) uint8 RGB.
            pose: one row, NaN if the person was not found.
        """
        wh: ImageSize = (image.shape[1], image.shape[0])
        if not pose.known.all():
            return search_windows(wh, self.aspect_ratio, rotations=[0.0])[0]
        sure = pose.xy[0][near_sure(pose.xy[0], pose.scores[0])]
        low, high = sure.min(axis=0), sure.max(axis=0)
        width = max(high[0] - low[0], (high[1] - low[1]) * self.aspect_ratio, 2.0) * PADDING
        self._last.append(np.array([*(low + high) / 2, width]))
        x, y, width = np.median(self._last, axis=0)
        return held_to(CropWindow(np.array([x, y]), float(width)), wh, self.aspect_ratio)


def at_rate(frames: Iterable[Frame], rate: float) -> Iterator[Frame]:
    """Yield at most so many frames per second, the first one included.

    Args:
        frames: frames of a video.
        rate: frames per second.

    Example:
        >>> pixel = np.zeros((1, 1, 3), np.uint8)
        >>> video = [Frame(pixel, index, index / 25) for index in range(25)]
        >>> [frame.index for frame in at_rate(video, 5)]
        [0, 5, 10, 15, 20]
    """
    taken = 0
    for frame in frames:
        if frame.time * rate >= taken - 1e-6:
            taken = int(frame.time * rate + 1e-6) + 1
            yield frame


def difference_hash(image: Image) -> NDArray[np.bool_]:
    """Return a perceptual hash: whether brightness rises to the right, in an 8 x 8 grid.

    Images that look alike differ in few bits.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (64,) bool.

    Example:
        >>> image = np.tile(np.arange(90, dtype=np.uint8), (80, 1))
        >>> int(difference_hash(np.dstack([image] * 3)).sum())
        64
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    return np.asarray(cells[:, 1:] > cells[:, :-1]).ravel()


def _small(crop: Image) -> Floats:
    """Return a small grey image of a crop."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small: Floats = cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA).astype(float)
    return small
