"""Results of ``fidip adapt``: report, pictures, and the run directory of all labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fidip.cli.adaptation_dataset import data_folder
from fidip.cli.adaptation_plan import Plan
from fidip.cli.adaptation_runs import START, predict_people, run_of_subset
from fidip.core.arrays import Floats, Image
from fidip.core.people import People
from fidip.core.poses import Poses
from fidip.data.adaptation_data import TEST, UNLABELLED
from fidip.data.annotations import read_annotations, read_boxes
from fidip.data.layout import find_split
from fidip.data.video_split import ALL
from fidip.io.atomic import copy_atomic, write_text_atomic
from fidip.io.coco import from_coco_results, read_results
from fidip.io.drawing import spread
from fidip.io.images import write_image
from fidip.io.run_directory import RunDirectory
from fidip.report.adaptation_page import Adaptation, adaptation_html, card_section
from fidip.report.before_after import (
    PAIRS,
    before_after_sheet,
    most_changed,
    random_sample,
)
from fidip.report.learning_curve import LearningCurve, learning_curve

REPORT = "report.html"
PICTURES = {
    "changed_most.jpg": "Test frames that changed most",
    "random.jpg": "Random test frames",
    "without_labels.jpg": "Training videos without labels",
}
"""Captions of the pictures in ``figures``, by file name."""


def write_report(
    config: DictConfig, settings: Sequence[DictConfig], plan: Plan, unlabelled: int
) -> LearningCurve:
    """Write the report, and copy the run of all labels to ``out``.

    Args:
        config: settings of the command.
        settings: configurations with the network of the start weights, and with the trained one.
        plan: the plan.
        unlabelled: number of unlabelled frames of the dataset.

    Returns:
        AP over the number of labelled frames.
    """
    out = Path(config.out)
    split = find_split(data_folder(out), TEST)
    people = read_annotations(split.json, *split.image_dirs).people
    curve = learning_curve(people, _predictions(out, plan))
    found = Adaptation(
        start=config.ckpt,
        method=HydraConfig.get().runtime.choices.get("method") or "finetune",
        updates=config.updates,
        by=plan.split.by,
        videos=plan.table(),
        unlabelled=unlabelled,
        synthetic=len(plan.synthetic.images) if plan.synthetic else 0,
        curve=curve,
        problems=[*plan.report.failed, *plan.report.partial],
    )
    pictures = _pictures(out, people, config.seed)
    if unlabelled:
        pictures |= _unlabelled_picture(config, settings, plan)
    for name, image in pictures.items():
        write_image(out / "figures" / name, image)
    page = adaptation_html(found, [(PICTURES[name], image) for name, image in pictures.items()])
    write_text_atomic(out / REPORT, page)
    publish_run(run_of_subset(out, ALL), RunDirectory(out), card_section(found))
    return curve


def _predictions(out: Path, plan: Plan) -> dict[int, Poses]:
    names = {0: START, **{len(frames): name for name, frames in plan.subsets.items()}}
    return {
        labels: from_coco_results(read_results(run_of_subset(out, name).predictions))
        for labels, name in names.items()
    }


def _pictures(out: Path, people: People, seed: int) -> dict[str, Image]:
    """Return the pictures by file name."""
    before, after = (_keypoints(run_of_subset(out, name)) for name in (START, ALL))
    rows = {
        "changed_most.jpg": most_changed(before, after, people.labelled, PAIRS),
        "random.jpg": random_sample(len(people), PAIRS, seed),
    }
    return {
        name: before_after_sheet(before, after, people.labelled, chosen)
        for name, chosen in rows.items()
    }


def _unlabelled_picture(
    config: DictConfig, settings: Sequence[DictConfig], plan: Plan
) -> dict[str, Image]:
    """Return a picture of the training videos without a labelled frame, if there are any."""
    out = Path(config.out)
    split = find_split(data_folder(out), UNLABELLED)
    people = read_boxes(split.json, *split.image_dirs).people
    labelled = {frame.video for frame in plan.labels.frames}
    without = {image.id for image in people.images if image.video not in labelled}
    people = people.on_images(without)
    people = people.part([people[row] for row in spread(len(people), PAIRS)])
    if not people:
        return {}
    trained = config.copy()
    trained.ckpt = str(run_of_subset(out, ALL).root)
    poses = [
        predict_people(weights, network, people)
        for weights, network in zip((config, trained), settings, strict=True)
    ]
    before, after = (np.concatenate([p.xy, p.scores[..., None]], axis=-1) for p in poses)
    sheet = before_after_sheet(before, after, people.labelled, range(len(people)))
    return {"without_labels.jpg": sheet}


def _keypoints(run: RunDirectory) -> Floats:
    """Return (N, K, 3) predictions in labelled boxes, in the order of the people."""
    entries = read_results(run.predictions)
    return np.array([entry["keypoints"] for entry in entries]).reshape(len(entries), -1, 3)


def publish_run(source: RunDirectory, target: RunDirectory, section: str) -> None:
    """Copy a finished run, with a longer model card; ``results.json`` is copied last.

    Args:
        source: the run.
        target: where it is copied to.
        section: text that is added to the model card.
    """
    changed = (source.card, source.results)
    for path in (each for each in source.own_files if each not in changed):
        copy_atomic(path, target.root / path.relative_to(source.root))
    write_text_atomic(target.card, source.card.read_text(encoding="utf-8") + section)
    copy_atomic(source.results, target.results)
