"""Dataset of frames with self-labels, in SyRIP's layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.arrays import Floats, Ints, Mask
from fidip.core.errors import DataError, shown
from fidip.core.geometry import box_around, filled_area
from fidip.core.progress import Progress, silent
from fidip.inference.crop_windows import near_sure
from fidip.inference.frame_dataset import clipped
from fidip.inference.label_guards import best_ranked, kept_by_speed
from fidip.inference.output_names import Input
from fidip.inference.self_labels import SelfLabels
from fidip.io.coco import annotation_file, annotation_record, image_record, person_category
from fidip.io.images import write_image
from fidip.io.json import write_json
from fidip.io.video import frames_at
from fidip.metrics.track_quality import speed

TRAIN, HELD_OUT = "train", "held_out"
"""Names of the splits."""
HELD_OUT_FRACTION = 0.1
"""Fraction of the frames of each video, the last ones, that are not trained on."""
FEWEST = 10
"""Minimum number of frames of all videos."""
INFO = {
    "description": "labels that a network predicted and no one has checked; only for self-training",
    "labels_are_predicted": True,
}
Content = dict[str, Any]
"""Content of an annotation file, or a part of it."""


@dataclass(frozen=True, eq=False)
class SelfLabelledVideo:
    """Video with its self-labels, and the frames to use.

    Attributes:
        source: the video, with the names of its outputs.
        labels: the labels of all frames.
        rows: numbers of different frames, increasing.
    """

    source: Input
    labels: SelfLabels
    rows: Ints

    @property
    def confidence(self) -> float:
        """Mean confidence of all joints in the frames to use; 0 without any."""
        return float(self.labels.confidence[self.rows].mean()) if len(self.rows) else 0.0

    @property
    def split(self) -> tuple[Ints, Ints]:
        """Frames to train on, and frames that are held out: the last ones with a label."""
        rows = self.rows[self.labels.allowed[self.rows].any(axis=1)]
        last = len(rows) - max(1, round(HELD_OUT_FRACTION * len(rows)))
        return rows[: max(last, 0)], rows[max(last, 0) :]


def require_enough(videos: Sequence[SelfLabelledVideo], fewest: int = FEWEST) -> None:
    """Check that there are frames to train on.

    Args:
        videos: the videos.
        fewest: minimum number of frames of all videos.

    Raises:
        DataError: there are too few frames in which the person was found.
    """
    total = sum(len(video.labels) for video in videos)
    found = sum(len(video.rows) for video in videos)
    if found < fewest:
        first = shown(videos[0].source.name)
        others = f" and {len(videos) - 1} other videos" if len(videos) > 1 else ""
        raise DataError(
            f"{first}{others}: the infant is found in {found} different frames of {total}; "
            f"expected at least {fewest}. Give longer videos that show the whole infant, or other "
            "weights with ckpt="
        )


def confident_videos(videos: Sequence[SelfLabelledVideo], least: float) -> list[SelfLabelledVideo]:
    """Return the videos that the network can label.

    Where a network is wrong in most frames, it finds the person elsewhere in each view, so its mean
    confidence is low; experiment 013 has measurements.

    Args:
        videos: the videos.
        least: minimum of the mean confidence in the frames to use.

    Raises:
        DataError: there is none.
    """
    chosen = [video for video in videos if video.confidence >= least]
    if not chosen:
        best = max(videos, key=lambda video: video.confidence)
        others = f", the best of {len(videos)} videos" if len(videos) > 1 else ""
        raise DataError(
            f"{shown(best.source.name)}{others}: {doubt(best, least)}. Label frames (fidip frames, "
            "then labels=), give other weights with ckpt=, or lower trust="
        )
    return chosen


def doubt(video: SelfLabelledVideo, least: float) -> str:
    """Return why a network cannot label a video.

    Args:
        video: the video.
        least: minimum of the mean confidence.
    """
    return (
        "the network does not agree with itself in different views, so its labels would be wrong: "
        f"mean confidence {video.confidence:.2f}, expected at least {least:g}"
    )


def write_self_labels(
    root: Path, videos: Sequence[SelfLabelledVideo], fraction: float, progress: Progress = silent
) -> list[Content]:
    """Write the images and labels as the splits ``TRAIN`` and ``HELD_OUT`` of a dataset.

    Joints that are not labels have v = 0, so they have no loss. The held-out frames have the labels
    that the guards accept, whatever their confidence.

    Args:
        root: an existing folder.
        videos: the videos, with different stems.
        fraction: fraction of the joints of the training frames that become labels.
        progress: called after every image.

    Returns:
        For each video: its damage, numbers of frames, mean confidence, and the fraction of wrists
        and ankles in fast and in slow movements that the guards accept and that become labels.

    Raises:
        DataError: no joint becomes a label, or a video can no longer be read.
        DiskError: a file cannot be written.
    """
    parts = [video.split for video in videos]
    train = [rows for rows, _ in parts]
    kept = _best(videos, train, fraction)
    held_out = [rows for _, rows in parts]
    accepted = [v.labels.allowed[rows] for v, rows in zip(videos, held_out, strict=True)]
    if not any(mask.any() for mask in kept):
        raise DataError(
            f"{shown(videos[0].source.name)}: the guards accept no joint of the "
            f"{sum(len(video.rows) for video in videos)} different frames; expected some. Give "
            "other videos, or other weights with ckpt="
        )
    _write_split(root, TRAIN, videos, train, kept, progress)
    _write_split(root, HELD_OUT, videos, held_out, accepted, progress)
    return [_report(*each) for each in zip(videos, train, kept, strict=True)]


def _best(videos: Sequence[SelfLabelledVideo], rows: Sequence[Ints], fraction: float) -> list[Mask]:
    """Return which joints of some frames of each video become labels; one ranking of all."""
    pairs = list(zip(videos, rows, strict=True))
    confidence = np.concatenate([video.labels.confidence[part] for video, part in pairs])
    allowed = np.concatenate([video.labels.allowed[part] for video, part in pairs])
    ends = np.cumsum([len(part) for part in rows])[:-1]
    return np.split(best_ranked(confidence, allowed, fraction), ends)


def _write_split(
    root: Path,
    split: str,
    videos: Sequence[SelfLabelledVideo],
    rows: Sequence[Ints],
    kept: Sequence[Mask],
    progress: Progress,
) -> None:
    """Write the images of a split, then its annotation file."""
    images: list[Content] = []
    people: list[Content] = []
    total = sum(int(mask.any(axis=1).sum()) for mask in kept)
    for number, (video, part, mask) in enumerate(zip(videos, rows, kept, strict=True), start=1):
        masks = {int(row): m for row, m in zip(part, mask, strict=True) if m.any()}
        for frame in frames_at(video.source.path, masks.keys()):
            name, id_ = f"{video.source.stem}_{frame.index:06}.jpg", len(images) + 1
            write_image(root / "images" / split / name, frame.image, is_synced=False)
            images.append(
                {
                    **image_record(id_, name, video.labels.image_wh),
                    **{"video_id": number, "frame_index": frame.index, "is_synthetic": False},
                }
            )
            people.append(_person(id_, video.labels, frame.index, masks[frame.index]))
            progress(f"images of {split}", id_, total)
    names = [{"id": n, "file_name": v.source.name} for n, v in enumerate(videos, start=1)]
    content = {"videos": names, "images": images, "annotations": people}
    write_json(
        annotation_file(root, split), {"info": INFO, **content, "categories": [person_category()]}
    )


def _person(id_: int, labels: SelfLabels, row: int, kept: Mask) -> Content:
    """Return the annotation of a frame; its box is around all plausible joints, labels or not."""
    xy: Floats = labels.xy[row]
    plausible = near_sure(xy, labels.confidence[row].astype(np.float32))
    box = clipped(box_around(np.c_[xy, plausible]), labels.image_wh)
    keypoints = np.where(kept[:, None], np.c_[xy, np.full(len(xy), 2.0)], 0.0).round(3)
    return annotation_record(id_, id_, box.round(3).tolist(), filled_area(box), keypoints)


def _report(video: SelfLabelledVideo, rows: Ints, kept: Mask) -> Content:
    labels = video.labels
    speeds = speed(labels.times, labels.smooth)[rows]
    return {
        "video": video.source.name,
        "damage": labels.damage,
        "frames": len(labels),
        "found": int(labels.is_found.sum()),
        "used": len(rows),
        "confidence": round(video.confidence, 3),
        "accepted": kept_by_speed(speeds, labels.allowed[rows]),
        "kept": kept_by_speed(speeds, kept),
    }
