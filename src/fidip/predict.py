"""``fidip predict``: keypoints of photographs and videos."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("predict")

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from fidip.cli.loading import default_ckpt, load_predictor
from fidip.cli.progress import ConsoleProgress
from fidip.core.errors import ConfigError, DataError, shown
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.core.types import Poses
from fidip.data import read_annotations
from fidip.inference import CameraPipeline, ImagePipeline, Predictor, VideoPipeline
from fidip.inference.detectors import Detector
from fidip.inference.output_names import (
    TABLE,
    Input,
    name_inputs,
    output_names,
    table_suffixes,
)
from fidip.inference.person_selection import PREFERENCES
from fidip.inference.webcam import WEBCAM, Camera, camera_of
from fidip.inference.writers import FORMATS, check_installed
from fidip.io.directories import output_folder, require_new
from fidip.io.media_files import check_readable, find_media

SOME_FAILED = 3
"""Exit status where some of the inputs failed, or were done in part."""

Boxes = dict[Path, list[NDArray[np.float64]]]
"""(4,) labelled boxes xywh in image px of photographs, by their path."""


@dataclass
class Report:
    """The state of the inputs so far.

    Attributes:
        total: number of inputs.
        done: number of inputs that were processed completely.
        failed: a line about each input without results.
        partial: a line about each damaged video, of which the first frames were processed.
    """

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)

    def kept(self, stop: KeyboardInterrupt) -> str:
        """Say what Ctrl-C left: complete inputs, and what ``stop`` says of the one that it ended."""
        whole = [f"{self.done} of {self.total} inputs"] if self.done else []
        return " and ".join([*whole, *map(str, stop.args)]) or "nothing"

    def finish(self, out: str) -> None:
        """Print what failed and how many inputs were processed.

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
            record(Camera(device, config.seconds), out, config)
        return
    inputs = name_inputs(find_media(str(config.source)), out)
    readable, report = sort_out(inputs)
    photos = [each for each in readable if each.is_photo]
    check_kinds(config, inputs)
    boxes = read_boxes(config.boxes, photos) if config.boxes and photos else None
    if readable:
        try:
            with new_outputs(config, output_files(inputs, config.save)):
                predictor = load(config, has_video=len(photos) < len(readable))
                run(predictor, readable, boxes, config, report)
        except KeyboardInterrupt as stop:
            print(f"interrupted: kept {report.kept(stop)}: {shown(out)}", file=sys.stderr)
            raise
    report.finish(config.out)


def run(
    predictor: Predictor,
    inputs: Sequence[Input],
    boxes: Boxes | None,
    config: DictConfig,
    report: Report,
) -> None:
    """Process all inputs, photographs first; the report collects what becomes of them."""
    out, settings = Path(config.out), pipeline_settings(config)
    photos = [each for each in inputs if each.is_photo]
    if photos:
        failed: list[DataError] = []
        images = ImagePipeline(predictor, **settings)
        with ConsoleProgress("photo") as progress:
            poses = images.run_inputs(photos, out, boxes, progress, failed.append)
        report.failed += map(str, failed)
        report.done += len(photos) - len(failed)
        if len(photos) == 1 and not failed:
            print_poses(photos[0].name, poses)
    videos = VideoPipeline(
        predictor, smoother=instantiate(config.smoothing), lost=config.lost, **settings
    )
    for video in (each for each in inputs if not each.is_photo):
        try:
            with ConsoleProgress("frame", note=", drawing not included") as progress:
                damage = damage_line(videos.run_input(video, out, progress), video)
        except DataError as error:
            report.failed.append(str(error))
            continue
        report.done += damage is None
        report.partial += [damage] if damage else []


def record(camera: Camera, out: Path, config: DictConfig) -> None:
    """Record a camera until it ends or Ctrl-C."""
    predictor = load(config, has_video=True, is_live=True)
    pipeline = camera_pipeline(predictor, config)
    with ConsoleProgress("frame", description="recording, Ctrl-C ends it") as progress:
        track, speed = pipeline.run(camera, out, progress)
    print(f"{0 if track is None else len(track)} frames: {shown(config.out)}")
    if speed:
        print(speed)


def pipeline_settings(config: DictConfig) -> dict[str, Any]:
    """Return the arguments that all pipelines share."""
    return {
        "writers": tuple(config.save),
        "overlay": instantiate(config.overlay),
        "detector": make_detector(config),
        "prefer": PREFERENCES[config.person],
        "rotations": tuple(config.rotations),
    }


def camera_pipeline(predictor: Predictor, config: DictConfig) -> CameraPipeline:
    """Return the pipeline of a camera that a command's configuration describes."""
    smoother = instantiate(config.smoothing, causal=True)
    return CameraPipeline(
        predictor, smoother=smoother, lost=config.lost, **pipeline_settings(config)
    )


def sort_out(inputs: Sequence[Input]) -> tuple[list[Input], Report]:
    """Return the inputs that can be opened, and a report that names the others."""
    readable, report = [], Report(len(inputs))
    for each in inputs:
        try:
            check_readable(each.path)
            readable.append(each)
        except DataError as error:
            report.failed.append(str(error))
    return readable, report


def output_files(inputs: Sequence[Input], save: Sequence[str]) -> list[str]:
    """Return all files that will be written, below ``out``."""
    has_photos = any(each.is_photo for each in inputs)
    tables = [f"{TABLE}{suffix}" for suffix in table_suffixes(save)] if has_photos else []
    return [*tables, *(n for each in inputs for n in output_names(each.path, each.stem, save))]


@contextmanager
def new_outputs(config: DictConfig, names: Sequence[str]) -> Iterator[None]:
    """Make the folder ``out``; raises ConfigError if it holds files that must not be replaced."""
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


def damage_line(track: Track, source: Input) -> str | None:
    """Return a line about the missing rest of a damaged video; None for an intact one."""
    if track.damage is None:
        return None
    return (
        f"{shown(source.path)}: {track.damage}; they are kept. Copy the file again if it should "
        "hold more"
    )


def print_poses(name: str, poses: Poses) -> None:
    """Print the confidence of every joint."""
    for person, scores in enumerate(poses.scores.tolist()):
        print(name + (f", person {person}" if len(poses) > 1 else ""))
        for joint, score in zip(COCO17.joints, scores, strict=True):
            print(f"  {joint.replace('_', ' ')}: {score:.2f}")


@command("predict")
def main(config: DictConfig) -> None:
    predict(config)


if __name__ == "__main__":
    main()
