"""``fidip predict``: keypoints of photographs and videos."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("predict")

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from fidip.cli.loading import default_ckpt, load_predictor
from fidip.core.errors import ConfigError, DataError, shown
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.inference import (
    CropWindow,
    Pose,
    Predictor,
    SinglePersonTracker,
    Video,
    VideoWriter,
    prefetch,
    search,
)
from fidip.inference.camera_loop import Follower, LiveOverlay, camera_frames
from fidip.inference.detectors import Detector
from fidip.inference.forecast import with_forecast
from fidip.inference.output_names import (
    OVERLAY,
    TABLE,
    Input,
    name_inputs,
    output_names,
    table_suffixes,
)
from fidip.inference.overlay_video import draw_track
from fidip.inference.person_selection import PREFERENCES, Preference, seen
from fidip.inference.track import PhotoSet, Recorder
from fidip.inference.tracker import look
from fidip.inference.webcam import WEBCAM, Camera, camera_of
from fidip.inference.writers import FORMATS, check_installed, write
from fidip.io.directories import output_folder, require_new
from fidip.io.images import write_image
from fidip.io.media_files import check_readable, find_media
from fidip.io.video import read_photo

SOME_FAILED = 3
"""Exit status where some of the inputs failed, or were done in part."""

Boxes = dict[Path, list[NDArray[np.float64]]]
"""(4,) labelled boxes xywh in image px of photographs, by their path."""


@dataclass
class Report:
    """What has become of the inputs so far.

    Attributes:
        total: how many there are.
        done: how many were done as a whole.
        failed: a line about each without results.
        partial: a line about each with the results of its first frames.
    """

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)

    def kept(self, stop: KeyboardInterrupt) -> str:
        """What Ctrl-C left: whole inputs, and what ``stop`` says of the one that it ended."""
        whole = [f"{self.done} of {self.total} inputs"] if self.done else []
        return " and ".join([*whole, *map(str, stop.args)]) or "nothing"

    def finish(self, out: str) -> None:
        """Print what failed and how many were done.

        Raises:
            DataError: all failed.
            SystemExit: some did, or were done in part.
        """
        if len(self.failed) == self.total == 1:
            raise DataError(self.failed[0])
        for line in self.failed:
            print(f"failed: {line}")
        for line in self.partial:
            print(f"failed: {line}")
        print(f"{self.done} of {self.total} done: {shown(out)}")
        if len(self.failed) == self.total:
            raise DataError(f"all {self.total} inputs failed; expected readable photographs or "
                            "videos. The lines above tell why")  # fmt: skip
        if self.done < self.total:
            raise SystemExit(SOME_FAILED)


def predict(config: DictConfig) -> None:
    """Find people in everything that ``source`` names; write what ``save`` asks for."""
    check(config)
    out, device = Path(config.out), camera_of(str(config.source))
    if device is not None:
        with new_outputs(config, output_names(Path(WEBCAM), WEBCAM, config.save)):
            camera = Camera(device, config.seconds)
            predictor = load(config, has_video=True, is_live=True)
            return predict_camera(predictor, camera, make_detector(config), config)
    inputs = name_inputs(find_media(str(config.source)), out)
    readable, report = sort_out(inputs)
    photos = [each for each in readable if each.is_photo]
    videos = [each for each in readable if not each.is_photo]
    check_kinds(config, inputs)
    boxes = read_boxes(config.boxes, photos) if config.boxes and photos else None
    if readable:
        try:
            with new_outputs(config, output_files(inputs, config.save)):
                predictor = load(config, has_video=bool(videos))
                run(predictor, make_detector(config), photos, boxes, videos, config, report)
        except KeyboardInterrupt as stop:
            print(f"interrupted: kept {report.kept(stop)}: {shown(out)}", file=sys.stderr)
            raise
    report.finish(config.out)


def run(
    predictor: Predictor,
    detector: Detector,
    photos: Sequence[Input],
    boxes: Boxes | None,
    videos: Sequence[Input],
    config: DictConfig,
    report: Report,
) -> None:
    """Process all inputs; what becomes of them goes into the report."""
    if photos:
        failed = predict_photos(predictor, photos, boxes, detector, config)
        report.failed += failed
        report.done += len(photos) - len(failed)
    for video in videos:
        try:
            damage = predict_video(predictor, video, detector, config)
        except DataError as error:
            report.failed.append(str(error))
            continue
        report.done += damage is None
        report.partial += [damage] if damage else []


def sort_out(inputs: Sequence[Input]) -> tuple[list[Input], Report]:
    """The inputs that can be opened, and a report that names the others."""
    readable, report = [], Report(len(inputs))
    for each in inputs:
        try:
            check_readable(each.path)
            readable.append(each)
        except DataError as error:
            report.failed.append(str(error))
    return readable, report


def output_files(inputs: Sequence[Input], save: Sequence[str]) -> list[str]:
    """All files that will be written, below ``out``."""
    has_photos = any(each.is_photo for each in inputs)
    tables = [f"{TABLE}{suffix}" for suffix in table_suffixes(save)] if has_photos else []
    return [*tables, *(n for each in inputs for n in output_names(each.path, each.stem, save))]


@contextmanager
def new_outputs(config: DictConfig, names: Sequence[str]) -> Iterator[None]:
    """The folder ``out``, writable; raises ConfigError where it holds what must not be replaced."""
    if not config.overwrite:
        require_new(Path(config.out), names)
    with output_folder(Path(config.out), names):
        yield


def check(config: DictConfig) -> None:
    """Raises ConfigError where ``seconds`` is not for a webcam, or a format needs another package."""
    if config.seconds is not None and camera_of(str(config.source)) is None:
        raise ConfigError(f"seconds={config.seconds} is for a webcam: source={WEBCAM}")
    check_installed(formats(config))


def load(config: DictConfig, has_video: bool, is_live: bool = False) -> Predictor:
    """The predictor that ``ckpt`` and its companions ask for.

    Args:
        config: of the command.
        has_video: whether a video or a camera is among the inputs.
        is_live: whether it is for a camera.
    """
    return load_predictor(
        str(config.ckpt or default_ckpt(has_video, config.device)),
        runtime=config.runtime,
        device=config.device,
        flip_test=flips(config, is_live),
        rotation_test=config.rotation_test,
        config=config,
    )


def flips(config: DictConfig, is_live: bool = False) -> bool:
    """Whether to average with the mirrored image: by default, but not for a camera."""
    return not is_live if config.flip_test is None else bool(config.flip_test)


def make_detector(config: DictConfig) -> Detector:
    """Raises ConfigError where its file is not told."""
    if OmegaConf.is_missing(config.detector, "path"):
        raise ConfigError("detector.path is not set: give detector.path=FILE.onnx")
    detector: Detector = instantiate(config.detector)
    return detector


def formats(config: DictConfig) -> list[str]:
    """What ``save`` asks for beside pictures."""
    return [name for name in config.save if name in FORMATS]


def check_kinds(config: DictConfig, inputs: Sequence[Input]) -> None:
    """Raises ConfigError where a setting is for videos or photographs and there are none."""
    timed = [name for name in formats(config) if not FORMATS[name].photos]
    if timed and all(each.is_photo for each in inputs):
        raise ConfigError(
            f"save: {', '.join(timed)} is for videos, and source names photographs only"
        )
    if config.boxes and not any(each.is_photo for each in inputs):
        raise ConfigError(f"boxes={config.boxes} is for photographs, and source names videos only")


def read_boxes(file: str, photos: Sequence[Input]) -> Boxes:
    """The labelled boxes of each photograph, by its path, from a file in COCO's layout.

    An image of the file is the photograph that has its ``file_name`` as name, or whose path
    ends in it where that is only one.

    Raises:
        DataError: the file is malformed, none of the photographs is in it, or a ``file_name``
            fits several of them.
    """
    root = Path(os.path.commonpath([os.path.abspath(each.path.parent) for each in photos]))
    folders = dict.fromkeys([root, *(each.path.parent for each in photos)])
    people = read_annotations(Path(file), *folders).people
    names = {image.id: image.file_name for image in people.images}
    found = {name: _photo_of(name, photos, file) for name in names.values()}
    boxes: Boxes = {each.path: [] for each in photos}
    for person in people:
        photo = found[names[person.image_id]]
        if photo is not None:
            boxes[photo.path].append(person.box_xywh)
    without = sum(not found for found in boxes.values())
    if without == len(photos):
        raise DataError(
            f"boxes={file}: has no box for any of the {len(photos)} photographs; expected their "
            f"file_name, such as {photos[0].name}. Correct boxes= or source="
        )
    if without:
        print(
            f"{without} of {len(photos)} photographs have no box in {file}, so no person is written"
        )
    return boxes


def _photo_of(file_name: str, photos: Sequence[Input], file: str) -> Input | None:
    exact = [each for each in photos if each.name == file_name]
    ends = [each for each in photos
            if os.path.abspath(each.path).endswith(f"/{file_name}")]  # fmt: skip
    found = exact or ends
    if len(found) > 1:
        raise DataError(
            f"boxes={file}: file_name {shown(file_name)} fits {found[0].name} and {found[1].name}; "
            "expected one of them. Write it with its folder"
        )
    return found[0] if found else None


def predict_photos(
    predictor: Predictor,
    photos: Sequence[Input],
    boxes: Boxes | None,
    detector: Detector,
    config: DictConfig,
    progress: Callable[..., tqdm] = tqdm,
) -> list[str]:
    """Write the poses of photographs; returns a line about each that failed."""
    failed: list[str] = []
    found: list[tuple[str, int, Pose]] = []
    out, overlay, prefer = Path(config.out), instantiate(config.overlay), PREFERENCES[config.person]
    done = 0
    try:
        for number, photo in enumerate(progress(photos, unit="photo", disable=None), start=1):
            try:
                image = read_photo(photo.path)
            except DataError as error:
                failed.append(str(error))
                continue
            labelled = None if boxes is None else boxes[photo.path]
            poses = _poses(predictor, image, labelled, config.rotations, detector, prefer)
            if "overlay" in config.save:
                drawn = overlay(image, [(pose.xy, pose.scores) for pose in poses])
                write_image(out / "overlays" / f"{photo.stem}.jpg", drawn)
            found += [(photo.name, number, pose) for pose in poses]
            done += 1
            if len(photos) == 1:
                print_pose(photo.name, poses)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            *([f"{done} of {len(photos)} photographs"] if done else [])
        ) from None
    finally:  # Ctrl-C included: what was found is kept
        if done:
            write(as_photo_set(found), out / TABLE, formats(config))
    return failed


def as_photo_set(found: Sequence[tuple[str, int, Pose]]) -> PhotoSet:
    """People by the name and the number of the photograph that they are in."""
    joints = len(COCO17)
    return PhotoSet(
        file_names=[name for name, _, _ in found],
        image_ids=np.array([number for _, number, _ in found], dtype=np.int64),
        xy=np.array([pose.xy for _, _, pose in found]).reshape(-1, joints, 2),
        scores=np.array([pose.scores for _, _, pose in found], np.float32).reshape(-1, joints),
    )


def _poses(
    predictor: Predictor,
    image: NDArray[np.uint8],
    boxes: list[NDArray[np.float64]] | None,
    rotations: Sequence[float],
    detector: Detector,
    prefer: Preference,
) -> list[Pose]:
    if boxes is None:
        return [search(predictor, image, rotations, detector, prefer)]
    wh = (image.shape[1], image.shape[0])
    windows = [CropWindow.of_box(box, wh, predictor.aspect_ratio) for box in boxes]
    return look(predictor, image, windows) if windows else []


def predict_video(
    predictor: Predictor,
    source: Input,
    detector: Detector,
    config: DictConfig,
    progress: Callable[..., tqdm] = tqdm,
) -> str | None:
    """Write the track of a video's infant; returns a line about the video where it is damaged.

    Overlays are drawn in a second pass, once the keypoints are smoothed.
    """
    video = Video(source.path)
    stem = Path(config.out) / source.stem
    smooth, overlay = instantiate(config.smoothing), instantiate(config.overlay)
    finder = SinglePersonTracker(
        predictor, config.lost, config.rotations, detector, PREFERENCES[config.person]
    )
    found, wh = Recorder(), (0, 0)
    try:
        with ExitStack() as stack:
            writer = None
            if "overlay" in config.save:
                file = stem.with_name(f"{stem.name}{OVERLAY}")
                writer = stack.enter_context(VideoWriter(file, source.path))
            bar = progress(prefetch(video), total=video.count or None, unit="frame", disable=None,
                           desc=source.name)  # fmt: skip
            start = perf_counter()
            try:
                for frame in with_forecast(bar, video.count, bar.write, source.name):
                    wh = (frame.image.shape[1], frame.image.shape[0])
                    found.add(frame.time, *seen(finder(frame.image), config.lost))
            finally:  # Ctrl-C included: what was found is kept
                fps = found.count / (perf_counter() - start)
                if found.count:
                    track = smooth(found.track(wh))
                    write(track, stem, formats(config))
                    if writer:
                        draw_track(source.path, track, overlay, writer, fps, progress)
    except KeyboardInterrupt:
        kept = [f"the first {found.count} frames of {source.name}"] if found.count else []
        raise KeyboardInterrupt(*kept) from None
    return damage_line(video, found.count)


def damage_line(video: Video, decoded: int) -> str | None:
    """How much of a damaged video was decoded; None where it is whole."""
    if video.damage is None:
        return None
    announced = f" of {video.count} announced" if video.count else ""
    return (
        f"{shown(video.path)}: {decoded}{announced} frames could be decoded ({video.damage}); "
        "they are kept. Copy the file again if it should hold more"
    )


def make_follower(
    predictor: Predictor, detector: Detector, config: DictConfig, spread: bool = True
) -> Follower:
    """What follows one infant before a camera as ``config`` says; see ``SinglePersonTracker`` for ``spread``."""
    finder = SinglePersonTracker(predictor, config.lost, config.rotations, detector, PREFERENCES[config.person],
                    spread=spread)  # fmt: skip
    return Follower(finder, instantiate(config.smoothing, causal=True).online())


def predict_camera(
    predictor: Predictor, camera: Camera, detector: Detector, config: DictConfig
) -> None:
    """Follow an infant until the camera ends or Ctrl-C: smoothed, drawn and encoded as frames come."""
    stem = Path(config.out) / WEBCAM
    follower = make_follower(predictor, detector, config, spread=camera.is_live)
    recorded, wh, drawing = Recorder(), (0, 0), None
    with ExitStack() as stack:
        if "overlay" in config.save:
            writer = stack.enter_context(VideoWriter(stem.with_name(f"{WEBCAM}{OVERLAY}")))
            drawing = LiveOverlay(instantiate(config.overlay), writer)
            stack.enter_context(drawing)
        frames = stack.enter_context(closing(camera_frames(camera)))
        bar = tqdm(frames, unit="frame", disable=None, desc="recording, Ctrl-C ends it")
        try:
            for frame in bar:
                wh = (frame.image.shape[1], frame.image.shape[0])
                xy, scores, box_xywh = follower(frame.image, frame.time)
                recorded.add(frame.time, xy, scores, box_xywh)
                if drawing:
                    drawing.put((frame, (xy, scores)))
        except KeyboardInterrupt:
            pass  # how a recording ends
    if recorded.count:
        write(recorded.track(wh), stem, formats(config))
    print(f"{recorded.count} frames: {shown(config.out)}")
    if drawing:
        print(drawing.speed)


def print_pose(name: str, poses: Sequence[Pose]) -> None:
    """The confidence of every joint."""
    for person, pose in enumerate(poses):
        print(name + (f", person {person}" if len(poses) > 1 else ""))
        for joint, score in zip(COCO17.joints, pose.scores.tolist(), strict=True):
            print(f"  {joint.replace('_', ' ')}: {score:.2f}")


@command("predict")
def main(config: DictConfig) -> None:
    predict(config)


if __name__ == "__main__":
    main()
