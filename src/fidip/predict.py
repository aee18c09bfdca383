"""``fidip predict``: key points of photographs and videos."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

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
    Frame,
    Pose,
    Predictor,
    Video,
    VideoWriter,
    Window,
    prefetch,
)
from fidip.inference.finding import look
from fidip.inference.media import find_media, is_photo, read_photo
from fidip.inference.overlay import Person
from fidip.inference.timeline import write_timeline
from fidip.inference.track import Track
from fidip.run_folder import write_image, write_json
from fidip.skeleton import COCO17
from fidip.trained import load_predictor

SAVE = ("overlay", "coco", "csv", "timeline")
SOME_FAILED = 3
"""Exit status where some of the inputs failed."""


def predict(config: DictConfig) -> None:
    """Find people in everything that ``source`` names; write what ``save`` asks for."""
    check(config)
    media = find_media(str(config.source))
    predictor = load_predictor(
        config.ckpt and str(config.ckpt),
        runtime=config.runtime,
        device=config.device,
        flip_test=config.flip_test,
        config=config,
    )
    boxes = read_boxes(config.boxes, media) if config.boxes else None
    photos = [path for path in media if is_photo(path)]
    videos = [path for path in media if not is_photo(path)]
    failed = predict_photos(predictor, photos, boxes, config) if photos else []
    for path in videos:
        try:
            problem = predict_video(predictor, path, config)
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
    unknown = sorted(set(config.save) - set(SAVE))
    if unknown:
        raise ConfigError(f"save: {', '.join(unknown)} is none of {', '.join(SAVE)}")


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
    config: DictConfig,
) -> list[str]:
    """Write the poses of photographs; returns a line about each that failed."""
    failed: list[str] = []
    rows: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    out, overlay = Path(config.out), instantiate(config.overlay)
    try:
        for number, path in enumerate(tqdm(photos, unit="photo", disable=None), start=1):
            try:
                image = read_photo(path)
            except DataError as error:
                failed.append(str(error))
                continue
            poses = _poses(predictor, image, None if boxes is None else boxes.get(path.name, []))
            for person, pose in enumerate(poses):
                place = {"image": path.name, "person": person}
                rows += [{**place, **row} for row in joint_rows(pose.xy, pose.scores)]
                entries.append({"file_name": path.name, **coco_entry(number, pose)})
            if "overlay" in config.save:
                drawn = overlay(image, [(pose.xy, pose.scores) for pose in poses])
                write_image(out / "overlays" / f"{path.stem}.jpg", drawn)
            if len(photos) == 1:
                print_pose(path, poses)
    finally:  # Ctrl-C included: what was found is kept
        _write_tables(out / "keypoints", rows, entries, config.save)
    return failed


def _poses(
    predictor: Predictor, image: NDArray[np.uint8], boxes: list[NDArray[np.float64]] | None
) -> list[Pose]:
    if boxes is None:
        return [Finder(predictor)(image)]
    wh = (image.shape[1], image.shape[0])
    windows = [Window.of_box(box, wh, predictor.aspect_ratio) for box in boxes]
    return look(predictor, image, windows) if windows else []


def predict_video(predictor: Predictor, path: Path, config: DictConfig) -> str | None:
    """Write the track of a video's infant; returns a line about the video where it is damaged.

    Decoding goes ahead and drawing and encoding lag behind, in threads of their own.
    """
    video = Video(path)
    stem = Path(config.out) / path.stem
    finder = Finder(predictor, config.lost)
    times: list[float] = []
    poses: list[Pose] = []
    wh = (0, 0)
    with ExitStack() as stack:
        behind = None
        if "overlay" in config.save:
            file = stem.with_name(f"{stem.name}.overlay.mp4")
            writer = stack.enter_context(VideoWriter(file, path))
            behind = stack.enter_context(Behind(drawing(writer, config)))
        bar = tqdm(prefetch(video), total=video.count or None, unit="frame", disable=None,
                   desc=path.name)  # fmt: skip
        try:
            for frame in bar:
                pose = finder(frame.image)
                times.append(frame.time)
                poses.append(pose)
                wh = (frame.image.shape[1], frame.image.shape[0])
                if behind:
                    behind.put((frame, pose, bar.format_dict["rate"]))
        finally:  # Ctrl-C included: what was found is kept
            if poses:
                track = as_track(times, poses, wh, config.lost)
                write_track(stem, track, config.save)
                if "timeline" in config.save:
                    write_timeline(track, stem.with_name(f"{stem.name}.timeline.png"))
    return (
        f"{path}: broke off after {len(poses)} frames ({video.damage}); they are kept"
        if video.damage
        else None
    )


def drawing(
    writer: VideoWriter, config: DictConfig
) -> Callable[[tuple[Frame, Pose, float | None]], None]:
    """What draws a frame with its pose and the frames per second so far, and appends it."""
    overlay = instantiate(config.overlay)
    past: deque[Person] = deque(maxlen=max(1, config.overlay.ghosts))

    def draw(item: tuple[Frame, Pose, float | None]) -> None:
        frame, pose, rate = item
        text = f"{frame.time:.2f} s" + (f"  {rate:.0f} FPS" if rate else "")
        person = (pose.xy, pose.scores)
        writer.write(overlay(frame.image, [person], text, past), frame.time)
        past.append(person)

    return draw


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


def write_track(stem: Path, track: Track, save: Sequence[str]) -> None:
    """Write a track as tables named ``stem``."""
    rows, entries = [], []
    for frame, (time, xy, scores) in enumerate(
        zip(track.times.tolist(), track.xy, track.scores, strict=True)
    ):
        place = {"frame": frame, "time_s": round(time, 6)}
        rows += [{**place, **row} for row in joint_rows(xy, scores)]
        if np.isfinite(xy).all():
            entries.append({"time_s": round(time, 6), **_entry(frame, xy, scores)})
    _write_tables(stem, rows, entries, save)


def joint_rows(xy: NDArray[np.float64], scores: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    """A row a joint: its name, x and y in image px (empty where unknown) and score."""
    for joint, (x, y), score in zip(COCO17.joints, xy.tolist(), scores.tolist(), strict=True):
        known = np.isfinite(x)
        yield {
            "joint": joint,
            "x": round(x, 3) if known else "",
            "y": round(y, 3) if known else "",
            "score": round(score, 4),
        }


def coco_entry(image_id: int, pose: Pose) -> dict[str, Any]:
    """An entry of a COCO results file."""
    return _entry(image_id, pose.xy, pose.scores)


def _entry(image_id: int, xy: NDArray[np.float64], scores: NDArray[np.float32]) -> dict[str, Any]:
    triplets = np.column_stack([xy, scores]).round(4)
    return {
        "image_id": image_id,
        "category_id": 1,
        "keypoints": triplets.ravel().tolist(),
        "score": float(scores.mean()),
    }


def _write_tables(
    stem: Path, rows: list[dict[str, Any]], entries: list[dict[str, Any]], save: Sequence[str]
) -> None:
    if "coco" in save:
        write_json(stem.with_name(f"{stem.name}.json"), entries)
    if "csv" in save and rows:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with stem.with_name(f"{stem.name}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, rows[0])
            table.writeheader()
            table.writerows(rows)


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
