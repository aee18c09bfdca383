"""Write rendered people as a data set in SyRIP's layout, in parallel, the same bytes for any number of workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from fidip.core.errors import ConfigError
from fidip.io.atomic import disk_errors
from fidip.io.coco import annotation_file, annotation_record, person_category
from fidip.io.images import write_image
from fidip.io.json import write_json
from fidip.synth.appearance import Look
from fidip.synth.body.own_body import OwnBody, body_of
from fidip.synth.dataset.work_queue import (
    Progress,
    Record,
    finish,
    run_jobs,
)
from fidip.synth.labels.clinical import check_names, extra_file, extra_points, with_extra_points
from fidip.synth.labels.labels3d import write_sidecar
from fidip.synth.scene.stage import Picture, capture, set_stage

MORE_LABELS = ("none", "joints", "all")
NOTE = "free stand-in rendered by fidip from the anny body model; not SyRIP and not real people"


def note(own: OwnBody | None) -> str:
    """What the annotation file says of its images' origin and terms."""
    if own is None:
        return NOTE
    return (
        f"rendered by fidip; {own.group} bodies from the user's own {own.file.name} (SHA-256 {own.digest}), "
        "whose licence holds for these images; not SyRIP and not real people"
    )


@dataclass(frozen=True)
class Group:
    """A part of a split: so many images of one group of people in one look.

    Attributes:
        group: "infant" or "adult".
        look: name of the look.
        is_synthetic: the domain label that the images carry.
        count: number of images.
    """

    group: str
    look: str
    is_synthetic: bool
    count: int


@dataclass(frozen=True)
class _Job:
    path: Path
    image_id: int
    part: Group
    look: Look
    size_wh: tuple[int, int]
    seed: tuple[int, ...]
    sidecar: Path | None
    dense: bool
    own: OwnBody | None
    extra: tuple[str, ...]


def write_split(
    root: Path, split: str, parts: list[Group], looks: dict[str, Look], size_wh: tuple[int, int],
    seed: int, workers: int, progress: Progress, more_labels: str = "none", own: OwnBody | None = None,
    extra: tuple[str, ...] = (), first: int | None = None,
) -> Path:  # fmt: skip
    """Render a split and write its images and, last of all, its annotation file.

    Images are named as SyRIP names them: real ``train00001.jpg``, synthetic ``train10001.jpg``, test
    ``test0.jpg``. Pixels and labels depend on the seed, the split and the image's number only.

    ``more_labels`` of ``MORE_LABELS`` also writes ``root/labels3d/split/train00001.npz`` and so on (see
    ``fidip.synth.labels.labels3d``): joints in 3D, or also masks and depth; and images tell their look. ``own`` is a body to use
    instead of the one that ships. ``extra`` of ``fidip.synth.labels.clinical`` also writes a second annotation file with these points.
    ``first`` renders only so many images of each part; they are those of the whole split.

    Returns:
        The annotation file.
    """
    if more_labels not in MORE_LABELS:
        raise ConfigError(f"more_labels={more_labels}: choose {', '.join(MORE_LABELS)}")
    check_names(extra)
    if first is not None and (not isinstance(first, int) or first < 1):
        raise ConfigError(f"first={first}: give 1 or more images of each part, or null for all")
    folder = root / "images" / split
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(root, split, parts, looks, size_wh, seed, more_labels, own, extra)
    jobs = [job for job in jobs if first is None or job.seed[-1] < first]
    file = annotation_file(root, split)
    records = run_jobs(make_image, jobs, workers, file, split, progress)
    content = {
        "info": {"description": note(own), "seed": seed},
        "categories": [person_category()],
        "images": [r["image"] for r in records],
        "annotations": [r["annotation"] for r in records],
    }
    if extra:
        write_json(
            extra_file(root, split), with_extra_points(content, records, extra), compact=True
        )
    finish(file, content)
    return file


def _jobs(
    root: Path,
    split: str,
    parts: list[Group],
    looks: dict[str, Look],
    size_wh: tuple[int, int],
    seed: int,
    more_labels: str,
    own: OwnBody | None,
    extra: tuple[str, ...],
) -> list[_Job]:
    jobs = []
    is_test = split.startswith("validate")
    following = {False: 0, True: 0} if is_test else {False: 1, True: 10001}
    for number, part in enumerate(parts):
        kind = part.is_synthetic and not is_test
        for i in range(part.count):
            image_id = following[kind]
            following[kind] += 1
            stem = f"test{image_id}" if is_test else f"train{image_id:05d}"
            jobs.append(
                _Job(
                    path=root / "images" / split / f"{stem}.jpg",
                    image_id=image_id,
                    part=part,
                    look=looks[part.look],
                    size_wh=size_wh,
                    seed=(seed, crc32(split.encode()), number, i),
                    sidecar=root / "labels3d" / split / f"{stem}.npz"
                    if more_labels != "none"
                    else None,
                    dense=more_labels == "all",
                    own=own,
                    extra=extra,
                )
            )
    return jobs


def make_image(job: _Job) -> Record:
    """Render one image, write it, and return what the annotation file says of it."""
    rng = np.random.default_rng(job.seed)
    body = body_of(job.part.group, job.own)
    stage = set_stage(body, job.part.group, job.look, job.size_wh, rng)
    picture = capture(stage, job.look, rng)
    write_image(job.path, picture.image, picture.quality, is_synced=False)
    if job.sidecar is not None:
        write_sidecar(job.sidecar, body, stage, picture, job.dense)
    record = _record(job, picture)
    if job.extra:
        record["extra"] = extra_points(body, stage, job.extra).round(3).ravel().tolist()
    return record


def _record(job: _Job, picture: Picture) -> Record:
    width, height = job.size_wh
    image = {
        "id": job.image_id,
        "file_name": job.path.name,
        "width": width,
        "height": height,
        "is_synthetic": job.part.is_synthetic,
        "posture": picture.posture,
    }
    if job.sidecar is not None:
        image["look"] = job.part.look
    annotation = annotation_record(
        job.image_id + 1,  # pycocotools takes a match with id 0 for none
        job.image_id,
        picture.box_xywh,
        picture.area,
        np.round(picture.keypoints, 3),
    )
    return {"image": image, "annotation": annotation}
