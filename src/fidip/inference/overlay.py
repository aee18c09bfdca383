"""Drawing of keypoints on frames, and writing of videos that browsers can play."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import Image
from fidip.core.errors import DataError, shown
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.io.atomic import PartFile, disk_errors
from fidip.io.audio import Sound
from fidip.io.drawing import FAR, add_pose
from fidip.io.video import av_name

TICKS = 90_000
"""Time stamps of written videos are multiples of 1/90,000 s, the MPEG clock."""

ENCODER = {"preset": "ultrafast", "crf": "23"}
"""Encoder settings; a fast preset with a quality that suits overlays."""

LUT = (matplotlib.colormaps["plasma"](np.linspace(0, 1, 256))[:, :3] * 255).astype(np.uint8)
"""Colours of confidence, from 0 to 1."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


GHOST = (150, 150, 150)
"""Colour of skeletons of earlier frames."""
HEAD = list(range(5))
"""Joint indices of nose, eyes and ears in COCO-17."""
HEAD_FRACTION = 0.16
"""Minimum radius of a blurred head relative to the extent of the keypoints."""


@dataclass(frozen=True)
class Overlay:
    """Drawing settings for videos and photographs.

    Attributes:
        threshold: minimum confidence of drawn joints.
        blur_face: make the face unrecognisable.
        on_black: draw the keypoints on black instead of the image.
        ghosts: number of earlier frames that are drawn as thin grey skeletons.
        fps: include the processing speed in the caption.
    """

    threshold: float = 0.2
    blur_face: bool = False
    on_black: bool = False
    ghosts: int = 0
    fps: bool = False

    def caption(self, time: float, video_fps: float, processed_fps: float) -> str:
        """Return the caption of a video frame.

        Args:
            time: time of the frame in s.
            video_fps: frames per second of the video; 0 if it has one frame.
            processed_fps: frames processed per second; included only with ``fps``.

        Example:
            >>> Overlay().caption(1.5, 25.0, 4.2)
            '1.50 s  25 fps'
            >>> Overlay(fps=True).caption(1.5, 25.0, 4.2)
            '1.50 s  25 fps  processed 4 fps'
        """
        parts = [f"{time:.2f} s"]
        if video_fps:
            parts.append(f"{video_fps:.0f} fps")
        if self.fps:
            parts.append(f"processed {processed_fps:.0f} fps")
        return "  ".join(parts)

    def __call__(
        self, image: Image, people: Poses, text: str = "", past: Sequence[Poses] = ()
    ) -> Image:
        """Return a copy of an image with people, a confidence scale and a caption.

        Args:
            image: (H, W, 3) uint8 RGB.
            people: poses to draw.
            text: caption below the image.
            past: poses of earlier frames, oldest first; the last ``ghosts`` are drawn.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        out = image.copy()
        self.draw(out, people, text, past)
        return out

    def draw(self, out: Image, people: Poses, text: str = "", past: Sequence[Poses] = ()) -> None:
        """Draw on an image in place, without the copy that ``__call__`` makes.

        Args:
            out: (H, W, 3) uint8 RGB, modified in place.
            people: poses to draw.
            text: caption below the image.
            past: poses of earlier frames, oldest first; the last ``ghosts`` are drawn.
        """
        if self.on_black:
            out[:] = 0
        if self.blur_face and not self.on_black:
            for xy in people.xy:
                blur_face(out, xy)
        for ghost in list(past)[-self.ghosts :] if self.ghosts else ():
            for xy, scores in zip(ghost.xy, ghost.scores, strict=True):
                _draw_ghost(out, xy, (scores >= self.threshold) & np.isfinite(xy).all(axis=1))
        for xy, scores in zip(people.xy, people.scores, strict=True):
            add_confidence(out, xy, scores, self.threshold)
        add_legend(out, text)


def _draw_ghost(out: Image, xy: NDArray[np.float64], shown: NDArray[np.bool_]) -> None:
    for a, b in COCO17.limbs:
        if shown[a] and shown[b]:
            ends = np.rint(xy[[a, b]].clip(-FAR, FAR)).astype(int).tolist()
            cv2.line(out, ends[0], ends[1], GHOST, 1, cv2.LINE_AA)


def blur_face(out: Image, xy: NDArray[np.float64]) -> None:
    """Replace the head in an image by a few coarse colours, in place.

    The blurred circle is centred on the keypoints of the face. Its radius is the larger of their
    extent and a fraction of the body size: in a side view, the keypoints of the face are close
    together. Nothing is blurred if they are all unknown.

    Args:
        out: (H, W, 3) uint8 RGB, modified in place.
        xy: (K, 2) keypoints in image px, NaN where unknown.
    """
    face = xy[HEAD][np.isfinite(xy[HEAD]).all(axis=1)]
    if not len(face):
        return
    center = np.median(face, axis=0)
    reach = float(np.linalg.norm(face - center, axis=1).max())
    body = float(np.ptp(xy[np.isfinite(xy).all(axis=1)], axis=0).max())
    _pixelate(out, center, max(1.5 * reach, HEAD_FRACTION * body))


def _pixelate(out: Image, center: NDArray[np.float64], radius: float) -> None:
    """Reduce a circle of an image to the resolution of 5x5 px, in place."""
    limits = np.array([out.shape[1], out.shape[0]])
    left, top = np.clip(np.floor(center - radius), 0, limits).astype(int).tolist()
    right, bottom = np.clip(np.ceil(center + radius), 0, limits).astype(int).tolist()
    if right - left < 2 or bottom - top < 2:
        return
    part = out[top:bottom, left:right]
    coarse = cv2.resize(part, (5, 5), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(coarse, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[top:bottom, left:right]
    inside = (x - center[0]) ** 2 + (y - center[1]) ** 2 <= radius**2
    part[inside] = coarse[inside]


def add_confidence(
    image: Image, xy: NDArray[np.float64], scores: NDArray[np.float32], threshold: float
) -> None:
    """Draw a skeleton on an image in place, with joints coloured by confidence.

    Args:
        image: (H, W, 3) uint8 RGB, modified in place.
        xy: (K, 2) keypoints in image px, NaN where unknown.
        scores: (K,) confidences; 0 is dark, 1 is light.
        threshold: minimum confidence of drawn joints.
    """
    shown = (scores >= threshold) & np.isfinite(xy).all(axis=1)
    points = np.where(shown[:, None], xy, 0).clip(-FAR, FAR)
    add_pose(image, points, shown)
    radius = max(3, round(max(image.shape[:2]) / 110))
    for (x, y), score in zip(points[shown], scores[shown], strict=True):
        center = (round(float(x)), round(float(y)))
        cv2.circle(image, center, radius + 1, WHITE, -1, cv2.LINE_AA)
        cv2.circle(image, center, radius, _color(float(score)), -1, cv2.LINE_AA)


def add_legend(image: Image, text: str) -> None:
    """Draw a confidence scale and a line of text in the lower left corner of an image, in place.

    Images that are too small remain unchanged.

    Args:
        image: (H, W, 3) uint8 RGB, modified in place.
        text: text to draw.
    """
    height, width = image.shape[:2]
    size = max(0.35, min(width, height) / 900)
    line = round(26 * size)
    bar = round(width * 0.16)
    top, left = height - 2 * line - 8, 8
    if top < 0 or left + bar > width:
        return
    ramp = np.linspace(0, 255, bar).astype(int)
    image[top : top + line // 2, left : left + bar] = LUT[ramp]
    caption = f"confidence 0 to 1  {text}".rstrip()
    # The outline is the same text, shifted: since OpenCV 5, thicker text is wider.
    edge = [(BLACK, dx, dy) for dx in (-1, 1) for dy in (-1, 1)]
    for color, dx, dy in (*edge, (WHITE, 0, 0)):
        cv2.putText(
            image, caption, (left + dx, height - 8 + dy), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1,
            cv2.LINE_AA,
        )  # fmt: skip


def _color(score: float) -> tuple[int, int, int]:
    red, green, blue = LUT[round(255 * min(max(score, 0.0), 1.0))].tolist()
    return red, green, blue


class VideoWriter:
    """Writer of H.264 mp4 files that browsers can play, with a time stamp for each frame.

    The file gets its name when it is closed; before that, or without frames, it does not exist.
    Leaving the context after an error removes it; Ctrl-C keeps the frames so far.

    Args:
        path: path of the mp4 file.
        sound: file from which the first audio track is copied, if it has one; see ``Sound``.

    Raises:
        DiskError: the file cannot be written.
        DataError: the frames cannot be encoded.
    """

    def __init__(self, path: Path, sound: Path | None = None) -> None:
        self.path = path
        self._source = sound
        self._file = PartFile(path)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file.part.touch()  # fail now: PyAV creates the file with the first frame
            self._container = av.open(
                av_name(self._file.part), "w", format="mp4", options={"movflags": "+faststart"}
            )
        self._video: av.VideoStream | None = None
        self._pts = -1
        self._sound: Sound | None = None

    def write(self, image: Image, time: float) -> None:
        """Append a frame. One px is cut off odd sides.

        Args:
            image: (H, W, 3) uint8 RGB.
            time: time of the frame in s.

        Raises:
            DiskError: the file cannot be written.
            DataError: the frame cannot be encoded.
        """
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        with self._errors():
            if self._video is None:
                self._video = self._add_stream(even.shape[1], even.shape[0])
            # OpenCV converts colours faster than the encoder.
            planes = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
            frame = av.VideoFrame.from_numpy_buffer(planes, format="yuv420p")
            frame.time_base = Fraction(1, TICKS)
            self._pts = max(self._pts + 1, round(time * TICKS))
            frame.pts = self._pts
            self._container.mux(self._video.encode(frame))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with disk_errors(self.path):
            try:
                yield
            except av.FFmpegError as error:
                if isinstance(error, OSError):
                    raise
                raise DataError(
                    f"{shown(self.path)}: the overlay cannot be encoded ({error.strerror}). "
                    "Convert the video to mp4, or leave the overlay out of save="
                ) from error

    def _add_stream(self, width: int, height: int) -> av.VideoStream:
        stream = self._container.add_stream("libx264", options=ENCODER)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        if self._source is not None:
            self._sound = Sound(self._source, self._container)
        return stream

    def close(self) -> None:
        """Finish the file and move it to its path."""
        try:
            with self._errors():
                if self._video is None:
                    self._container.close()
                    return
                self._container.mux(self._video.encode())
                if self._sound is not None:
                    self._sound.write(self._pts / TICKS)
                self._container.close()
                self._file.commit()
        finally:
            self._file.discard()

    def discard(self) -> None:
        """Remove the unfinished file."""
        with suppress(OSError, av.FFmpegError):
            self._container.close()
        self._file.discard()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            self.close()
        else:
            self.discard()
