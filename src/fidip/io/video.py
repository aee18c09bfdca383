"""Photographs and videos as a stream of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from fidip.core.arrays import Image
from fidip.core.errors import DataError, shown
from fidip.io.images import decode_rgb
from fidip.io.media_files import check_readable

SMALLEST, LARGEST = 16, 65_500
"""Sides in px: no person is visible in less, and JPEG holds no more."""
MOST_PX = 1 << 28
"""Pixels of an image; its overlay needs three times as much memory as it has."""
LARGEST_FILE = 1 << 30
"""Bytes of a photograph's file, which is read at once."""

FEW_FRAMES, FEW = 3, 0.05
"""A video may end so many frames, or this fraction of it, before its announced end and be whole:
containers count frames that were dropped, and round durations."""
STEP = 1e-4
"""Least time between two frames in s; damaged files repeat time stamps."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright: the rotation flag of phones is applied.
        index: its number, from 0.
        time: presentation time in s from the first frame.
        arrived: ``time.perf_counter()`` when a camera gave it; 0 in a file.
    """

    image: Image
    index: int
    time: float
    arrived: float = 0.0


def read_photo(path: Path) -> Image:
    """(H, W, 3) uint8 RGB; see ``decode_rgb``.

    Raises:
        DataError: the file is missing, unreadable, not an image, or of a size that has no people.
    """
    check_readable(path)
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise DataError(f"{shown(path)}: has {size >> 20} MiB; expected at most 1024 MiB")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read ({error.strerror})") from error
    image = decode_rgb(data, path)
    check_size(path, image.shape[1], image.shape[0])
    return image


def check_size(path: Path, width: int, height: int) -> None:
    """Raises DataError for an image too small to show a person, or too large to be drawn on."""
    if min(width, height) < SMALLEST:
        raise DataError(
            f"{shown(path)}: has {width}x{height} px; expected at least {SMALLEST}x{SMALLEST}"
        )
    if max(width, height) > LARGEST or width * height > MOST_PX:
        raise DataError(
            f"{shown(path)}: has {width}x{height} px; expected sides of at most {LARGEST} px and at "
            f"most {MOST_PX:,} px in all. Make it smaller"
        )


def av_name(path: Path) -> str:
    """A path as FFmpeg takes it: without the prefix ``12:30.mp4`` would name a protocol."""
    return f"file:{path}"


def open_av(path: Path) -> InputContainer:
    """Open a media file and nothing else: playlists must not name other files or addresses."""
    return av.open(av_name(path), options={"protocol_whitelist": "file"}, metadata_errors="replace")


class Video:
    """The frames of a video file, decoded one at a time as it is iterated.

    Attributes:
        path: the file.
        count: frames that the file's header announces; 0 where it announces none.
        damage: why frames are missing, once all have been read; None while all is well.

    Raises:
        DataError: the file is missing or not a video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        check_readable(path)
        with self._open() as container:
            stream = container.streams.video[0]
            self.fps = float(stream.average_rate or 25)
            self.count = int(stream.frames) or round(_announced_s(container, stream) * self.fps)

    def _open(self) -> InputContainer:
        try:
            container = open_av(self.path)
        except (OSError, av.FFmpegError) as error:
            reason = error.strerror or type(error).__name__
            raise DataError(
                f"{shown(self.path)}: cannot be opened as a video ({reason}); is it one, and whole?"
            ) from error
        if not container.streams.video:
            container.close()
            raise DataError(f"{shown(self.path)}: the file holds no video, only sound or data")
        return container

    def __iter__(self) -> Iterator[Frame]:
        """Raises DataError where there is no frame, or frames are too small or too large."""
        self.damage = None
        index, start, time, wh = 0, 0.0, -STEP, (0, 0)
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            try:
                for decoded in container.decode(stream):
                    stamp = float(decoded.time) if decoded.time is not None else index / self.fps
                    start = start if index else stamp
                    time = max(stamp - start, time + STEP)
                    if index and (decoded.width, decoded.height) != wh:
                        self.damage = (
                            f"frame {index} has {decoded.width}x{decoded.height} px, those before "
                            f"it {wh[0]}x{wh[1]}"
                        )
                        return
                    wh = (decoded.width, decoded.height)
                    check_size(self.path, *wh)
                    upright = np.rot90(decoded.to_ndarray(format="rgb24"), decoded.rotation // 90)
                    yield Frame(np.ascontiguousarray(upright), index, time)
                    index += 1
            except av.FFmpegError as error:
                self.damage = error.strerror or type(error).__name__
            if index == 0:
                raise DataError(
                    f"{shown(self.path)}: the video has no frame that can be decoded; expected a "
                    "whole video. Copy it again"
                )
            if self.damage is None:
                self.damage = self._loss(container, stream, index, time + 1 / self.fps)

    def _loss(
        self, container: InputContainer, stream: VideoStream, frames: int, seconds: float
    ) -> str | None:
        """What is missing of a file that decoded without an error; None where nothing is.

        An index that points behind the end of the file says for certain that it was cut short.
        Files of the mp4 family have a complete index, and their edit lists may leave out any
        number of the frames that the header announces: the frames of the index that are to be
        shown count instead. Of other files the last frame must not lie before the announced end.
        ``FEW_FRAMES`` and ``FEW`` may be missing.
        """
        size = self.path.stat().st_size
        if any(entry.pos + entry.size > size for entry in stream.index_entries):
            return "the file is cut short"
        if "mp4" in container.format.name:
            announced = sum(not entry.is_discard for entry in stream.index_entries) / self.fps
            lost = announced - frames / self.fps
        else:
            announced = self.count / self.fps
            lost = announced - seconds
        return "frames are missing" if lost > max(FEW_FRAMES / self.fps, FEW * announced) else None


def _announced_s(container: InputContainer, stream: VideoStream) -> float:
    """Length of a video track in s as the header has it; 0 where it does not tell.

    Matroska stores each track's length as a tag. Elsewhere the length is that of the longest
    track, and counts only where there is no other one.
    """
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = map(float, tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    if len(container.streams) == 1 and container.duration:
        return container.duration / av.time_base
    return 0.0
