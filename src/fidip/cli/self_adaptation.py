"""``fidip adapt`` without labels: self-training, and pictures of what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fidip.cli.adaptation_plan import openable
from fidip.cli.adaptation_results import publish_run
from fidip.cli.self_training import (
    REPORT,
    SelfTraining,
    TrainRun,
    round_config,
    round_folder,
    self_train,
    teacher_of,
)
from fidip.core.arrays import Floats
from fidip.core.crop_window import CropWindow
from fidip.core.errors import ConfigError, shown
from fidip.core.people import Annotation
from fidip.data.annotations import read_annotations
from fidip.data.layout import find_split
from fidip.inference import Predictor
from fidip.inference.output_names import name_inputs
from fidip.inference.self_label_dataset import TRAIN
from fidip.io.directories import output_folder, require_new
from fidip.io.drawing import spread
from fidip.io.images import write_image
from fidip.io.json import read_object
from fidip.io.media_files import find_videos
from fidip.io.run_directory import RunDirectory
from fidip.io.video import read_photo
from fidip.report.before_after import PAIRS, before_after_sheet

WITH_LABELS = ("split", "test_subjects", "counts", "unlabelled", "rate", "subject", "experiment")
"""Keys that have no effect without labels."""
OWN = ("source", "labels", "out", "ckpt", "synthetic", "updates", "seed", "lost", "trust", "device")
PICTURE = "figures/before_after.jpg"


def adapt_without_labels(config: DictConfig, train: TrainRun) -> None:
    """Self-train on all videos, and copy the run of the last round to ``out``.

    Args:
        config: settings of ``fidip adapt``; ``ckpt`` is set.
        train: trains a configuration of ``fidip train``.

    Raises:
        FidipError: a setting has no effect without labels, or as for ``self_train``.
    """
    out = Path(config.out)
    settings = self_training_settings(config)
    videos, report = openable(name_inputs(find_videos(str(config.source)), out))
    if not videos:
        report.finish(config.out)
    if not round_folder(out, 1).is_dir():
        require_new(out, [PICTURE, "results.json", "checkpoints"])
    print(f"self-training: {len(videos)} videos, {settings.rounds} rounds of {settings.updates} "
          "updates; without labels nothing says how accurate the result is")  # fmt: skip
    with output_folder(out, [PICTURE]), RunDirectory(out).lock():
        run = self_train(videos, config.ckpt, out, config.seed, settings, train)
        data = round_folder(out, settings.rounds) / "data"
        ends = [
            teacher_of(round_config(out, ckpt, config.seed, settings), settings)
            for ckpt in (config.ckpt, str(run.root))
        ]
        draw_before_after(ends, data, out / PICTURE)
        publish_run(run, RunDirectory(out), card_section_without_labels(data, settings))
    damaged, left_out = damaged_videos(data), left_out_videos(data)
    report.partial += damaged
    report.failed += left_out
    report.done += len(videos) - len(damaged) - len(left_out)
    print(f"before and after: {shown(out / PICTURE)}; use the network with fidip predict "
          f"ckpt={shown(out)}")  # fmt: skip
    report.finish(config.out)


def self_training_settings(config: DictConfig) -> SelfTraining:
    """Return the settings of self-training that the command line gives.

    Args:
        config: settings of ``fidip adapt``.

    Raises:
        ConfigError: a key has no effect without labels.
    """
    words = [word.lstrip("+") for word in HydraConfig.get().overrides.task]
    given = {word.partition("=")[0] for word in words}
    unused = sorted(given & set(WITH_LABELS))
    if unused:
        raise ConfigError(
            f"{unused[0]}: has no effect without labels; expected labels=FILE with it. Leave out "
            "one, or label frames with fidip frames and fidip app label="
        )
    chosen: dict[str, Any] = {"lost": config.lost, "trust": config.trust, "device": config.device}
    chosen |= {"updates": config.updates} if "updates" in given else {}
    overrides = tuple(word for word in words if word.partition("=")[0] not in OWN)
    return SelfTraining(**chosen, synthetic=config.synthetic, overrides=overrides)


def damaged_videos(data: Path) -> list[str]:
    """Return a line about each video of which only the first frames were used.

    Args:
        data: the labels of a round.
    """
    return [
        f"{video['video']}: {video['damage']}; they are used"
        for video in read_object(data / REPORT)["videos"]
        if video.get("damage")
    ]


def left_out_videos(data: Path) -> list[str]:
    """Return a line about each video that the network cannot label.

    Args:
        data: the labels of a round.
    """
    return [f"{name}: {why}" for name, why in read_object(data / REPORT)["left_out"].items()]


def draw_before_after(ends: Sequence[Predictor], data: Path, file: Path) -> None:
    """Draw predictions of two networks in frames that were trained on.

    Args:
        ends: predictors before and after.
        data: the labels of a round.
        file: the picture.
    """
    split = find_split(data, TRAIN)
    people = read_annotations(split.json, *split.image_dirs).people.labelled
    chosen = [people[row] for row in spread(len(people), PAIRS)]
    before, after = (predictions_of(predictor, chosen) for predictor in ends)
    write_image(file, before_after_sheet(before, after, chosen, range(len(chosen))))


def predictions_of(predictor: Predictor, people: Sequence[Annotation]) -> Floats:
    """Return (N, K, 3) x, y in image px and confidence of people in their boxes.

    Args:
        predictor: predicts them.
        people: the people.
    """
    found = []
    for person in people:
        window = CropWindow.of_box(person.box_xywh, person.image_wh, predictor.aspect_ratio)
        pose = predictor(read_photo(person.image_path), [window])
        found.append(np.concatenate([pose.xy[0], pose.scores[0][:, None]], axis=1))
    return np.array(found, dtype=float).reshape(len(people), -1, 3)


def card_section_without_labels(data: Path, settings: SelfTraining) -> str:
    """Return the section of the model card about self-training, as Markdown.

    Args:
        data: the labels of the last round.
        settings: settings of self-training.
    """
    frames = sum(int(video["used"]) for video in read_object(data / REPORT)["videos"])
    return (
        f"\n## Self-training on videos\nThe network was trained on {frames} frames of the videos "
        f"in {settings.rounds} rounds of {settings.updates} updates, with labels that it predicted "
        "itself. The scores above compare it with such labels, so they are agreement, not "
        "accuracy. Label some frames to measure it.\n"
    )
