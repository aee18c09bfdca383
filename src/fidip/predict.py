"""``fidip predict``: key points of photographs and videos."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from fidip.cli import command
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
from fidip.inference.replay import draw_track
from fidip.inference.track import PhotoSet, Track
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
    times: list[float] = []
    poses: list[Pose] = []
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
                pose = finder(frame.image)
                times.append(frame.time)
                poses.append(pose)
        finally:  # Ctrl-C included: what was found is kept
            fps = len(poses) / (perf_counter() - start)
            if poses:
                track = smooth(as_track(times[: len(poses)], poses, wh, config.lost))
                write(track, stem, formats(config))
                if writer:
                    draw_track(path, track, overlay, writer, fps, progress)
    return (
        f"{path}: broke off after {len(poses)} frames ({video.damage}); they are kept"
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
    parts: list[Track] = []
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
                found = as_track([frame.time], [finder(frame.image)], wh, config.lost)
                person = step(frame.time, found.xy[0], found.scores[0])
                parts.append(replace(found, xy=person[0][None], scores=person[1][None]))
                if encoding:
                    text = f"{frame.time:.2f} s  {len(parts) / (perf_counter() - start):.0f} FPS"
                    encoding.put((overlay(frame.image, [person], text, past), frame.time))
                past.append(person)
        except KeyboardInterrupt:
            pass  # how a recording ends
    if parts:
        write(joined(parts), stem, formats(config))
    print(f"{len(parts)} frames: {config.out}")


def joined(parts: Sequence[Track]) -> Track:
    """One track of those of one frame each."""
    return Track(
        times=np.concatenate([part.times for part in parts]),
        xy=np.concatenate([part.xy for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        boxes_xywh=np.concatenate([part.boxes_xywh for part in parts]),
        image_wh=parts[-1].image_wh,
    )


def as_track(
    times: list[float], poses: list[Pose], image_wh: tuple[int, int], lost: float
) -> Track:
    """The poses as one person's track; unknown where the person was lost."""
    found = np.array([pose.score >= lost for pose in poses])
    return Track(
        times=np.array(times),
        xy=np.where(found[:, None, None], np.stack([pose.xy for pose in poses]), np.nan),
        scores=np.stack([pose.scores for pose in poses]) * found[:, None].astype(np.float32),
        boxes_xywh=np.where(found[:, None], np.stack([p.box_xywh() for p in poses]), np.nan),
        image_wh=image_wh,
    )


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
