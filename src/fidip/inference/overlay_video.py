"""A video once more, with what was found in it drawn on its frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from fidip.core.arrays import Image
from fidip.inference.concurrency import BackgroundConsumer, prefetch
from fidip.inference.overlay import Overlay, Person, VideoWriter
from fidip.inference.track import Track
from fidip.io.video import Video


def draw_track(
    path: Path, track: Track, overlay: Overlay, writer: VideoWriter, fps: float,
    progress: Callable[..., tqdm] = tqdm,
) -> None:  # fmt: skip
    """Append the frames of a video with the person of each, as many as the track has.

    A second pass: smoothed key points are known only once all frames have been looked at, and a
    video is too large to be kept in memory. Decoding goes ahead and encoding lags behind, in threads.

    Args:
        path: of the video.
        track: of its first frames.
        overlay: how they are drawn.
        writer: takes them.
        fps: frames that were processed in a second, for the caption.
        progress: makes the progress bar.
    """
    past: deque[Person] = deque(maxlen=max(1, overlay.ghosts))
    people = zip(track.times.tolist(), track.xy, track.scores, strict=True)
    bar = progress(people, total=len(track), unit="frame", disable=None, desc="drawing")
    with BackgroundConsumer[tuple[Image, float]](lambda item: writer.write(*item)) as encoding:
        for (time, xy, scores), frame in zip(bar, prefetch(Video(path)), strict=False):
            text = overlay.caption(time, track.fps, fps)
            overlay.draw(frame.image, [(xy, scores)], text, past)
            encoding.put((frame.image, time))
            past.append((xy, scores))
