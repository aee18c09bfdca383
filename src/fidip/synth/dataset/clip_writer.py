"""Write clips as H.264 mp4 with one COCO-style annotation file: 2D, visibility and 3D of every frame."""

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

from fidip.core.errors import ConfigError
from fidip.io.atomic import atomic_path, disk_errors
from fidip.io.coco import annotation_file, annotation_record, person_category
from fidip.synth.appearance import Look
from fidip.synth.body.own_body import OwnBody, body_of
from fidip.synth.camera.pinhole import Camera
from fidip.synth.dataset.split_writer import note
from fidip.synth.dataset.work_queue import Progress, Record, finish, run_jobs
from fidip.synth.pose.motion import LONGEST
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.clip import Frame, Scene, draw_scene

Ticks = NDArray[np.int64]

TIME_BASE = Fraction(1, 90_000)
"""Unit of time stamps, seconds: the usual one of video."""


@dataclass(frozen=True)
class Clips:
    """A set of clips of one kind.

    Attributes:
        group: "infant" or "adult".
        look: name of the look.
        postures: names of postures, taken in turn.
        number: number of clips.
        seconds: length of each, up to 60.
        fps: frames a second; the mean where the rate varies.
        variable: time stamps are uneven, as phones write them.
    """

    group: str
    look: str
    postures: tuple[str, ...]
    number: int
    seconds: float
    fps: float
    variable: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST:
            raise ConfigError(f"clips.seconds={self.seconds}: give 5 to {LONGEST:g} seconds")
        if self.fps <= 0:
            raise ConfigError(f"clips.fps={self.fps}: give frames a second, for example 30")
        known = [n for n, p in POSTURES.items() if p.group == self.group and not p.held]
        for posture in self.postures:
            if posture not in known:
                raise ConfigError(
                    f"clips.postures: no {self.group} posture '{posture}'; choose of {', '.join(known)}"
                )


@dataclass(frozen=True)
class _Job:
    path: Path
    video_id: int
    first_frame: int
    kind: Clips
    posture: str
    look: Look
    size_wh: tuple[int, int]
    seed: int
    own: OwnBody | None


def frame_ticks(seconds: float, fps: float, variable: bool, seed: int) -> Ticks:
    """(N,) time stamps in units of ``TIME_BASE``, the first 0, all below ``seconds``.

    Uneven ones take 0.6 to 1.4 of a frame's time each, and now and then a frame is missing.
    """
    count = int(np.ceil(seconds * fps - 1e-9))
    steps = np.ones(count)
    if variable:
        rng = np.random.default_rng((seed, 3))
        steps = rng.uniform(0.6, 1.4, count) + (rng.random(count) < 0.03)
        steps *= count / steps.sum()
    at = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    return np.rint(at / fps / float(TIME_BASE)).astype(np.int64)


def write_clips(
    root: Path, split: str, parts: list[Clips], looks: dict[str, Look], size_wh: tuple[int, int],
    seed: int, workers: int, progress: Progress, own: OwnBody | None = None,
) -> Path:  # fmt: skip
    """Render clips into ``root/videos/split`` and label them; returns the annotation file.

    ``images`` has one entry a frame (``frame_index``, ``pts``, ``time`` in seconds, ``video_id``);
    annotations carry ``keypoints`` and ``keypoints_3d`` (17 times x, y, z, metres in camera space).
    ``own`` is a body to use instead of the one that ships.
    """
    if size_wh[0] % 2 or size_wh[1] % 2:
        raise ConfigError(f"preset.size_wh={list(size_wh)}: H.264 needs even numbers")
    folder = root / "videos" / split
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(folder, split, parts, looks, size_wh, seed, own)
    file = annotation_file(root, split)
    records = run_jobs(make_clip, jobs, workers, file, split, progress)
    content = {
        "info": {"description": note(own), "seed": seed},
        "categories": [person_category()],
        "videos": [r["video"] for r in records],
        "images": [image for r in records for image in r["images"]],
        "annotations": [a for r in records for a in r["annotations"]],
    }
    finish(file, content)
    return file


def make_clip(job: _Job) -> Record:
    """Render and encode one clip; returns its part of the annotation file."""
    ticks = frame_ticks(job.kind.seconds, job.kind.fps, job.kind.variable, job.seed)
    body = body_of(job.kind.group, job.own)
    scene = draw_scene(
        body, job.kind.group, job.posture, job.look, job.size_wh, job.seed, job.kind.seconds
    )
    frames: list[Frame] = []

    def watched() -> Iterator[NDArray[np.uint8]]:
        for frame in scene.frames(body, ticks / TIME_BASE.denominator):
            nothing = np.empty((0, 0, 3), np.uint8)  # labels are kept, pixels are not
            frames.append(replace(frame, picture=replace(frame.picture, image=nothing)))
            yield frame.picture.image

    with atomic_path(job.path) as part:
        encode(part, watched(), ticks, job.kind.fps, job.size_wh)
    return _record(job, scene, frames, ticks)


def encode(
    path: Path, images: Iterator[NDArray[np.uint8]], ticks: Ticks, fps: float,
    size_wh: tuple[int, int],
) -> None:  # fmt: skip
    """Write (H, W, 3) uint8 RGB images with the given time stamps as H.264 in mp4.

    One thread and no B frames: the same bytes every time, and decoding order is showing order.
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


def _jobs(
    folder: Path, split: str, parts: list[Clips], looks: dict[str, Look],
    size_wh: tuple[int, int], seed: int, own: OwnBody | None,
) -> list[_Job]:  # fmt: skip
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
                    look=looks[kind.look],
                    size_wh=size_wh,
                    seed=crc32(f"{seed} {split} {number}".encode()),
                    own=own,
                )
            )
            first += len(frame_ticks(kind.seconds, kind.fps, False, 0))
    return jobs


def _record(job: _Job, scene: Scene, frames: list[Frame], ticks: Ticks) -> Record:
    """The labels of a clip in COCO's layout."""
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
        "look": job.kind.look,
        "group": job.kind.group,
        "camera": {
            "focal_px": camera.focal,
            "center_px": camera.center.tolist(),
            "rotation": camera.rotation.tolist(),
            "position_m": camera.position.tolist(),
        },
    }


def _annotation(number: int, frame: Frame) -> dict[str, Any]:
    """The person of a frame; every frame has one, so image and annotation share their number."""
    picture = frame.picture
    keypoints = np.round(picture.keypoints, 3)
    person = annotation_record(number, number, picture.box_xywh, picture.area, keypoints)
    return {**person, "keypoints_3d": np.round(frame.joints, 5).ravel().tolist()}
