"""Pipelines from photographs, videos and cameras to poses and files.

A pipeline consists of objects, takes paths and returns values. It does not print; a callback
reports progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from fidip.core.crop_window import CropWindow
from fidip.core.errors import ConfigError, DataError, shown
from fidip.core.poses import Poses
from fidip.core.progress import Progress, silent
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.inference.camera_loop import Follower, LiveOverlay, Speed, camera_frames
from fidip.inference.concurrency import prefetch
from fidip.inference.crop_windows import ROTATIONS
from fidip.inference.detectors import NO_DETECTOR, Detector
from fidip.inference.output_names import OVERLAY, TABLE, Input, name_inputs
from fidip.inference.overlay import Overlay, VideoWriter
from fidip.inference.overlay_video import draw_track
from fidip.inference.person_selection import Preference, infancy, without_uncertain
from fidip.inference.predictor import Predictor
from fidip.inference.recorder import Recorder
from fidip.inference.search import find_person
from fidip.inference.sequence import Refiner, refined
from fidip.inference.smoothing import Chain, Filter
from fidip.inference.tracker import SinglePersonTracker
from fidip.inference.webcam import WEBCAM, Webcam
from fidip.inference.writers import OUTPUT_FORMATS, write
from fidip.io.images import write_image
from fidip.io.video import Video, read_photo

Boxes = Mapping[Path, Sequence[NDArray[np.float64]]]
"""(4,) boxes xywh in image px for each photograph, by path."""


@dataclass(frozen=True)
class Pipeline:
    """Base class of the pipelines.

    Attributes:
        predictor: predicts the keypoints in crop windows.
        writers: files to write: ``overlay`` and keys of ``OUTPUT_FORMATS`` in
            ``fidip.inference.writers``.
        overlay: drawing settings.
        detector: proposes boxes of people; by default the pose network searches the image.
        prefer: weights people, to choose one of several.
        rotations: rotations of the search windows, in degrees.

    Raises:
        ConfigError: a writer is unknown.
    """

    predictor: Predictor
    writers: Sequence[str] = field(default=(), kw_only=True)
    overlay: Overlay = field(default=Overlay(), kw_only=True)
    detector: Detector = field(default=NO_DETECTOR, kw_only=True)
    prefer: Preference = field(default=infancy, kw_only=True)
    rotations: Sequence[float] = field(default=ROTATIONS, kw_only=True)

    def __post_init__(self) -> None:
        unknown = [name for name in self.writers if name not in ("overlay", *OUTPUT_FORMATS)]
        if unknown:
            names = ", ".join(("overlay", *OUTPUT_FORMATS))
            raise ConfigError(f"writers: {unknown[0]!r} is not one of {names}")

    @property
    def formats(self) -> list[str]:
        """The writers of tables."""
        return [name for name in self.writers if name != "overlay"]


@dataclass(frozen=True)
class ImagePipeline(Pipeline):
    """Prediction of people in photographs.

    With boxes, one person is predicted in each box. Without boxes, the preferred person of each
    photograph is predicted, by default the infant.
    """

    def run(
        self, paths: Sequence[str | Path], out: str | Path, progress: Progress = silent
    ) -> Poses:
        """Process photographs.

        Args:
            paths: paths of the photographs.
            out: folder for ``keypoints.csv`` and other tables, and ``overlays/``.
            progress: called after every photograph.

        Returns:
            All people, with ``image_names``; image ids number the photographs from 1.

        Raises:
            DataError: a photograph cannot be read.
        """
        inputs = name_inputs([Path(path) for path in paths], Path(out))
        return self.run_inputs(inputs, Path(out), progress=progress)

    def run_inputs(
        self,
        photos: Sequence[Input],
        out: Path,
        boxes: Boxes | None = None,
        progress: Progress = silent,
        on_error: Callable[[DataError], object] | None = None,
    ) -> Poses:
        """Process photographs with given output names.

        Args:
            photos: the photographs.
            out: folder of the outputs.
            boxes: boxes of the people in each photograph; None to search for one person.
            progress: called after every photograph.
            on_error: called with the error of a photograph that cannot be read; None to raise the
                error.

        Returns:
            All people, with ``image_names``; image ids number the photographs from 1.

        Raises:
            DataError: a photograph cannot be read, and ``on_error`` is None.
            KeyboardInterrupt: on Ctrl-C, after writing the results so far.
        """
        found: list[Poses] = []
        try:
            for number, photo in enumerate(photos, start=1):
                try:
                    found.append(self._process(photo, number, out, boxes))
                except DataError as error:
                    if on_error is None:
                        raise
                    on_error(error)
                progress("photographs", number, len(photos))
        except KeyboardInterrupt:
            kept = [f"{len(found)} of {len(photos)} photographs"] if found else []
            raise KeyboardInterrupt(*kept) from None
        finally:
            poses = Poses.concatenate(found) if found else _no_poses()
            if found:
                write(poses, out / TABLE, self.formats)
        return poses

    def _process(self, photo: Input, number: int, out: Path, boxes: Boxes | None) -> Poses:
        image = read_photo(photo.path)
        poses = self.predict(image, None if boxes is None else boxes[photo.path])
        if "overlay" in self.writers:
            drawn = self.overlay(image, poses)
            write_image(out / "overlays" / f"{photo.stem}.jpg", drawn)
        count = len(poses)
        return replace(
            poses,
            image_ids=np.full(count, number),
            image_names=np.array([photo.name] * count, dtype=object),
        )

    def predict(
        self, image: NDArray[np.uint8], boxes: Sequence[NDArray[np.float64]] | None = None
    ) -> Poses:
        """Predict people in one image.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: (4,) boxes xywh in image px; None to search for the preferred person.

        Returns:
            A pose for each box, or one pose.
        """
        if boxes is None:
            return find_person(self.predictor, image, self.rotations, self.detector, self.prefer)
        if not len(boxes):
            return _no_poses()
        wh = (image.shape[1], image.shape[0])
        aspect_ratio = self.predictor.aspect_ratio
        return self.predictor(image, [CropWindow.of_box(box, wh, aspect_ratio) for box in boxes])


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


def _damage(video: Video, decoded: int) -> str | None:
    """Return how much of a damaged video was decoded; None for an intact video."""
    if video.damage is None:
        return None
    announced = f" of {video.count} announced" if video.count else ""
    return f"{decoded}{announced} frames could be decoded ({video.damage})"


def _no_poses() -> Poses:
    joints = len(COCO17)
    return Poses.of_keypoints(
        np.zeros((0, joints, 2)),
        np.zeros((0, joints), np.float32),
        image_names=np.zeros(0, dtype=object),
    )


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
