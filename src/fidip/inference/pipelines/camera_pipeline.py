"""Pipeline from a camera to a track and files."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from fidip.core.progress import Progress, silent
from fidip.core.track import Track
from fidip.inference.camera_loop import Follower, LiveOverlay, Speed, camera_frames
from fidip.inference.output_names import OVERLAY
from fidip.inference.overlay import VideoWriter
from fidip.inference.pipelines.pipeline import Pipeline
from fidip.inference.recorder import Recorder
from fidip.inference.sequence import Refiner
from fidip.inference.smoothing import Chain
from fidip.inference.tracker import SinglePersonTracker
from fidip.inference.webcam import WEBCAM, Webcam
from fidip.inference.writers import write


@dataclass(frozen=True)
class CameraPipeline(Pipeline):
    """Tracking of one infant in front of a camera, smoothed, drawn and encoded as frames arrive.

    Attributes:
        smoother: chain of causal filters; the default does not smooth.
        lost: mean confidence below which the infant is lost and keypoints are unknown.
    """

    smoother: Chain = field(default=Chain(), kw_only=True)
    lost: float = field(default=0.2, kw_only=True)

    def follower(self, spread: bool = True) -> Follower:
        """Return a tracker with smoothing for one person.

        Args:
            spread: search one rotation per frame; see ``SinglePersonTracker``.
        """
        tracker = SinglePersonTracker(
            self.predictor, self.lost, self.rotations, self.detector, self.prefer, spread
        )
        return Follower(tracker, self.smoother.online(), Refiner.for_camera(self.predictor))

    def run(
        self, camera: Webcam, out: str | Path, progress: Progress = silent
    ) -> tuple[Track | None, Speed | None]:
        """Record until the camera ends or Ctrl-C.

        Args:
            camera: source of frames.
            out: folder of the files, which are named ``webcam``.
            progress: called after every frame.

        Returns:
            The track, None without any frame; and the speed of drawing, None without an overlay.

        Raises:
            DataError: the camera delivers no frame.
        """
        stem = Path(out) / WEBCAM
        follower = self.follower(spread=camera.is_live)
        recorder, wh, drawing = Recorder(), (0, 0), None
        with ExitStack() as stack:
            if "overlay" in self.writers:
                writer = stack.enter_context(VideoWriter(stem.with_name(f"{WEBCAM}{OVERLAY}")))
                drawing = LiveOverlay(self.overlay, writer)
                stack.enter_context(drawing)
            frames = stack.enter_context(closing(camera_frames(camera)))
            try:
                for frame in frames:
                    wh = (frame.image.shape[1], frame.image.shape[0])
                    pose = follower(frame.image, frame.time)
                    recorder.add(frame.time, pose)
                    if drawing:
                        drawing.put((frame, pose))
                    progress(WEBCAM, len(recorder), 0)
            except KeyboardInterrupt:
                pass  # Ctrl-C ends a recording
        track = recorder.track(wh) if recorder else None
        if track is not None:
            write(track, stem, self.formats)
        return track, drawing.speed if drawing else None
