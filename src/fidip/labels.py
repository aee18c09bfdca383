"""``fidip labels``: convert labels between this program and others."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("labels")

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from omegaconf import DictConfig

from fidip.cli.messages import SOME_FAILED
from fidip.core.errors import ConfigError
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.data.label_conversion import (
    CollectedLabels,
    ReadOptions,
    as_coco,
    by_image,
    collect,
    copied,
    copy_names,
    names_of,
)
from fidip.io.atomic import write_text_atomic
from fidip.io.coco import PRE_ANNOTATIONS, annotation_file
from fidip.io.directories import output_folder
from fidip.io.json import to_json, write_json
from fidip.io.labels.cvat import cvat_labels, to_cvat
from fidip.io.labels.label_studio import labeling_config, to_label_studio
from fidip.io.labels.labelled import LabelledImage
from fidip.io.labels.sleap import PREDICTED_INSTANCES


def labels(config: DictConfig) -> None:
    """Read labels and write them in the format that ``to`` names."""
    options = ReadOptions(
        renamed=dict(config.joints or {}),
        images=Path(config.images) if config.images else None,
        format_name=config.format,
        annotator=config.annotator,
        depth=config.depth,
        needs_labels=config.to == "coco",
    )
    with TemporaryDirectory(prefix="fidip-labels-") as scratch:
        if config.to == "coco":
            check_new_split(config)
        read = collect(Path(config.source), options, Path(scratch))
        copies = copy_names([f.person.name for f in read.found], [f.path for f in read.found])
        images = by_image(read.found, copies)
        if config.to == "coco":
            to_dataset(config, copies, images)
        else:
            to_program(config, copies, images)
    print_losses(read, is_dataset=config.to == "coco")
    if read.failed:
        print(f"{read.total - len(read.failed)} of {read.total} files converted")
        raise SystemExit(SOME_FAILED)


def check_new_split(config: DictConfig) -> None:
    """Check that the split does not exist yet."""
    file = annotation_file(Path(config.out), str(config.split))
    if file.exists():
        raise ConfigError(f"{file} exists; choose another split=NAME or out=DIR")


def to_dataset(
    config: DictConfig, copies: dict[Path, str], images: Sequence[LabelledImage]
) -> None:
    """Copy the images of people and write an annotation file in SyRIP's layout."""
    out, split = Path(config.out), str(config.split)
    file = annotation_file(out, split)
    names = [f"images/{split}/{copy}" for copy in copies.values()]
    with (
        output_folder(out, [*names, f"annotations/{file.name}"]),
        copied(copies, out / "images" / split),
    ):
        write_json(file, as_coco(images, config.is_synthetic))
    print(read_annotations(file, out / "images" / split))
    print(f"use it with data.root={out} and data.train_split={split} or data.test_split={split}")


def to_program(
    config: DictConfig, copies: dict[Path, str], images: Sequence[LabelledImage]
) -> None:
    """Copy the images and write the files to import into Label Studio or CVAT."""
    out = Path(config.out)
    listed = [image._replace(name=f"images/{image.name}") for image in images]
    texts = {**EXPORTS[config.to](images), PRE_ANNOTATIONS: to_json(as_coco(listed))}
    there = [name for name in texts if (out / name).exists()]
    if there:
        raise ConfigError(f"{out / there[0]} exists; choose another out=DIR")
    names = [f"images/{copy}" for copy in copies.values()]
    with output_folder(out, [*names, *texts]), copied(copies, out / "images"):
        for name, text in texts.items():
            write_text_atomic(out / name, text)
    predicted = sum(person.is_predicted for image in images for person in image.people)
    total = sum(len(image.people) for image in images)
    print(f"{out}: {len(images)} images, {total} people, {predicted} of them predicted")
    print(NEXT[config.to].format(out=out.absolute()))


def print_losses(read: CollectedLabels, is_dataset: bool) -> None:
    """Print what was left out, and which joints have no label."""
    hidden = read.unknown.pop(PREDICTED_INSTANCES, 0)
    if read.unknown:
        print(f"left out, none of the {len(COCO17)}: {names_of(read.unknown)}")
    predicted = hidden + (read.predicted if is_dataset else 0)
    if predicted:
        print(f"left out: {predicted} predicted people that were not confirmed")
    is_labelled = np.any([each.person.keypoints[:, 2] > 0 for each in read.found], axis=0)
    never = [COCO17.joints[index] for index in np.flatnonzero(~is_labelled)]
    if never and is_dataset:
        print(f"no person has a label of: {', '.join(never)}")
    deep = len({each.path for each in read.found if each.has_16_bits})
    if deep:
        print(
            f"images with 16 bits: {deep}; training uses the upper 8 bits. Convert depth with "
            "depth=[NEAR,FAR]"
        )
    for line in read.failed:
        print(f"failed: {line}")


def label_studio_files(images: Sequence[LabelledImage]) -> dict[str, str]:
    """Return the content of the files for Label Studio by name."""
    return {"config.xml": labeling_config(), "tasks.json": to_json(to_label_studio(images))}


def cvat_files(images: Sequence[LabelledImage]) -> dict[str, str]:
    """Return the content of the files for CVAT by name."""
    return {"labels.json": to_json(cvat_labels()), "annotations.xml": to_cvat(images)}


EXPORTS = {"label-studio": label_studio_files, "cvat": cvat_files}
NEXT = {
    "label-studio": (
        "start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={out}, paste config.xml as the labeling interface, "
        "add {out}/images as local storage, and import tasks.json"
    ),
    "cvat": (
        "make a task with the labels of labels.json (Raw) and the images, then upload "
        "annotations.xml as CVAT 1.1"
    ),
}
"""What to do with the files, by program."""


@command("labels")
def main(config: DictConfig) -> None:
    """Run the command."""
    labels(config)


if __name__ == "__main__":
    main()
