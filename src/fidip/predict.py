"""``fidip predict``: key points of photographs and videos."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("predict")

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from fidip.data import read_annotations
from fidip.errors import ConfigError, DataError, FidipError
from fidip.inference import (
    Behind,
    Finder,
    Pose,
    Predictor,
    Video,
    VideoWriter,
    Window,
    prefetch,
    search,
)
from fidip.inference.camera import WEBCAM, Camera, camera_of
from fidip.inference.detectors import Detector
from fidip.inference.finding import look
from fidip.inference.media import Image, find_media, is_photo, read_photo
from fidip.inference.overlay import Person
from fidip.inference.people import PREFERENCES, Preference
from fidip.inference.predictor import Floats
from fidip.inference.replay import draw_track
from fidip.inference.track import PhotoSet, Recorder
from fidip.inference.writers import FORMATS, check_installed, write
from fidip.run_folder import write_image
from fidip.skeleton import COCO17
from fidip.trained import load_predictor

SAVE = ("overlay", *FORMATS)
SOME_FAILED = 3
"""Exit status where some of the inputs failed."""


def predict(config: DictConfig) -> None:
    """Find people in everything that ``source`` names; write what ``save`` asks for."""
    check(config)
    device = camera_of(str(config.source))
    if device is not None:
        camera = Camera(device, config.seconds)
        return predict_camera(load(config), camera, make_detector(config), config)
    media = find_media(str(config.source))
    photos = [path for path in media if is_photo(path)]
    videos = [path for path in media if not is_photo(path)]
    check_photos(config, videos)
    predictor = load(config)
    detector = make_detector(config)
    boxes = read_boxes(config.boxes, media) if config.boxes else None
    failed = predict_photos(predictor, photos, boxes, detector, config) if photos else []
    for path in videos:
        try:
            problem = predict_video(predictor, path, detector, config)
        except FidipError as error:
            problem = str(error)
        failed += [problem] if problem else []
    for problem in failed:
        print(f"failed: {problem}")
    print(f"{len(media) - len(failed)} of {len(media)} done: {config.out}")
    if failed:
        raise SystemExit(SOME_FAILED if len(failed) < len(media) else 2)


def check(config: DictConfig) -> None:
    """Raises ConfigError where keys are missing or wrong."""
    if OmegaConf.is_missing(config, "source"):
        raise ConfigError("source is not set: give source=FILE, FOLDER or 'PATTERN'")
    if config.seconds is not None and camera_of(str(config.source)) is None:
        raise ConfigError(f"seconds={config.seconds} is for a webcam: source={WEBCAM}")
    unknown = sorted(set(config.save) - set(SAVE))
    if unknown:
        raise ConfigError(f"save: {', '.join(unknown)} is none of {', '.join(SAVE)}")
    if config.person not in PREFERENCES:
        raise ConfigError(f"person={config.person} is none of {', '.join(PREFERENCES)}")
    check_installed(formats(config))


def load(config: DictConfig) -> Predictor:
    """The predictor that ``ckpt`` and its companions ask for."""
    return load_predictor(
        config.ckpt and str(config.ckpt),
        runtime=config.runtime,
        device=config.device,
        flip_test=config.flip_test,
        rotation_test=config.rotation_test,
        config=config,
    )


def make_detector(config: DictConfig) -> Detector:
    """Raises ConfigError where its file is not told."""
    if OmegaConf.is_missing(config.detector, "path"):
        raise ConfigError("detector.path is not set: give detector.path=FILE.onnx")
    detector: Detector = instantiate(config.detector)
    return detector


def formats(config: DictConfig) -> list[str]:
    """What ``save`` asks for beside pictures."""
    return [name for name in config.save if name in FORMATS]


def check_photos(config: DictConfig, videos: Sequence[Path]) -> None:
    """Raises ConfigError where formats about time are asked for and there is no video."""
    timed = [name for name in formats(config) if not FORMATS[name].photos]
    if timed and not videos:
        raise ConfigError(
            f"save: {', '.join(timed)} is for videos, and source names photographs alone"
        )


def read_boxes(file: str, media: Sequence[Path]) -> dict[str, list[NDArray[np.float64]]]:
    """The labelled boxes of each photograph, by its name, from a file in COCO's layout."""
    people = read_annotations(Path(file), *{path.parent for path in media}).people
    boxes: dict[str, list[NDArray[np.float64]]] = {}
    for person in people:
        boxes.setdefault(person.image_path.name, []).append(person.box_xywh)
    return boxes


def predict_photos(
    predictor: Predictor,
    photos: Sequence[Path],
    boxes: dict[str, list[NDArray[np.float64]]] | None,
    detector: Detector,
    config: DictConfig,
    progress: Callable[..., tqdm] = tqdm,
) -> list[str]:
    """Write the poses of photographs; returns a line about each that failed."""
    failed: list[str] = []
    found: list[tuple[str, int, Pose]] = []
    out, overlay, prefer = Path(config.out), instantiate(config.overlay), PREFERENCES[config.person]
    try:
        for number, path in enumerate(progress(photos, unit="photo", disable=None), start=1):
            try:
                image = read_photo(path)
            except DataError as error:
                failed.append(str(error))
                continue
            labelled = None if boxes is None else boxes.get(path.name, [])
            poses = _poses(predictor, image, labelled, config.rotations, detector, prefer)
            found += [(path.name, number, pose) for pose in poses]
            if "overlay" in config.save:
                drawn = overlay(image, [(pose.xy, pose.scores) for pose in poses])
                write_image(out / "overlays" / f"{path.stem}.jpg", drawn)
            if len(photos) == 1:
                print_pose(path, poses)
    finally:  # Ctrl-C included: what was found is kept
        write(as_photo_set(found), out / "keypoints", formats(config))
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
    windows = [Window.of_box(box, wh, predictor.aspect_ratio) for box in boxes]
    return look(predictor, image, windows) if windows else []


def predict_video(
    predictor: Predictor,
    path: Path,
    detector: Detector,
    config: DictConfig,
    progress: Callable[..., tqdm] = tqdm,
) -> str | None:
    """Write the track of a video's infant; returns a line about the video where it is damaged.

    Decoding goes ahead in a thread of its own. Overlays are drawn in a second pass, once the key
    points are smoothed.
    """
    video = Video(path)
    stem = Path(config.out) / path.stem
    smooth, overlay = instantiate(config.smoothing), instantiate(config.overlay)
    finder = Finder(predictor, config.lost, config.rotations, detector, PREFERENCES[config.person])
    found = Recorder()
    wh = (0, 0)
    with ExitStack() as stack:
        writer = None
        if "overlay" in config.save:
            file = stem.with_name(f"{stem.name}.overlay.mp4")
            writer = stack.enter_context(VideoWriter(file, path))
        bar = progress(prefetch(video), total=video.count or None, unit="frame", disable=None,
                       desc=path.name)  # fmt: skip
        start = perf_counter()
        try:
            for frame in bar:
                wh = (frame.image.shape[1], frame.image.shape[0])
                found.add(frame.time, *seen(finder(frame.image), config.lost))
        finally:  # Ctrl-C included: what was found is kept
            fps = found.count / (perf_counter() - start)
            if found.count:
                track = smooth(found.track(wh))
                write(track, stem, formats(config))
                if writer:
                    draw_track(path, track, overlay, writer, fps, progress)
    return (
        f"{path}: broke off after {found.count} frames ({video.damage}); they are kept"
        if video.damage
        else None
    )


def predict_camera(
    predictor: Predictor, camera: Camera, detector: Detector, config: DictConfig
) -> None:
    """Follow an infant until the camera ends or Ctrl-C: smoothed, drawn and encoded as frames come."""
    stem = Path(config.out) / WEBCAM
    step = instantiate(config.smoothing, causal=True).online()
    overlay = instantiate(config.overlay)
    finder = Finder(predictor, config.lost, config.rotations, detector, PREFERENCES[config.person])
    recorded, wh = Recorder(), (0, 0)
    past: deque[Person] = deque(maxlen=max(1, overlay.ghosts))
    with ExitStack() as stack:
        encoding = None
        if "overlay" in config.save:
            writer = stack.enter_context(VideoWriter(stem.with_name(f"{WEBCAM}.overlay.mp4")))
            encoding = stack.enter_context(
                Behind[tuple[Image, float]](lambda item: writer.write(*item))
            )
        frames = stack.enter_context(closing(prefetch(camera, depth=1)))
        bar = tqdm(frames, unit="frame", disable=None, desc="recording, Ctrl-C ends it")
        start = perf_counter()
        try:
            for frame in bar:
                wh = (frame.image.shape[1], frame.image.shape[0])
                xy, scores, box_xywh = seen(finder(frame.image), config.lost)
                xy, scores = step(frame.time, xy, scores)
                recorded.add(frame.time, xy, scores, box_xywh)
                if encoding:
                    fps = recorded.count / (perf_counter() - start)
                    text = f"{frame.time:.2f} s  {fps:.0f} FPS"
                    overlay.draw(frame.image, [(xy, scores)], text, past)
                    encoding.put((frame.image, frame.time))
                past.append((xy, scores))
        except KeyboardInterrupt:
            pass  # how a recording ends
    if recorded.count:
        write(recorded.track(wh), stem, formats(config))
    print(f"{recorded.count} frames: {config.out}")


def seen(pose: Pose, lost: float) -> tuple[Floats, NDArray[np.float32], Floats]:
    """Key points, confidences and box of a pose; unknown where the person was lost."""
    xy, scores, box_xywh = pose.xy, pose.scores, pose.box_xywh()
    if pose.score >= lost:
        return xy, scores, box_xywh
    return np.full_like(xy, np.nan), np.zeros_like(scores), np.full_like(box_xywh, np.nan)


def print_pose(path: Path, poses: Sequence[Pose]) -> None:
    """The confidence of every joint."""
    for person, pose in enumerate(poses):
        print(f"{path.name}" + (f", person {person}" if len(poses) > 1 else ""))
        for joint, score in zip(COCO17.joints, pose.scores.tolist(), strict=True):
            print(f"  {joint.replace('_', ' ')}: {score:.2f}")


@command("predict")
def main(config: DictConfig) -> None:
    predict(config)


if __name__ == "__main__":
    main()
