"""Pipeline from a video to a track and files."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from fidip.core.errors import shown
from fidip.core.progress import Progress, silent
from fidip.core.track import Track
from fidip.inference.concurrency import prefetch
from fidip.inference.output_names import OVERLAY, Input, name_inputs
from fidip.inference.overlay import VideoWriter
from fidip.inference.overlay_video import draw_track
from fidip.inference.person_selection import without_uncertain
from fidip.inference.pipelines.pipeline import Pipeline
from fidip.inference.recorder import Recorder
from fidip.inference.sequence import refined
from fidip.inference.smoothing import Filter
from fidip.inference.tracker import SinglePersonTracker
from fidip.inference.writers import write
from fidip.io.video import Video


@dataclass(frozen=True)
class VideoPipeline(Pipeline):
    """Tracking of one infant in a video, with smoothing and output files.

    With a ``SequenceNet``, the pose of each tracked frame is predicted again from the frames around
    it, see ``fidip.inference.sequence``.

    Attributes:
        smoother: filter of the track; None for no smoothing.
        lost: mean confidence below which the infant is lost and keypoints are unknown.
    """

    smoother: Filter | None = field(default=None, kw_only=True)
    lost: float = field(default=0.2, kw_only=True)

    def run(
        self, path: str | Path, out: str | Path | None = None, progress: Progress = silent
    ) -> Track:
        """Process a video.

        Args:
            path: path of the video.
            out: folder of the files that ``writers`` selects; None for the folder of the video.
            progress: called after every frame, first of tracking, then of drawing.

        Returns:
            The smoothed track.

        Raises:
            DataError: no frame of the video can be decoded.
        """
        folder = Path(path).parent if out is None else Path(out)
        (source,) = name_inputs([Path(path)], folder)
        return self.run_input(source, folder, progress)

    def run_input(self, source: Input, out: Path, progress: Progress = silent) -> Track:
        """Process a video with given output names; see ``run``.

        Overlays are drawn in a second pass, after smoothing.

        Args:
            source: the video.
            out: folder of the outputs.
            progress: called after every frame, first of tracking, then of drawing.

        Returns:
            The smoothed track.

        Raises:
            DataError: no frame of the video can be decoded.
            KeyboardInterrupt: on Ctrl-C, after writing the results so far.
        """
        video, stem = Video(source.path), out / source.stem
        tracker = SinglePersonTracker(
            self.predictor, self.lost, self.rotations, self.detector, self.prefer
        )
        recorder, wh, track = Recorder(), (0, 0), None
        with ExitStack() as stack:
            writer = None
            if "overlay" in self.writers:
                file = stem.with_name(f"{stem.name}{OVERLAY}")
                writer = stack.enter_context(VideoWriter(file, source.path))
            progress(source.name, 0, video.count)
            start = perf_counter()
            try:
                followed = ((frame, tracker(frame.image)) for frame in prefetch(video))
                for frame, pose in refined(followed, self.predictor):
                    wh = (frame.image.shape[1], frame.image.shape[0])
                    recorder.add(frame.time, without_uncertain(pose, self.lost))
                    progress(source.name, len(recorder), video.count)
            except KeyboardInterrupt:
                count = len(recorder) if recorder else 0
                kept = [f"the first {count} frames of {source.name}"] if count else []
                raise KeyboardInterrupt(*kept) from None
            finally:  # also after Ctrl-C: keep the results so far
                if recorder:
                    fps = len(recorder) / (perf_counter() - start)
                    track = self._smooth(recorder.track(wh))
                    write(track, stem, self.formats)
                    if writer:
                        draw_track(source.path, track, self.overlay, writer, fps, progress)
        assert track is not None  # a video without frames raises DataError
        return replace(track, damage=_damage(video, len(track)))

    def _smooth(self, track: Track) -> Track:
        return track if self.smoother is None else self.smoother(track)


def _damage(video: Video, decoded: int) -> str | None:
    """Return how much of a damaged video was decoded; None for an intact video."""
    if video.damage is None:
        return None
    announced = f" of {video.count} announced" if video.count else ""
    return f"{decoded}{announced} frames could be decoded ({video.damage})"


def damage_line(track: Track, source: Input) -> str | None:
    """Return a line about the missing rest of a damaged video; None for an intact one.

    Args:
        track: the poses of the video.
        source: the video.
    """
    if track.damage is None:
        return None
    return (
        f"{shown(source.path)}: {track.damage}; they are kept. Copy the file again if it should "
        "hold more"
    )
