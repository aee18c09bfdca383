"""``fidip labels``: labels of other programs as a data set to train and evaluate on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from fidip.cli import command
from fidip.data import read_annotations
from fidip.data.foreign_labels import Joints, Labelled, find_image, read_dlc, read_label_studio
from fidip.data.records import read_json
from fidip.errors import ConfigError, DataError
from fidip.images import decode_rgb
from fidip.inference.writers import whole
from fidip.run_folder import write_json
from fidip.skeleton import COCO17

MARGIN = 0.25
"""Where no box is labelled it is the key points' extent and this much of it more, half on each side."""
FILLED = 0.53
"""Part of a box that a person fills, which CrowdPose's evaluation takes where there is no outline."""


def labels(config: DictConfig) -> None:
    """Read labels, copy their images, and write the annotation file last."""
    if OmegaConf.missing_keys(config):
        raise ConfigError("give source=FILE and out=DIR")
    source, out, split = Path(config.source), Path(config.out), str(config.split)
    file = out / "annotations" / f"person_keypoints_{split}.json"
    if file.exists():
        raise ConfigError(f"{file} exists; choose another split=NAME or out=DIR")
    joints = Joints(dict(config.joints or {}))
    folders = [Path(config.images)] if config.images else [source.parent]
    people = [p for p in read_labels(source, joints, folders) if p.keypoints[:, 2].any()]
    if not people:
        raise DataError(
            f"{source}: nobody with a joint of the {len(COCO17)}; names that are none: "
            f"{', '.join(joints.unknown) or 'none'}; say which is which: 'joints={{snout: nose}}'"
        )
    paths = locate(source, people, folders)
    content = as_coco(people, paths, config.is_synthetic)
    for person, path in zip(people, paths, strict=True):
        copy = out / "images" / split / short_name(person.name, path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    with whole(file) as part:
        write_json(part, content)
    print(read_annotations(file, out / "images" / split))
    if joints.unknown:
        print(f"left out, none of the {len(COCO17)}: {', '.join(joints.unknown)}")
    print(f"use it with data.root={out} and data.train_split={split} or data.test_split={split}")


def read_labels(source: Path, joints: Joints, folders: Sequence[Path]) -> list[Labelled]:
    """Labels in DeepLabCut's, Label Studio's or COCO's layout, which the file itself tells."""
    if source.suffix.lower() == ".csv":
        return read_dlc(source, joints)
    if isinstance(read_json(source), list):
        return read_label_studio(source, joints)
    people = read_annotations(source, *folders).people
    return [
        Labelled(
            str(p.image_path.relative_to(_above(p.image_path, folders))), p.keypoints, p.box_xywh
        )
        for p in people
    ]


def _above(path: Path, folders: Sequence[Path]) -> Path:
    return next(folder for folder in folders if path.is_relative_to(folder))


def locate(source: Path, people: Sequence[Labelled], folders: Sequence[Path]) -> list[Path]:
    """Raises DataError where an image is missing."""
    paths = [find_image(person.name, folders) for person in people]
    missing = [p.name for p, path in zip(people, paths, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{source}: {len(missing)} of {len(people)} images are missing (the first: {missing[0]}); "
            "say where they are with images=DIR"
        )
    return [path for path in paths if path is not None]


def short_name(name: str, path: Path) -> str:
    """The image's name below its folder: DeepLabCut calls the first image of every video alike."""
    parent = Path(name).parent.name
    return f"{parent}/{path.name}" if "labeled-data" in name else path.name


def as_coco(
    people: Sequence[Labelled], paths: Sequence[Path], is_synthetic: bool
) -> dict[str, list[dict[str, Any]]]:
    """The content of an annotation file in SyRIP's layout."""
    ids: dict[str, int] = {}
    images, annotations = [], []
    for number, (person, path) in enumerate(zip(people, paths, strict=True), start=1):
        height, width = decode_rgb(path.read_bytes(), path).shape[:2]
        name = short_name(person.name, path)
        if name not in ids:
            ids[name] = len(ids) + 1
            images.append(
                {"id": ids[name], "file_name": name, "width": width, "height": height,
                 "is_synthetic": is_synthetic}
            )  # fmt: skip
        box = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
        annotations.append(
            {
                "id": number,
                "image_id": ids[name],
                "category_id": 1,
                "iscrowd": 0,
                "bbox": box.round(3).tolist(),
                "area": round(float(FILLED * box[2] * box[3]), 3),
                "num_keypoints": int((person.keypoints[:, 2] > 0).sum()),
                "keypoints": person.keypoints.round(3).ravel().tolist(),
            }
        )
    category = {"id": 1, "name": "person", "keypoints": list(COCO17.joints)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def box_around(keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4,) xywh in image px around the labelled key points, wider by ``MARGIN``."""
    xy = keypoints[keypoints[:, 2] > 0, :2]
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = np.maximum(MARGIN / 2 * (high - low), 4)
    return np.concatenate([low - margin, high - low + 2 * margin])


@command("labels")
def main(config: DictConfig) -> None:
    labels(config)


if __name__ == "__main__":
    main()
