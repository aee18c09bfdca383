"""Frames of analysed videos that are trained on without labels, with the boxes of the infant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.arrays import Ints
from fidip.core.progress import Progress, silent
from fidip.inference.frame_dataset import AnalysedVideo, frames_of, pre_annotation
from fidip.io.coco import image_record
from fidip.io.drawing import spread
from fidip.io.images import write_image


def write_unlabelled(
    videos: Sequence[AnalysedVideo], count: int, folder: Path, progress: Progress = silent
) -> dict[str, list[dict[str, Any]]]:
    """Write frames in which the infant was found, and return their records.

    Args:
        videos: the videos; each gives the same number of frames, evenly spaced, if it has enough.
        count: maximum number of frames.
        folder: folder of the images.
        progress: called after every image.

    Returns:
        ``images`` and ``annotations`` in COCO's layout, with predicted people. The ``file_name``
        are relative to the parent of ``folder``.

    Raises:
        DataError: a video cannot be read any more.
        DiskError: an image cannot be written.
    """
    rows = spaced_rows([np.flatnonzero(video.candidates.is_found) for video in videos], count)
    total = sum(map(len, rows))
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for video, chosen in zip(videos, rows, strict=True):
        for row, image in frames_of(video, chosen):
            wh, id_ = (image.shape[1], image.shape[0]), len(images) + 1
            person = pre_annotation(id_, id_, video.candidates, row, wh)
            progress("unlabelled frames", len(images) + 1, total)
            if person is None:  # outside of the image
                continue
            name = video.image_name(row)
            write_image(folder / name, image, is_synced=False)
            people.append(person)
            images.append(
                {
                    **image_record(id_, f"{folder.name}/{name}", wh),
                    "is_synthetic": False,
                    "video_id": video.source.name,
                    "frame_index": int(video.candidates.frames[row]),
                    "subject": video.subject,
                }
            )
    return {"images": images, "annotations": people}


def spaced_rows(found: Sequence[Ints], count: int) -> list[Ints]:
    """Return evenly spaced rows of each video; videos with few rows leave theirs to the others.

    Args:
        found: sorted rows of each video that can be taken.
        count: maximum number of rows in all.

    Example:
        >>> [rows.tolist() for rows in spaced_rows([np.arange(9), np.array([4])], 4)]
        [[0, 4, 8], [4]]
    """
    shares = [0] * len(found)
    left = count
    order = sorted(range(len(found)), key=lambda video: len(found[video]))
    for done, video in enumerate(order):
        shares[video] = min(len(found[video]), left // (len(found) - done))
        left -= shares[video]
    return [
        rows[spread(len(rows), share)] if share else rows[:0]
        for rows, share in zip(found, shares, strict=True)
    ]
