"""Second pass over a video, which draws the track on the frames."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from fidip.core.arrays import Image
from fidip.core.poses import Poses
from fidip.core.progress import Progress, silent
from fidip.core.track import Track
from fidip.inference.concurrency import BackgroundConsumer, prefetch
from fidip.inference.overlay import Overlay, VideoWriter
from fidip.io.video import Video


def draw_track(
    path: Path,
    track: Track,
    overlay: Overlay,
    writer: VideoWriter,
    fps: float,
    progress: Progress = silent,
) -> None:
    """Write the frames of a video with the track drawn on them, as many frames as the track has.

    This is a second pass, because smoothed keypoints are known only after the last frame and a
    video does not fit into memory. Background threads decode and encode.

    Args:
        path: path of the video.
        track: track of its first frames.
        overlay: drawing settings.
        writer: video file for the frames.
        fps: frames processed per second, for the caption.
        progress: called after every frame.
    """
    past: deque[Poses] = deque(maxlen=max(1, overlay.ghosts))
    poses = track.poses
    with BackgroundConsumer[tuple[Image, float]](lambda item: writer.write(*item)) as encoding:
        for t, frame in zip(range(len(track)), prefetch(Video(path)), strict=False):
            time, pose = float(track.times[t]), poses[t : t + 1]
            text = overlay.caption(time, track.fps, fps)
            overlay.draw(frame.image, pose, text, past)
            encoding.put((frame.image, time))
            past.append(pose)
            progress("drawing", t + 1, len(track))
