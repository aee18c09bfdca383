"""``fidip labels``: convert labels of other programs to a dataset for training and evaluation."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("labels")

from pathlib import Path

from omegaconf import DictConfig

from fidip.core.errors import ConfigError, DataError
from fidip.core.skeleton import COCO17
from fidip.data import read_annotations
from fidip.data.external_labels import Joints
from fidip.data.label_conversion import as_coco, copied, copy_names, locate, read_labels
from fidip.io.coco import annotation_file
from fidip.io.directories import output_folder
from fidip.io.json import write_json


def labels(config: DictConfig) -> None:
    """Read labels, copy their images, and write the annotation file last."""
    source, out, split = Path(config.source), Path(config.out), str(config.split)
    file = annotation_file(out, split)
    if file.exists():
        raise ConfigError(f"{file} exists; choose another split=NAME or out=DIR")
    joints = Joints(dict(config.joints or {}))
    folders = [Path(config.images)] if config.images else [source.parent]
    people = [p for p in read_labels(source, joints, folders) if p.keypoints[:, 2].any()]
    if not people:
        raise DataError(
            f"{source}: no person has one of the {len(COCO17)} joints; names that are none: "
            f"{', '.join(joints.unknown) or 'none'}; map them with 'joints={{snout: nose}}'"
        )
    paths = locate(source, people, folders)
    copies = copy_names([person.name for person in people], paths)
    content = as_coco(people, paths, copies, config.is_synthetic)
    names = [f"images/{split}/{copy}" for copy in copies.values()]
    with (
        output_folder(out, [*names, f"annotations/{file.name}"]),
        copied(copies, out / "images" / split),
    ):
        write_json(file, content)
    print(read_annotations(file, out / "images" / split))
    if joints.unknown:
        print(f"left out, none of the {len(COCO17)}: {', '.join(joints.unknown)}")
    print(f"use it with data.root={out} and data.train_split={split} or data.test_split={split}")


@command("labels")
def main(config: DictConfig) -> None:
    """Run the command."""
    labels(config)


if __name__ == "__main__":
    main()
