"""Files of chosen video frames: images, pre-annotations in COCO's layout, table, contact sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.arrays import Floats, Image, ImageSize, Ints
from fidip.core.geometry import box_around, filled_area
from fidip.core.poses import Poses, pose_scores
from fidip.core.progress import Progress, silent
from fidip.inference.frame_candidates import Candidates
from fidip.inference.frame_selection import FramePool
from fidip.inference.output_names import Input
from fidip.io.atomic import atomic_entries
from fidip.io.coco import PRE_ANNOTATIONS, annotation_record, image_record, person_category
from fidip.io.drawing import draw_pose, fit_tile, sheet, spread
from fidip.io.images import write_image
from fidip.io.json import write_json
from fidip.io.video import frames_at

IMAGES, LABELS = "images", PRE_ANNOTATIONS
SHEET, TABLE = "contact_sheet.jpg", "frames.csv"
OUTPUTS = (IMAGES, TABLE, SHEET, LABELS)
"""Names of the outputs; the annotation file is written last."""
TILE, COLUMNS, MOST_TILES = 224, 8, 120
"""Side of the contact sheet's tiles in px, tiles per row, and their maximum number."""
DRAWN = 0.2
"""Minimum confidence of the keypoints that the contact sheet shows."""


@dataclass(frozen=True, eq=False)
class AnalysedVideo:
    """Video with its candidate frames.

    Attributes:
        source: the video, with the names of its outputs.
        subject: name of the subject.
        candidates: its candidate frames.
    """

    source: Input
    subject: str
    candidates: Candidates

    def image_name(self, row: int) -> str:
        """Return the path of a frame's image, which names the video and the frame.

        Args:
            row: row of the candidate.
        """
        return f"{self.source.stem}_{self.candidates.frames[row]:06}.jpg"


def pool_of(videos: Sequence[AnalysedVideo]) -> FramePool:
    """Return the candidate frames of several videos.

    Args:
        videos: the videos, at least one.
    """
    names = sorted({video.subject for video in videos})
    lengths = [len(video.candidates) for video in videos]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(video.candidates, name) for video in videos])

    return FramePool(
        subjects=np.repeat([names.index(video.subject) for video in videos], lengths),
        videos=np.repeat(np.arange(len(videos)), lengths),
        times=joined("times"),
        features=joined("features"),
        hashes=joined("hashes"),
        uncertainty=joined("uncertainty"),
        motion=joined("motion"),
        is_found=joined("is_found"),
    )


def write_frames(
    videos: Sequence[AnalysedVideo], chosen: Ints, out: Path, progress: Progress = silent
) -> None:
    """Write the chosen frames; all files appear at the end.

    Args:
        videos: the videos.
        chosen: sorted rows of their ``pool_of``.
        out: an existing folder, in which none of ``OUTPUTS`` exists.
        progress: called after every image.

    Raises:
        DataError: a video cannot be read any more.
        DiskError: a file cannot be written.
    """
    with atomic_entries(out, OUTPUTS) as folder:
        writer, first = _Writer(folder, len(chosen)), 0
        for number, video in enumerate(videos, start=1):
            rows = chosen[(chosen >= first) & (chosen < first + len(video.candidates))] - first
            first += len(video.candidates)
            for row, image in frames_of(video, rows):
                writer.add(number, video, row, image)
                progress("images", len(writer.images), len(chosen))
        writer.finish(videos)


def frames_of(video: AnalysedVideo, rows: Ints) -> Iterator[tuple[int, Image]]:
    """Yield rows and images of candidate frames, which are decoded one at a time.

    Args:
        video: the video.
        rows: sorted rows of its candidates.
    """
    wanted = {int(video.candidates.frames[row]): int(row) for row in rows}
    for frame in frames_at(video.source.path, wanted.keys()):
        yield wanted[frame.index], frame.image


class _Writer:
    """Writer of images, one after the other, and of the files about them.

    Attributes:
        images: records of the images so far.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.images: list[dict[str, Any]] = []
        self._people: list[dict[str, Any]] = []
        self._rows: list[list[object]] = []
        self._tiles: list[Image] = []
        self._folder, self._drawn = folder, set(spread(count, MOST_TILES))

    def add(self, number: int, video: AnalysedVideo, row: int, image: Image) -> None:
        """Write the image of a frame, and remember what the other files need of it."""
        found, name, id_ = video.candidates, video.image_name(row), len(self.images) + 1
        wh = (image.shape[1], image.shape[0])
        write_image(self._folder / IMAGES / name, image, is_synced=False)
        if len(self.images) in self._drawn:
            known = found.scores[row] > DRAWN
            drawn = draw_pose(image, np.nan_to_num(found.xy[row]), known)
            self._tiles.append(fit_tile(drawn, TILE))
        self.images.append(
            {
                **image_record(id_, f"{IMAGES}/{name}", wh),
                **{"video_id": number, "frame_index": int(found.frames[row])},
                **{"time": round(float(found.times[row]), 6), "subject": video.subject},
            }
        )
        person = pre_annotation(len(self._people) + 1, id_, found, row, wh)
        self._people += [person] if person else []
        numbers = (found.uncertainty[row], found.motion[row])
        self._rows.append(
            [
                *(f"{IMAGES}/{name}", video.subject, video.source.name, int(found.frames[row])),
                *(round(float(found.times[row]), 6), str(bool(found.is_found[row])).lower()),
                *(round(float(number), 4) for number in numbers),
            ]
        )

    def finish(self, videos: Sequence[AnalysedVideo]) -> None:
        """Write the table, the contact sheet and the annotation file."""
        write_image(self._folder / SHEET, sheet(self._tiles, TILE, COLUMNS))
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        head = ("image", "subject", "video", "frame", "time_s", "found", "uncertainty", "motion")
        table.writerows([head, *self._rows])
        (self._folder / TABLE).write_text(text.getvalue(), encoding="utf-8")
        content: Mapping[str, Any] = {
            "info": {"description": "frames to label; keypoints are predictions, not labels"},
            "videos": [
                {"id": number, "file_name": video.source.name, "subject": video.subject}
                for number, video in enumerate(videos, start=1)
            ],
            "images": self.images,
            "annotations": self._people,
            "categories": [person_category()],
        }
        write_json(self._folder / LABELS, content)


def pre_annotation(
    id_: int, image_id: int, found: Candidates, row: int, image_wh: ImageSize
) -> dict[str, Any] | None:
    """Return the predicted person of a frame as an annotation that is not read as a label.

    ``is_predicted`` marks it, see ``fidip.data.annotation_records``; ``score`` is that of the
    person, and ``keypoint_scores`` are those of the keypoints. Keypoints outside the image are left
    out.

    Args:
        id_: id of the annotation.
        image_id: id of the image.
        found: candidate frames.
        row: row of the frame.
        image_wh: (width, height) of the image in px.

    Returns:
        The annotation; None if the person was not found in the image.
    """
    xy, scores = found.xy[row], found.scores[row]
    inside = ((xy >= 0) & (xy <= np.array(image_wh) - 1)).all(axis=1)
    if not inside.any():
        return None
    keypoints = np.where(inside[:, None], np.c_[xy, np.full(len(xy), 2.0)], 0.0).round(3)
    box = clipped(box_around(keypoints), image_wh)
    area = filled_area(box)
    record = annotation_record(id_, image_id, box.round(3).tolist(), area, keypoints)
    pose = Poses.of_keypoints(xy[None], scores[None])
    return {
        **record,
        "is_predicted": True,
        "score": round(float(pose_scores(pose)[0]), 4),
        "keypoint_scores": [round(float(score), 4) for score in scores],
    }


def clipped(box_xywh: Floats, image_wh: ImageSize) -> Floats:
    """Return the part of a box that is inside the image.

    ``fidip.core.geometry.clip_box`` instead moves a box that starts outside the image.

    Args:
        box_xywh: (4,) box in image px.
        image_wh: (width, height) of the image in px.

    Example:
        >>> clipped(np.array([-5.0, 10.0, 50.0, 50.0]), (100, 100))
        array([ 0., 10., 45., 50.])
    """
    low = np.clip(box_xywh[:2], 0, image_wh)
    high = np.clip(box_xywh[:2] + box_xywh[2:], 0, image_wh)
    return np.concatenate([low, high - low])
