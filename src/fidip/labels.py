"""``fidip labels``: convert labels between this program and others."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("labels")

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from fidip.core.errors import ConfigError, DataError
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.data.label_conversion import (
    as_coco,
    by_image,
    copied,
    copy_names,
    image_folders,
    image_sizes,
    locate,
    read_labels,
)
from fidip.io.atomic import write_text_atomic
from fidip.io.coco import annotation_file
from fidip.io.directories import output_folder
from fidip.io.json import to_json, write_json
from fidip.io.labels.cvat import cvat_labels, to_cvat
from fidip.io.labels.label_studio import labeling_config, to_label_studio
from fidip.io.labels.labelled import Joints, Labelled, LabelledImage


def labels(config: DictConfig) -> None:
    """Read labels and write them in the format that ``to`` names."""
    source, joints = Path(config.source), Joints(dict(config.joints or {}))
    folders = [Path(config.images)] if config.images else image_folders(source)
    people = read_labels(source, joints, folders, config.annotator)
    if config.to == "coco":
        to_dataset(config, confirmed(source, people, joints), folders)
    else:
        to_program(config, people, folders)
    if joints.unknown:
        print(f"left out, none of the {len(COCO17)}: {', '.join(joints.unknown)}")


def confirmed(source: Path, people: Sequence[Labelled], joints: Joints) -> list[Labelled]:
    """Return the labelled people. Print how many are only predicted, and joints without a label."""
    known = [person for person in people if person.keypoints[:, 2].any()]
    labelled = [person for person in known if not person.is_predicted]
    if not known:
        raise DataError(
            f"{source}: no person has one of the {len(COCO17)} joints; names that are none: "
            f"{', '.join(joints.unknown) or 'none'}; map them with 'joints={{snout: nose}}'"
        )
    if not labelled:
        raise DataError(
            f"{source}: all {len(known)} people are predictions; expected labels that a person has "
            "confirmed. Submit them in Label Studio, tick 'checked' in CVAT, or press Enter in "
            "fidip app label="
        )
    if len(labelled) < len(known):
        print(f"left out: {len(known) - len(labelled)} predicted people that were not confirmed")
    never = [
        name
        for joint, name in enumerate(COCO17.joints)
        if not any(person.keypoints[joint, 2] for person in labelled)
    ]
    if never:
        print(f"no person has a label of: {', '.join(never)}")
    return labelled


def to_dataset(config: DictConfig, people: Sequence[Labelled], folders: Sequence[Path]) -> None:
    """Copy the images of people and write an annotation file in SyRIP's layout."""
    out, split = Path(config.out), str(config.split)
    file = annotation_file(out, split)
    if file.exists():
        raise ConfigError(f"{file} exists; choose another split=NAME or out=DIR")
    copies, images = located(Path(config.source), people, folders)
    names = [f"images/{split}/{copy}" for copy in copies.values()]
    with (
        output_folder(out, [*names, f"annotations/{file.name}"]),
        copied(copies, out / "images" / split),
    ):
        write_json(file, as_coco(images, config.is_synthetic))
    print(read_annotations(file, out / "images" / split))
    print(f"use it with data.root={out} and data.train_split={split} or data.test_split={split}")


def to_program(config: DictConfig, people: Sequence[Labelled], folders: Sequence[Path]) -> None:
    """Copy the images and write the files to import into Label Studio or CVAT."""
    out = Path(config.out)
    copies, images = located(Path(config.source), people, folders)
    texts = EXPORTS[config.to](images)
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


def located(
    source: Path, people: Sequence[Labelled], folders: Sequence[Path]
) -> tuple[dict[Path, str], list[LabelledImage]]:
    """Return the names of the images' copies by path, and the people of each image."""
    paths = locate(source, people, folders)
    copies = copy_names([person.name for person in people], paths)
    return copies, by_image(people, paths, copies, image_sizes(source, people, paths))


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
