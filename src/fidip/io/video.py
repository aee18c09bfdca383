"""Images and videos as streams of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from contextlib import suppress
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
"""Limit of pixels per image; the overlay needs three times the memory of the image."""
LARGEST_FILE = 1 << 30
"""Limit in bytes of an image file, which is read at once."""

FEW_FRAMES, FEW = 3, 0.05
"""Tolerance, in frames and as a fraction, for a complete video that ends before its announced end:
containers count dropped frames and round durations."""
STEP = 1e-4
"""Minimum time between two frames in s; damaged files repeat time stamps."""


@dataclass(frozen=True, eq=False)
class Frame:
    """Frame of a video.

    Attributes:
        image: (H, W, 3) uint8 RGB, with the rotation flag of phones applied.
        index: number of the frame, from 0.
        time: presentation time in s from the first frame.
        arrived: ``time.perf_counter()`` when a camera delivered it; 0 for files.
    """

    image: Image
    index: int
    time: float
    arrived: float = 0.0


def read_photo(path: Path) -> Image:
    """Read an image file; see ``decode_rgb``.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        DataError: the file is missing, unreadable, not an image, too small or too large.
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
    require_image_size(path, image.shape[1], image.shape[0])
    return image


def require_image_size(path: Path, width: int, height: int) -> None:
    """Check that an image is large enough to show a person and small enough to draw on.

    Args:
        path: the file, for the message.
        width: width in px.
        height: height in px.

    Raises:
        DataError: it is too small or too large.
    """
    if min(width, height) < SMALLEST:
        raise DataError(
            f"{shown(path)}: has {width}x{height} px; expected at least {SMALLEST}x{SMALLEST}"
        )
    if max(width, height) > LARGEST or width * height > MOST_PX:
        raise DataError(
            f"{shown(path)}: has {width}x{height} px; expected sides of at most {LARGEST} px and "
            f"at most {MOST_PX:,} px in all. Make it smaller"
        )


def av_name(path: Path) -> str:
    """Return a path as FFmpeg expects it.

    Without the prefix, ``12:30.mp4`` would be parsed as a protocol.

    Args:
        path: the file.

    Example:
        >>> av_name(Path("12:30.mp4"))
        'file:12:30.mp4'
    """
    return f"file:{path}"


def open_av(path: Path) -> InputContainer:
    """Open a media file, without following playlist entries to other files or URLs.

    Args:
        path: the file.
    """
    return av.open(av_name(path), options={"protocol_whitelist": "file"}, metadata_errors="replace")


def start_time(container: InputContainer) -> float:
    """Return the time stamp of the first frame of a file, from which ``Frame.time`` counts.

    Args:
        container: the file, at its beginning.

    Returns:
        Time in s; 0 without a frame or without time stamps.
    """
    if container.streams.video:
        with suppress(av.FFmpegError):
            for frame in container.decode(video=0):
                return float(frame.time or 0)
    return 0.0


class Video:
    """Frames of a video file, decoded one at a time during iteration.

    Args:
        path: the file.

    Attributes:
        path: the file.
        count: number of frames according to the header; 0 if unknown.
        damage: after iteration, why frames are missing; None if the video is complete.

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
        """Yield the frames.

        Raises:
            DataError: the video has no frame, or its frames are too small or too large.
        """
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
                    require_image_size(self.path, *wh)
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
        """Return what is missing in a file that decoded without an error; None if it is complete.

        An index entry behind the end of the file proves that the file was cut. Files of the mp4
        family have a complete index, but their edit lists may drop any number of the announced
        frames, so the frames that the index marks as shown are counted. In other files, the last
        frame must not be earlier than the announced end. A tolerance of ``FEW_FRAMES`` or ``FEW``
        applies.
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


def frames_at(path: Path, numbers: Set[int]) -> Iterator[Frame]:
    """Yield some frames of a video; decoding stops after the last one.

    Args:
        path: the video; it is not opened without numbers.
        numbers: numbers of the frames, from 0; those that the video does not have are left out.

    Raises:
        DataError: as for ``Video``.
    """
    last = max(numbers, default=0)
    for frame in Video(path) if numbers else ():
        if frame.index in numbers:
            yield frame
        if frame.index >= last:
            return


def frame_numbers(total: int, count: int) -> list[int]:
    """Return the numbers of at most ``count`` of ``total`` frames, at equal distances.

    Args:
        total: number of frames of a video.
        count: number of frames to take.

    Example:
        >>> frame_numbers(10, 3), frame_numbers(2, 3)
        ([1, 5, 8], [0, 1])
    """
    count = min(count, total)
    return [int((number + 0.5) * total / count) for number in range(count)]


def _announced_s(container: InputContainer, stream: VideoStream) -> float:
    """Return the duration of a video track in s according to the header; 0 if unknown.

    Matroska stores the duration of each track in a tag. Other containers store the duration of the
    longest track, which is used only if there is no other track.
    """
    tag = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if tag:
        hours, minutes, seconds = map(float, tag.groups())
        return 3600 * hours + 60 * minutes + seconds
    if len(container.streams) == 1 and container.duration:
        return container.duration / av.time_base
    return 0.0
