"""Writer of rendered stills in SyRIP's layout; the bytes do not depend on the number of workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from fidip.io.atomic import disk_errors
from fidip.io.coco import annotation_file, annotation_record, image_record, person_category
from fidip.io.images import write_image
from fidip.io.json import write_json
from fidip.io.records import Record
from fidip.synth.appearance import Appearance
from fidip.synth.body.own_body import OwnBody, body_of
from fidip.synth.dataset.render_settings import RenderSettings
from fidip.synth.dataset.work_queue import finish, run_jobs
from fidip.synth.labels.clinical import extra_file, extra_points, with_extra_points
from fidip.synth.labels.labels3d import write_labels3d
from fidip.synth.scene.picture import Picture, capture
from fidip.synth.scene.stage import set_stage


@dataclass(frozen=True)
class ImageSet:
    """A part of a split: images of one group of people in one appearance.

    Attributes:
        group: "infant" or "adult".
        appearance: name of the appearance.
        is_synthetic: domain label of the images.
        count: number of images.
    """

    group: str
    appearance: str
    is_synthetic: bool
    count: int


@dataclass(frozen=True)
class _Job:
    path: Path
    image_id: int
    part: ImageSet
    appearance: Appearance
    size_wh: tuple[int, int]
    seed: tuple[int, ...]
    labels3d: Path | None
    dense: bool
    own: OwnBody | None
    extra: tuple[str, ...]


def write_split(root: Path, split: str, parts: list[ImageSet], settings: RenderSettings) -> Path:
    """Render a split; write its images and, after all of them, its annotation file.

    Images are named as in SyRIP: real ``train00001.jpg``, synthetic ``train10001.jpg``, test
    ``test0.jpg``. Pixels and labels depend on the seed, the split and the image's number only.

    Args:
        root: folder of the dataset.
        split: name of the split.
        parts: what to render.
        settings: what all splits share. ``more_labels`` writes ``root/labels3d/SPLIT/*.npz``, see
            ``fidip.synth.labels.labels3d``, and adds the appearance to every image's record.

    Returns:
        The annotation file.

    Raises:
        DiskError: a file cannot be written.
    """
    folder = root / "images" / split
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(root, split, parts, settings)
    file = annotation_file(root, split)
    records = run_jobs(make_image, jobs, settings.workers, file, split, settings.progress)
    content = {
        "info": {"description": settings.note, "seed": settings.seed},
        "categories": [person_category()],
        "images": [r["image"] for r in records],
        "annotations": [r["annotation"] for r in records],
    }
    if settings.extra_points:
        extended = with_extra_points(content, records, settings.extra_points)
        write_json(extra_file(root, split), extended, compact=True)
    finish(file, content)
    return file


def _jobs(root: Path, split: str, parts: list[ImageSet], settings: RenderSettings) -> list[_Job]:
    jobs = []
    is_test = split.startswith("validate")
    following = {False: 0, True: 0} if is_test else {False: 1, True: 10001}
    for number, part in enumerate(parts):
        kind = part.is_synthetic and not is_test
        for i in range(part.count):
            image_id = following[kind] + i
            stem = f"test{image_id}" if is_test else f"train{image_id:05d}"
            labels3d = root / "labels3d" / split / f"{stem}.npz"
            job = _Job(
                path=root / "images" / split / f"{stem}.jpg",
                image_id=image_id,
                part=part,
                appearance=settings.appearances[part.appearance],
                size_wh=settings.size_wh,
                seed=(settings.seed, crc32(split.encode()), number, i),
                labels3d=labels3d if settings.more_labels != "none" else None,
                dense=settings.more_labels == "all",
                own=settings.own,
                extra=settings.extra_points,
            )
            if settings.first is None or i < settings.first:
                jobs.append(job)
        following[kind] += part.count
    return jobs


def make_image(job: _Job) -> Record:
    """Render and write one image; return its records for the annotation file."""
    rng = np.random.default_rng(job.seed)
    body = body_of(job.part.group, job.own)
    stage = set_stage(body, job.part.group, job.appearance, job.size_wh, rng)
    picture = capture(stage, job.appearance, rng)
    write_image(job.path, picture.image, picture.quality, is_synced=False)
    if job.labels3d is not None:
        write_labels3d(job.labels3d, body, stage, picture, job.dense)
    record = _record(job, picture)
    if job.extra:
        record["extra"] = extra_points(body, stage, job.extra).round(3).ravel().tolist()
    return record


def _record(job: _Job, picture: Picture) -> Record:
    image = {
        **image_record(job.image_id, job.path.name, job.size_wh),
        "is_synthetic": job.part.is_synthetic,
        "posture": picture.posture,
    }
    if job.labels3d is not None:
        image["look"] = job.part.appearance
    annotation = annotation_record(
        job.image_id + 1,  # pycocotools treats a match with id 0 as none
        job.image_id,
        picture.box_xywh,
        picture.area,
        np.round(picture.keypoints, 3),
    )
    return {"image": image, "annotation": annotation}
