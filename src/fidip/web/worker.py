"""Processing of the web page's files by the pipelines of ``fidip predict``."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL.Image import DecompressionBombError
from PIL.Image import open as open_image

from fidip.core.arrays import Image
from fidip.core.errors import DataError
from fidip.core.poses import Poses
from fidip.core.progress import Progress
from fidip.core.skeleton import COCO17
from fidip.data.label_store import EditedPerson
from fidip.inference import CameraPipeline, ImagePipeline, VideoPipeline
from fidip.inference.output_names import TABLE, name_inputs
from fidip.inference.pipelines import damage_line
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes
from fidip.io.video import SMALLEST

if TYPE_CHECKING:
    from fidip.web.camera_stream import Follow
    from fidip.web.labelling import PredictPeople
    from fidip.web.tabs import FileJob, Message, SendProgress, Work

MakePipelines = Callable[[Collection[str]], tuple[ImagePipeline, VideoPipeline]]
"""Returns the pipelines of images and videos for the names of the checked options."""
LARGEST_FRAME = 2048
"""Largest side of a live view frame in px."""
TRACKED = 0.5
"""Confidence from which the page counts a joint as reliably tracked."""
CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "ogg", "h264", "hevc",
    "m4v", "mjpeg", "gif", "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe",
)  # fmt: skip
"""FFmpeg formats that contain the whole video; a playlist could name other local files."""


def worker(make_pipelines: MakePipelines) -> Work:
    """Return the function that processes one file, as ``fidip predict`` does.

    Args:
        make_pipelines: returns the pipelines for the options that are checked on the page.
    """

    def work(job: FileJob, report: SendProgress) -> Message:
        photos, videos = make_pipelines(job.options)
        (source,) = name_inputs([job.source], job.out)
        progress, note = with_rate(report), None
        if source.is_photo:
            photos.run_inputs([source], job.out, progress=progress)
        else:
            check_container(job.source)
            note = damage_line(videos.run_input(source, job.out, progress), source)
        return {
            "photo": source.is_photo,
            "note": note and note.replace(f"{job.source.parent}/", ""),
            "files": sorted(str(p.relative_to(job.out)) for p in job.out.rglob("*") if p.is_file()),
            **summary(job.out / f"{TABLE if source.is_photo else source.stem}.csv"),
        }

    return work


def with_rate(report: SendProgress) -> Progress:
    """Return a progress callback that also reports the steps per second of the stage.

    Args:
        report: receives the stage, steps done, total steps and steps per second.
    """
    current, start = "", 0.0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal current, start
        if stage != current:
            current, start = stage, perf_counter()
        elapsed = perf_counter() - start
        report(stage, done, total, done / elapsed if elapsed > 0 else 0.0)

    return progress


def cameras(pipeline: CameraPipeline) -> Callable[[], Follow]:
    """Return a function that starts to track the person in a camera, as ``source=webcam`` does.

    Args:
        pipeline: tracks the person.
    """

    def start() -> Follow:
        follower = pipeline.follower()

        def follow(frame: bytes, time: float) -> Message:
            image = decode_frame(frame)
            pose = follower(image, time)
            (xy,), (scores,) = pose.xy, pose.scores
            fraction = np.where(np.isfinite(xy), xy / [image.shape[1], image.shape[0]], 0.0)
            found = bool(pose.known.any())
            return {"found": found, "xy": fraction.round(5).tolist(), "scores": scores.tolist()}

        return follow

    return start


def prefill(find: Callable[[Image], Poses], lost: float) -> PredictPeople:
    """Return a function that predicts the person in an image, to be corrected by hand.

    Args:
        find: returns the pose of one person in an (H, W, 3) uint8 RGB image.
        lost: confidence below which no person is predicted.
    """

    def predict(path: Path) -> list[EditedPerson]:
        image = decode_rgb(read_bytes(path), path)
        pose = find(image)
        if pose.confidence[0] < lost:
            return []
        xy, scores = pose.xy[0], pose.scores[0].astype(np.float64)
        is_inside = ((xy >= 0) & (xy < [image.shape[1], image.shape[0]])).all(axis=1)
        keypoints = np.where(is_inside[:, None], np.column_stack([xy, 2.0 * is_inside]), 0.0)
        return [EditedPerson(None, keypoints, is_predicted=True, scores=scores)]

    return predict


def decode_frame(frame: bytes) -> Image:
    """Decode a JPEG frame from a page.

    Args:
        frame: the JPEG file.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: it is not a JPEG file, or its sides are not between 16 and 2048 px.
    """
    try:
        with open_image(io.BytesIO(frame), formats=["JPEG"]) as header:  # decodes nothing yet
            width, height = header.size
    except (OSError, DecompressionBombError) as error:
        raise DataError("frame: not a JPEG image, or one of far too many pixels") from error
    if min(width, height) < SMALLEST or max(width, height) > LARGEST_FRAME:
        raise DataError(
            f"frame: has {width}x{height} px; expected sides of {SMALLEST} to {LARGEST_FRAME} px"
        )
    return decode_rgb(frame, Path("frame"))


def check_container(path: Path) -> None:
    """Check that a file is a video and not a playlist, which could open other files.

    Args:
        path: the file.

    Raises:
        DataError: it is not a video.
    """
    try:
        av.open(str(path), options={"format_whitelist": ",".join(CONTAINERS)}).close()
    except (OSError, av.FFmpegError) as error:
        raise DataError(
            f"{path}: cannot be opened as a video ({error.strerror or error}); expected a whole "
            "MP4, MOV, WebM, MKV, AVI or the like. Copy or convert it again."
        ) from error


def summary(table: Path) -> dict[str, Any]:
    """Return the numbers of all and of detected frames, and the confidence of each joint.

    Args:
        table: a tidy CSV table of keypoints.
    """
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(row["x"] != "", float(row["score"])) for row in csv.DictReader(file)]
    values = np.array(rows, dtype=np.float64).reshape(-1, len(COCO17), 2)
    found = values[..., 0].any(axis=1)
    scores = values[found, :, 1]
    return {
        "frames": len(values),
        "found": int(found.sum()),
        "joints": [
            {"name": name, "score": float(column.mean()), "sure": float((column >= TRACKED).mean())}
            for name, column in zip(COCO17.joints, scores.T, strict=True)
        ]
        if found.any()
        else [],
    }
