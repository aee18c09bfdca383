"""``fidip predict``: keypoints of images and videos."""

from __future__ import annotations

from fidip.cli import check_arguments, command, instantiate

if __name__ == "__main__":
    check_arguments("predict")

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fidip.cli.console_progress import ConsoleProgress
from fidip.cli.loading import default_ckpt
from fidip.cli.predict_settings import (
    camera_pipeline,
    check_kinds,
    check_prediction,
    make_predictor,
    pipeline_settings,
)
from fidip.cli.prediction_inputs import (
    InputReport,
    new_outputs,
    output_files,
    read_photo_boxes,
    sort_out,
)
from fidip.cli.score_table import print_poses
from fidip.core.errors import DataError, shown
from fidip.inference import ImagePipeline, Predictor, VideoPipeline
from fidip.inference.output_names import (
    Input,
    name_inputs,
    output_names,
)
from fidip.inference.pipelines import Boxes, damage_line
from fidip.inference.webcam import WEBCAM, Webcam, camera_of
from fidip.io.media_files import find_media


def predict(config: DictConfig) -> None:
    """Find people in all inputs of ``source``, and write the outputs of ``save``."""
    check_prediction(config)
    out, device = Path(config.out), camera_of(str(config.source))
    if device is not None:
        with new_outputs(config, output_names(Path(WEBCAM), WEBCAM, config.save)):
            record(Webcam(device, config.seconds), out, config)
        return
    inputs = name_inputs(find_media(str(config.source)), out)
    readable, report = sort_out(inputs)
    photos = [each for each in readable if each.is_photo]
    check_kinds(config, inputs)
    boxes = read_photo_boxes(config.boxes, photos) if config.boxes and photos else None
    if readable:
        try:
            with new_outputs(config, output_files(inputs, config.save)):
                has_video = len(photos) < len(readable)
                ckpt = str(config.ckpt or default_ckpt(has_video, config.device))
                settings = pipeline_settings(config)  # wrong ones end before a network is exported
                run(make_predictor(ckpt, config), settings, readable, boxes, config, report)
        except KeyboardInterrupt as stop:
            print(f"interrupted: kept {report.kept(stop)}: {shown(out)}", file=sys.stderr)
            raise
    report.finish(config.out)


def run(
    predictor: Predictor,
    settings: Mapping[str, Any],
    inputs: Sequence[Input],
    boxes: Boxes | None,
    config: DictConfig,
    report: InputReport,
) -> None:
    """Process all inputs, images first, and collect the outcomes in the report.

    Args:
        predictor: the network.
        settings: ``pipeline_settings`` of the command.
        inputs: images and videos.
        boxes: boxes of people in the images; None to detect them.
        config: settings of the command.
        report: collects the outcomes.
    """
    out = Path(config.out)
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


def record(camera: Webcam, out: Path, config: DictConfig) -> None:
    """Record a camera until it ends or Ctrl-C is pressed.

    Args:
        camera: the camera.
        out: folder of the outputs.
        config: settings of the command.
    """
    ckpt = str(config.ckpt or default_ckpt(has_video=True, device=config.device))
    pipeline = camera_pipeline(make_predictor(ckpt, config, is_live=True), config)
    with ConsoleProgress("frame", description="recording, Ctrl-C ends it") as progress:
        track, speed = pipeline.run(camera, out, progress)
    print(f"{0 if track is None else len(track)} frames: {shown(config.out)}")
    if speed:
        print(speed)


@command("predict")
def main(config: DictConfig) -> None:
    """Run the command."""
    predict(config)


if __name__ == "__main__":
    main()
