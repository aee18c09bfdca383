"""Writer of clips as H.264 mp4, with one annotation file of 2D and 3D keypoints per frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import av
import numpy as np
from numpy.typing import NDArray

from fidip.core.errors import ArgumentError
from fidip.io.atomic import atomic_path, disk_errors
from fidip.io.coco import annotation_file, person_category
from fidip.io.records import Record
from fidip.synth.body.body_model import Body
from fidip.synth.body.own_body import body_of
from fidip.synth.dataset.clip_labels import clip_record
from fidip.synth.dataset.clip_set import TIME_BASE, ClipJob, ClipSet, Ticks
from fidip.synth.dataset.render_settings import RenderSettings
from fidip.synth.dataset.work_queue import finish, run_jobs
from fidip.synth.scene.clip import ClipFrame, Scene, draw_scene
from fidip.synth.scene.eventful import ClipPlan, draw_eventful_scene
from fidip.synth.scene.identity import Identity


def write_clips(root: Path, split: str, parts: list[ClipSet], settings: RenderSettings) -> Path:
    """Render clips into ``root/videos/SPLIT`` and label every frame.

    ``images`` has one entry per frame (``frame_index``, ``pts``, ``time`` in seconds,
    ``video_id``); annotations have ``keypoints`` and ``keypoints_3d`` (17 times x, y, z, metres in
    camera space). Clips of subjects have more labels: ``docs/how-to/clips-hard.md``.

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


def make_clip(job: ClipJob) -> Record:
    """Render and encode one clip; return its records for the annotation file."""
    ticks = job.kind.ticks(job.seed)
    body = body_of(job.kind.group, job.own)
    scene = _scene(job, body)
    frames: list[ClipFrame] = []

    def encoded() -> Iterator[NDArray[np.uint8]]:
        for frame in scene.frames(body, ticks / TIME_BASE.denominator):
            nothing = np.empty((0, 0, 3), np.uint8)  # keeps the labels only
            frames.append(replace(frame, picture=replace(frame.picture, image=nothing)))
            yield frame.picture.image

    with atomic_path(job.path) as part:
        encode(part, encoded(), ticks, job.kind.fps, job.size_wh)
    return clip_record(job, scene, frames, ticks)


def _scene(job: ClipJob, body: Body) -> Scene:
    kind = job.kind
    if kind.events is None:
        return draw_scene(body, job.posture, job.appearance, job.size_wh, job.seed, kind.seconds)
    person = Identity.draw(body, kind.group, job.appearance, job.subject_seed)
    plan = ClipPlan(job.posture, job.appearance, job.size_wh, kind.seconds, kind.events)
    return draw_eventful_scene(body, person, plan, job.seed)


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


def _jobs(
    folder: Path, split: str, parts: list[ClipSet], settings: RenderSettings
) -> list[ClipJob]:
    jobs: list[ClipJob] = []
    first = 1
    for kind in parts:
        people = kind.subjects or (None,)
        for i in range(kind.number * len(people)):
            number, subject = len(jobs) + 1, people[i % len(people)]
            whose = "" if subject is None else f"subject{subject:02d}_"
            job = ClipJob(
                path=folder / f"{whose}clip{number:04d}.mp4",
                video_id=number,
                first_frame=first,
                kind=kind,
                posture=kind.postures[i % len(kind.postures)],
                appearance=settings.appearances[kind.appearance],
                size_wh=settings.size_wh,
                seed=crc32(f"{settings.seed} {split} {number}".encode()),
                own=settings.own,
                subject=subject,
                subject_seed=crc32(f"{settings.seed} subject {subject}".encode()),
            )
            jobs.append(job)
            first += len(kind.ticks(job.seed))
    return jobs
