"""Live camera processing: tracking, drawing and encoding, with frame rate and latency."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from fidip.core.arrays import Image
from fidip.core.poses import Poses
from fidip.inference.concurrency import BackgroundConsumer, latest, prefetch
from fidip.inference.overlay import Overlay, VideoWriter
from fidip.inference.person_selection import without_uncertain
from fidip.inference.sequence import Refiner
from fidip.inference.smoothing.chain import OnlineStep
from fidip.inference.tracker import SinglePersonTracker
from fidip.inference.webcam import Webcam
from fidip.io.video import Frame

MOST_WAITING = 2
"""Maximum number of frames that wait to be drawn; a longer queue only adds latency."""


def camera_frames(camera: Webcam) -> Generator[Frame]:
    """Return the frames of a camera, read in a background thread.

    Args:
        camera: live camera, of which only the newest frame is kept, or a file, of which every frame
            is returned.
    """
    return latest(camera) if camera.is_live else prefetch(camera, depth=1)


@dataclass(frozen=True)
class Follower:
    """Tracker of one infant in front of a camera, with causal smoothing.

    Attributes:
        tracker: tracks the infant.
        step: smooths its keypoints.
        refiner: predicts the keypoints again from this frame and earlier ones; None for none.
    """

    tracker: SinglePersonTracker
    step: OnlineStep
    refiner: Refiner | None = None

    def __call__(self, image: Image, time: float) -> Poses:
        """Return the pose (one row) in the next frame, unknown while the infant is lost.

        Args:
            image: (H, W, 3) uint8 RGB.
            time: time of the frame in s, later than that of the previous frame.
        """
        found = self.tracker(image)
        if self.refiner is not None:
            found = self.refiner(image, found)
        pose = without_uncertain(found, self.tracker.lost)
        xy, scores = self.step(time, pose.xy[0], pose.scores[0])
        return replace(pose, xy=xy[None], scores=scores[None])


class Speed:
    """Frame rate and latency of a recording.

    Attributes:
        latencies_s: time in s from the arrival of each frame to its drawn overlay.
        frames: number of frames that the camera delivered.
    """

    def __init__(self) -> None:
        self.latencies_s = array("d")
        self.frames = 0
        self._start = self._last = perf_counter()

    def add(self, frame: Frame) -> None:
        """Count a frame that has just been drawn.

        Args:
            frame: the drawn frame.
        """
        self.frames, self._last = frame.index + 1, perf_counter()
        self.latencies_s.append(self._last - frame.arrived)

    @property
    def fps(self) -> float:
        """Frames drawn per second, from the start to the last frame."""
        return len(self.latencies_s) / max(self._last - self._start, 1e-9)

    def __str__(self) -> str:
        if not self.latencies_s:
            return "no frame was drawn"
        usual, high = 1000 * np.percentile(self.latencies_s, (50, 95))
        return (
            f"{self.fps:.1f} frames/s, {self.frames - len(self.latencies_s)} of {self.frames} left "
            f"out; latency from frame to overlay {usual:.0f} ms (median), {high:.0f} ms (95th "
            "percentile)"
        )


class LiveOverlay(BackgroundConsumer[tuple[Frame, Poses]]):
    """Background thread that draws people on frames in place and encodes the frames.

    Args:
        overlay: drawing settings.
        writer: video file for the frames.
    """

    def __init__(self, overlay: Overlay, writer: VideoWriter) -> None:
        super().__init__(self._draw, MOST_WAITING)
        self.overlay, self.writer = overlay, writer
        self.speed = Speed()
        self._past: deque[Poses] = deque(maxlen=max(1, overlay.ghosts))

    def _draw(self, item: tuple[Frame, Poses]) -> None:
        frame, pose = item
        drawn = len(self.speed.latencies_s)
        video_fps = drawn / frame.time if frame.time else 0.0
        text = self.overlay.caption(frame.time, video_fps, self.speed.fps)
        self.overlay.draw(frame.image, pose, text, self._past)
        self.speed.add(frame)
        self.writer.write(frame.image, frame.time)
        self._past.append(pose)
