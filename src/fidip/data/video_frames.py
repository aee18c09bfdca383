"""Frames of labelled videos as image files in the cache, and the windows of frames around each.

Every video has a folder in ``frames`` below ``fidip.io.paths.cache_dir``, named by the hash of its
content.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from fidip.core.errors import DataError, shown
from fidip.core.people import Annotation, ImageInfo, People
from fidip.io.atomic import atomic_folder
from fidip.io.hashing import hash_files
from fidip.io.images import JPEG_QUALITY, write_image
from fidip.io.paths import cache_dir
from fidip.io.video import Video

Windows = Mapping[Path, tuple[Path, ...]]
"""Image files of the window of frames around each image file."""
log = logging.getLogger(__name__)


def with_frame_files(people: People) -> People:
    """Replace frames in the files of videos by image files in the cache, which are written once.

    Args:
        people: people in images, in frames of videos, or both.

    Returns:
        The same people; all of them have an image file.

    Raises:
        DataError: a video cannot be read, or lacks a labelled frame.
        DiskError: the cache cannot be written.
    """
    videos = dict.fromkeys(image.path for image in people.images if image.is_in_video)
    folders = {path: extract_frames(path) for path in videos}
    counts = {path: sum(1 for _ in folder.iterdir()) for path, folder in folders.items()}
    images = {i.id: _in_file(i, folders, counts) for i in people.images}

    def moved(annotations: Iterable[Annotation]) -> list[Annotation]:
        return [replace(a, image_path=images[a.image_id].path) for a in annotations]

    return People(moved(people.labelled), moved(people.others), list(images.values()))


def extract_frames(video: Path) -> Path:
    """Return the folder with the frames of a video, ``000000.jpg`` and so on.

    Args:
        video: the file.

    Raises:
        DataError: it cannot be read.
        DiskError: the cache cannot be written.
    """
    frames = Video(video)
    try:
        folder = cache_dir() / "frames" / hash_files([video])[:16]
    except OSError as error:
        raise DataError(f"{shown(video)}: cannot be read ({error.strerror})") from error
    if not folder.is_dir():
        cache = f"cache {shown(folder)} (FIDIP_CACHE)"
        with atomic_folder(folder, cache, kept_with=".") as new:
            for frame in frames:
                write_image(new / _file_name(frame.index), frame.image, JPEG_QUALITY)
        if frames.damage is not None:
            log.warning("%s: frames are missing (%s)", shown(video), frames.damage)
    return folder


def frame_windows(images: Iterable[ImageInfo], past: int, future: int) -> Windows:
    """Return the window of frames around each image, as image files.

    At the ends of a video, the first or last frame is repeated. Frames without an image are left
    out. The window of a photograph repeats it.

    Args:
        images: images of videos or photographs.
        past: number of frames before the image.
        future: number of frames after it.

    Returns:
        ``past + 1 + future`` files for each file.

    Raises:
        DataError: an image of a video has no frame number, or two have the same.

    Example:
        >>> images = [
        ...     ImageInfo(number, "", Path(f"{number}.jpg"), (9, 9), video="a", frame=number)
        ...     for number in range(3)
        ... ]
        >>> [path.stem for path in frame_windows(images, 1, 1)[Path("2.jpg")]]
        ['1', '2', '2']
    """
    videos: dict[str | int, dict[int, Path]] = {}
    for image in images:
        frame = image.frame if image.video is not None else 0
        if frame is None:
            raise DataError(
                f"image {image.id} ({image.file_name}): has a video_id and no frame_index; "
                "expected the number of the frame in the video. Add it to the annotation file"
            )
        # Photographs have no name of a video: each is a video of its own.
        frames = videos.setdefault(image.id if image.video is None else image.video, {})
        if frame in frames:
            raise DataError(
                f"image {image.id} ({image.file_name}): frame_index {frame} of {image.video} is "
                "used more than once; expected one image for each frame. Correct the annotation "
                "file"
            )
        frames[frame] = image.path
    return {
        path: window
        for frames in videos.values()
        for path, window in _windows([frames[n] for n in sorted(frames)], past, future).items()
    }


def _windows(paths: list[Path], past: int, future: int) -> dict[Path, tuple[Path, ...]]:
    last = len(paths) - 1
    return {
        path: tuple(paths[min(max(at + step, 0), last)] for step in range(-past, future + 1))
        for at, path in enumerate(paths)
    }


def _in_file(
    image: ImageInfo, folders: Mapping[Path, Path], counts: Mapping[Path, int]
) -> ImageInfo:
    """Return the image with its file in the cache, if it is a frame in the file of a video."""
    if not image.is_in_video:
        return image
    count = counts[image.path]
    if image.frame is None or not 0 <= image.frame < count:
        raise DataError(
            f"image {image.id} ({shown(image.path)}): frame_index is {image.frame}; expected 0 to "
            f"{count - 1}, because the video has {count} frames that can be decoded"
        )
    path = folders[image.path] / _file_name(image.frame)
    return image._replace(file_name=f"{path.parent.name}/{path.name}", path=path)


def _file_name(frame: int) -> str:
    return f"{frame:06}.jpg"
