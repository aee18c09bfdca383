"""Photographs and videos as a stream of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from fidip.errors import DataError
from fidip.images import decode_rgb

Image = NDArray[np.uint8]

PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".3gp", ".mpg"})


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright: the rotation flag of phones is applied.
        index: its number, from 0.
        time: presentation time in s from the first frame.
    """

    image: Image
    index: int
    time: float


def find_media(source: str) -> list[Path]:
    """The photographs and videos that a file, a folder or a glob names, by name.

    Raises:
        DataError: there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in PHOTOS | VIDEOS)
        if not found:
            raise DataError(f"source={source}: the folder holds no photograph and no video")
        return found
    found = sorted(p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    if not found:
        raise DataError(
            f"source={source}: no such file or folder, and nothing fits it as a pattern"
        )
    return found


def is_photo(path: Path) -> bool:
    """Whether the name is that of a photograph; anything else is tried as a video."""
    return path.suffix.lower() in PHOTOS


def read_photo(path: Path) -> Image:
    """(H, W, 3) uint8 RGB; see ``decode_rgb``.

    Raises:
        DataError: the file is missing, unreadable, or not an image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_rgb(data, path)


class Video:
    """The frames of a video file, decoded one at a time as it is iterated.

    Attributes:
        path: the file.
        count: frames as the file's header has it; 0 where it does not tell.
        damage: what broke off decoding, after the frames before it; None while all is well.

    Raises:
        DataError: the file is missing or not a video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        with self._open() as container:
            stream = container.streams.video[0]
            self.count = int(stream.frames)
            self.fps = float(stream.average_rate or 25)

    def _open(self) -> InputContainer:
        try:
            container = av.open(str(self.path))
        except (OSError, av.FFmpegError) as error:
            reason = error.strerror or type(error).__name__
            raise DataError(
                f"{self.path}: cannot be opened as a video ({reason}); is it one, and whole?"
            ) from error
        if not container.streams.video:
            container.close()
            raise DataError(f"{self.path}: the file holds no video, only sound or data")
        return container

    def __iter__(self) -> Iterator[Frame]:
        """Raises DataError where there is not a single frame."""
        index, start = 0, 0.0
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            try:
                for decoded in container.decode(stream):
                    time = float(decoded.time) if decoded.time is not None else index / self.fps
                    start = start if index else time
                    upright = np.rot90(decoded.to_ndarray(format="rgb24"), decoded.rotation // 90)
                    yield Frame(np.ascontiguousarray(upright), index, time - start)
                    index += 1
            except av.FFmpegError as error:
                self.damage = error.strerror or type(error).__name__
        if index == 0:
            raise DataError(f"{self.path}: the video has no frame that can be decoded")
