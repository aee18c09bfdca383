"""People in images and videos of the target, found once and kept in the cache.

Every image and video has a folder in ``targets`` below ``fidip.io.paths.cache_dir``, named by the
hash of its content and of the settings: ``boxes.json``, an annotation file with boxes only, and the
frames of videos. A search that was interrupted continues with the next file.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fidip.core.arrays import Floats, Image, ImageSize
from fidip.core.errors import ArgumentError, DataError, shown
from fidip.core.people import Annotation
from fidip.core.progress import Progress, silent
from fidip.data.annotations import read_boxes
from fidip.io.atomic import atomic_folder
from fidip.io.coco import PERSON, image_record
from fidip.io.hashing import hash_files
from fidip.io.images import write_image
from fidip.io.json import write_json
from fidip.io.media_files import check_readable, find_media, is_photo
from fidip.io.paths import cache_dir
from fidip.io.record_fields import box
from fidip.io.records import RecordError
from fidip.io.video import Video, frame_numbers, frames_at, read_photo

BOXES, FRAMES = "boxes.json", "frames"
FRAME_QUALITY = 95
"""JPEG quality of the frames of videos."""
log = logging.getLogger(__name__)


class BoxFinder(Protocol):
    """Finder of people in images.

    Attributes:
        name: text that changes whenever the boxes do, such as the name of the weights.
    """

    @property
    def name(self) -> str:
        """Return the text that changes whenever the boxes do."""
        ...

    def __call__(self, image: Image) -> Floats:
        """Return (N, 4) boxes xywh in image px of people in an (H, W, 3) RGB image."""
        ...


FindPeople = Callable[[str, int], Sequence[Annotation]]
"""Returns the people in images and videos: ``find_target`` with a finder."""


def check_target(images: str | None, boxes: str | None, can_find: bool) -> None:
    """Check the arguments for images of the target.

    Args:
        images: ``target_images``.
        boxes: ``target_boxes``.
        can_find: whether people can be found.

    Raises:
        ArgumentError: boxes are given without their images, or neither boxes nor a way to find
            people.
    """
    if images is None and boxes is not None:
        raise ArgumentError(
            "target_boxes",
            shown(boxes),
            "target_images is null; expected the folder of the images of these boxes",
        )
    if images is not None and boxes is not None and not Path(images).is_dir():
        raise ArgumentError(
            "target_images",
            shown(images),
            "there is no such folder; expected the folder that the file_name in "
            f"target_boxes={shown(boxes)} are relative to",
        )
    if images is not None and boxes is None and not can_find:
        raise ArgumentError(
            "target_boxes",
            None,
            f"expected the boxes of the people in target_images={shown(images)}, or the data "
            "module's find_people, which fidip train sets",
        )


def find_target(
    source: str, frames: int, finder: BoxFinder, progress: Progress = silent
) -> list[Annotation]:
    """Find people in images and in frames of videos.

    Args:
        source: path of a file or folder, or a glob pattern.
        frames: number of frames that are taken from each video, at equal distances.
        finder: finds the people.
        progress: called after every image and frame that was searched.

    Returns:
        The people, without keypoints, with a new image id for each image.

    Raises:
        DataError: a file cannot be read, or no person was found.
        DiskError: the cache cannot be written.
    """
    paths = find_media(source, "data.target_images")
    for path in paths:
        check_readable(path)
    people: list[Annotation] = []
    for path in paths:
        folder = _folder_of(path, finder.name, frames)
        if not (folder / BOXES).is_file():
            cache = f"cache {shown(folder)} (FIDIP_CACHE)"
            with atomic_folder(folder, cache, kept_with=BOXES) as new:
                _search(path, new, frames, finder, progress)
        images = path.parent if is_photo(path) else folder / FRAMES
        people += read_boxes(folder / BOXES, images, may_be_empty=True).people
    ids = {path: number for number, path in enumerate(dict.fromkeys(a.image_path for a in people))}
    log.info("%s: found people in %d images of %d files", shown(source), len(ids), len(paths))
    if not people:
        raise DataError(
            f"data.target_images={shown(source)}: no person was found in {len(paths)} files; "
            "expected visible people. Give their boxes with data.target_boxes"
        )
    return [replace(a, image_id=ids[a.image_path]) for a in people]


def _folder_of(path: Path, finder: str, frames: int) -> Path:
    """Return the cache folder of a file, whose name also depends on the settings."""
    try:
        content = hash_files([path])
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read ({error.strerror})") from error
    settings = finder if is_photo(path) else f"{finder} {frames}"
    key = hashlib.sha256(f"{content} {settings} ".encode() + os.fsencode(path.name))
    return cache_dir() / "targets" / key.hexdigest()[:16]


def _search(path: Path, folder: Path, frames: int, finder: BoxFinder, progress: Progress) -> None:
    """Write the boxes of a file, and the frames in which there are any."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    named = [(path.name, read_photo(path))] if is_photo(path) else _frames_of(path, frames)
    for number, (name, image) in enumerate(named, start=1):
        wh = image.shape[1], image.shape[0]
        boxes = [found for found in finder(image).tolist() if _is_usable(found, wh)]
        progress(shown(path.name), number, 1 if is_photo(path) else frames)
        if not boxes:
            continue
        if not is_photo(path):
            write_image(folder / FRAMES / name, image, FRAME_QUALITY)
        images.append(image_record(number, name, wh))
        for found in boxes:
            id_ = len(annotations) + 1
            annotations.append(
                {"id": id_, "image_id": number, "category_id": PERSON, "bbox": found}
            )
    write_json(folder / BOXES, {"images": images, "annotations": annotations})


def _frames_of(path: Path, count: int) -> Iterator[tuple[str, Image]]:
    """Yield names and images of ``count`` frames of a video at equal distances."""
    video = Video(path)
    total = sum(1 for _ in video)  # headers may announce another number
    if video.damage is not None:
        log.warning("%s: %d frames could be decoded (%s)", shown(path), total, video.damage)
    for frame in frames_at(path, set(frame_numbers(total, count))):
        yield f"{frame.index:06}.jpg", frame.image


def _is_usable(found: Sequence[float], wh: ImageSize) -> bool:
    """Return whether a box can be cropped from an image."""
    try:
        box({"bbox": list(found)}, wh)
    except RecordError:
        return False
    return bool(np.isfinite(found).all())
