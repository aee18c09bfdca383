"""Writer of clips as H.264 mp4, with one annotation file of 2D and 3D keypoints per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from zlib import crc32

import av
import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import ArgumentError
from fidip.io.atomic import atomic_path, disk_errors
from fidip.io.coco import annotation_file, annotation_record, person_category
from fidip.synth.appearance import Appearance
from fidip.synth.body.own_body import OwnBody, body_of
from fidip.synth.camera.pinhole import Camera
from fidip.synth.dataset.render_settings import RenderSettings
from fidip.synth.dataset.work_queue import Record, finish, run_jobs
from fidip.synth.pose.motion import LONGEST
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.clip import ClipFrame, Scene, draw_scene

Ticks = NDArray[np.int64]

TIME_BASE = Fraction(1, 90_000)
"""Unit of time stamps, seconds; usual for video."""


@dataclass(frozen=True)
class ClipSet:
    """Clips of one kind.

    Attributes:
        group: "infant" or "adult".
        appearance: name of the appearance.
        postures: names of postures, taken in turn.
        number: number of clips.
        seconds: length of each, up to 60.
        fps: frames per second; the mean if the rate varies.
        variable: whether time stamps are uneven, as in videos of phones.
    """

    group: str
    appearance: str
    postures: tuple[str, ...]
    number: int
    seconds: float
    fps: float
    variable: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST:
            raise ArgumentError(
                "seconds", self.seconds, f"expected more than 0 and at most {LONGEST:g} seconds"
            )
        if self.fps <= 0:
            raise ArgumentError("fps", self.fps, "expected frames per second, such as 30")
        known = [n for n, p in POSTURES.items() if p.group == self.group and not p.held]
        for posture in self.postures:
            if posture not in known:
                raise ArgumentError(
                    "postures",
                    self.postures,
                    f"no {self.group} posture '{posture}'; expected some of {', '.join(known)}",
                )


@dataclass(frozen=True)
class _Job:
    path: Path
    video_id: int
    first_frame: int
    kind: ClipSet
    posture: str
    appearance: Appearance
    size_wh: tuple[int, int]
    seed: int
    own: OwnBody | None


def frame_ticks(seconds: float, fps: float, variable: bool, seed: int) -> Ticks:
    """Return time stamps (N,) in units of ``TIME_BASE``, from 0 to below ``seconds``.

    Uneven steps are 0.6 to 1.4 times the mean, and sometimes a frame is missing.

    Args:
        seconds: length of the clip.
        fps: frames per second.
        variable: whether the steps are uneven.
        seed: determines uneven steps.

    Example:
        >>> frame_ticks(0.1, 30, False, 0).tolist()
        [0, 3000, 6000]
    """
    count = int(np.ceil(seconds * fps - 1e-9))
    steps = np.ones(count)
    if variable:
        rng = np.random.default_rng((seed, 3))
        steps = rng.uniform(0.6, 1.4, count) + (rng.random(count) < 0.03)
        steps *= count / steps.sum()
    at = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    return np.rint(at / fps / float(TIME_BASE)).astype(np.int64)


def write_clips(root: Path, split: str, parts: list[ClipSet], settings: RenderSettings) -> Path:
    """Render clips into ``root/videos/SPLIT`` and label every frame.

    ``images`` has one entry per frame (``frame_index``, ``pts``, ``time`` in seconds,
    ``video_id``); annotations have ``keypoints`` and ``keypoints_3d`` (17 times x, y, z, metres in
    camera space).

    Args:
        root: folder of the dataset.
        split: name of the split.
        parts: what to render.
        settings: what all splits share.

    Returns:
        The annotation file.

    Raises:
        ArgumentError: the image size is odd, which H.264 does not support.
        DiskError: a file cannot be written.
    """
    size_wh = settings.size_wh
    if size_wh[0] % 2 or size_wh[1] % 2:
        raise ArgumentError("size_wh", size_wh, "expected even numbers, for H.264")
    folder = root / "videos" / split
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(folder, split, parts, settings)
    file = annotation_file(root, split)
    records = run_jobs(make_clip, jobs, settings.workers, file, split, settings.progress)
    content = {
        "info": {"description": settings.note, "seed": settings.seed},
        "categories": [person_category()],
        "videos": [r["video"] for r in records],
        "images": [image for r in records for image in r["images"]],
        "annotations": [a for r in records for a in r["annotations"]],
    }
    finish(file, content)
    return file


def make_clip(job: _Job) -> Record:
    """Render and encode one clip; return its records for the annotation file."""
    ticks = frame_ticks(job.kind.seconds, job.kind.fps, job.kind.variable, job.seed)
    body = body_of(job.kind.group, job.own)
    kind = job.kind
    scene = draw_scene(body, job.posture, job.appearance, job.size_wh, job.seed, kind.seconds)
    frames: list[ClipFrame] = []

    def encoded() -> Iterator[NDArray[np.uint8]]:
        for frame in scene.frames(body, ticks / TIME_BASE.denominator):
            nothing = np.empty((0, 0, 3), np.uint8)  # keeps the labels only
            frames.append(replace(frame, picture=replace(frame.picture, image=nothing)))
            yield frame.picture.image

    with atomic_path(job.path) as part:
        encode(part, encoded(), ticks, job.kind.fps, job.size_wh)
    return _record(job, scene, frames, ticks)


def encode(
    path: Path,
    images: Iterator[NDArray[np.uint8]],
    ticks: Ticks,
    fps: float,
    size_wh: tuple[int, int],
) -> None:
    """Write images as H.264 in mp4.

    Without B frames, the file has its frames in the order of display. Even with one thread, x264
    rarely gives other bytes for the same images.

    Args:
        path: the file.
        images: (H, W, 3) RGB.
        ticks: (N,) time stamps in units of ``TIME_BASE``.
        fps: nominal frames per second.
        size_wh: width and height, px.
    """
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", options={"video_track_timescale": "90000"}) as container:
        options = {"crf": "18", "preset": "veryfast", "bf": "0", "threads": "1"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        for image, pts in zip(images, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = int(pts), TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _jobs(folder: Path, split: str, parts: list[ClipSet], settings: RenderSettings) -> list[_Job]:
    jobs: list[_Job] = []
    first = 1
    for kind in parts:
        for i in range(kind.number):
            number = len(jobs) + 1
            jobs.append(
                _Job(
                    path=folder / f"clip{number:04d}.mp4",
                    video_id=number,
                    first_frame=first,
                    kind=kind,
                    posture=kind.postures[i % len(kind.postures)],
                    appearance=settings.appearances[kind.appearance],
                    size_wh=settings.size_wh,
                    seed=crc32(f"{settings.seed} {split} {number}".encode()),
                    own=settings.own,
                )
            )
            first += len(frame_ticks(kind.seconds, kind.fps, False, 0))
    return jobs


def _record(job: _Job, scene: Scene, frames: list[ClipFrame], ticks: Ticks) -> Record:
    """Return the labels of a clip in COCO's layout."""
    numbers = range(job.first_frame, job.first_frame + len(frames))
    return {
        "video": _video(job, scene.stage.camera, len(frames)),
        "images": [
            {
                "id": number,
                "video_id": job.video_id,
                "file_name": job.path.name,
                **_size(job),
                "frame_index": index,
                "pts": pts,
                "time": frame.time,
                "posture": frame.picture.posture,
            }
            for index, (number, frame, pts) in enumerate(
                zip(numbers, frames, ticks.tolist(), strict=True)
            )
        ],
        "annotations": [_annotation(n, frame) for n, frame in zip(numbers, frames, strict=True)],
    }


def _size(job: _Job) -> dict[str, int]:
    width, height = job.size_wh
    return {"width": width, "height": height}


def _video(job: _Job, camera: Camera, frames: int) -> dict[str, Any]:
    return {
        "id": job.video_id,
        "file_name": job.path.name,
        **_size(job),
        "fps": job.kind.fps,
        "variable_frame_rate": job.kind.variable,
        "frames": frames,
        "posture": POSTURES[job.posture].label,
        "look": job.kind.appearance,
        "group": job.kind.group,
        "camera": {
            "focal_px": camera.focal,
            "center_px": camera.center.tolist(),
            "rotation": camera.rotation.tolist(),
            "position_m": camera.position.tolist(),
        },
    }


def _annotation(number: int, frame: ClipFrame) -> dict[str, Any]:
    """Return the annotation of a frame; every frame has one, with the image's number."""
    picture = frame.picture
    keypoints = np.round(picture.keypoints, 3)
    person = annotation_record(number, number, picture.box_xywh, picture.area, keypoints)
    return {**person, "keypoints_3d": np.round(frame.joints, 5).ravel().tolist()}
