"""Conversion of external labels to COCO annotation files, with copies of the images."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from fidip.core.errors import ConfigError, DataError
from fidip.core.geometry import box_around
from fidip.data import read_annotations
from fidip.data.external_labels import Joints, Labelled, find_image, read_dlc, read_label_studio
from fidip.io.atomic import copy_atomic
from fidip.io.coco import annotation_record, person_category
from fidip.io.images import decode_rgb
from fidip.io.json import read_json

FILLED = 0.53
"""Fraction of a box that a person fills, as CrowdPose's evaluation assumes without an outline."""


def read_labels(source: Path, joints: Joints, folders: Sequence[Path]) -> list[Labelled]:
    """Read labels in the format of DeepLabCut, Label Studio or COCO, detected from the file.

    Args:
        source: the label file.
        joints: mapping of joint names.
        folders: folders of the images.

    Returns:
        The labelled people.

    Raises:
        DataError: the file is in none of these formats, or is malformed.
    """
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
    """Find the image of each labelled person.

    Args:
        source: the label file, for the message.
        people: the labelled people.
        folders: folders to search.

    Returns:
        The path of the image of each person.

    Raises:
        DataError: an image is missing.
    """
    paths = [find_image(person.name, folders) for person in people]
    missing = [p.name for p, path in zip(people, paths, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{source}: {len(missing)} of {len(people)} images are missing (the first: "
            f"{missing[0]}); give their folder with images=DIR"
        )
    return [path for path in paths if path is not None]


def copy_names(names: Sequence[str], paths: Sequence[Path]) -> dict[Path, str]:
    """Return a unique name for each image's copy, below the folder of its split.

    Images whose short names are equal, ignoring case, keep the folders that they are in.

    Args:
        names: names of the images in the label file.
        paths: paths of the images; an image may occur several times.

    Returns:
        The name of the copy by path.

    Example:
        >>> paths = [Path("/x/a.png"), Path("/y/a.png"), Path("/y/b.png")]
        >>> list(copy_names(["a.png", "a.png", "b.png"], paths).values())
        ['x/a.png', 'y/a.png', 'b.png']
    """
    short = {path: short_name(name, path) for name, path in zip(names, paths, strict=True)}
    root = os.path.commonpath([os.path.abspath(path.parent) for path in short])
    counts = Counter(name.casefold() for name in short.values())
    taken = {key for key, count in counts.items() if count == 1}
    copies: dict[Path, str] = {}
    for path, name in short.items():
        copies[path] = name
        if counts[name.casefold()] > 1:
            below = PurePosixPath(Path(os.path.abspath(path)).relative_to(root).as_posix())
            numbered = (f"{below.with_suffix('')}-{n}{below.suffix}" for n in itertools.count(2))
            candidates = itertools.chain([str(below)], numbered)
            copies[path] = next(each for each in candidates if each.casefold() not in taken)
            taken.add(copies[path].casefold())
    return copies


def short_name(name: str, path: Path) -> str:
    """Return the name of an image's copy.

    DeepLabCut images keep the folder of their video, because frames of different videos have equal
    names.

    Args:
        name: name of the image in the label file.
        path: path of the image.

    Example:
        >>> short_name("labeled-data/baby/img01.png", Path("/data/baby/img01.png"))
        'baby/img01.png'
    """
    parent = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return f"{parent}/{path.name}" if "labeled-data" in name else path.name


@contextmanager
def copied(copies: Mapping[Path, str], folder: Path) -> Iterator[None]:
    """Copy images into a folder; an error inside the context removes the copies again.

    Args:
        copies: the names of the copies by path.
        folder: folder of the copies.

    Raises:
        ConfigError: a different file has the name of a copy.
        DiskError: an image cannot be written.
    """
    targets = {path: folder / name for path, name in copies.items()}
    missing = {path: copy for path, copy in targets.items() if not _is_same(path, copy)}
    there = [copy for copy in missing.values() if copy.exists()]
    if there:
        raise ConfigError(f"{there[0]} exists; choose another split=NAME or out=DIR")
    try:
        for path, copy in missing.items():
            copy_atomic(path, copy)
        yield
    except BaseException:
        for copy in missing.values():
            copy.unlink(missing_ok=True)
        raise


def _is_same(path: Path, copy: Path) -> bool:
    return copy.exists() and path.samefile(copy)


def as_coco(
    people: Sequence[Labelled],
    paths: Sequence[Path],
    copies: Mapping[Path, str],
    is_synthetic: bool,
) -> dict[str, list[dict[str, Any]]]:
    """Return the content of an annotation file in SyRIP's layout.

    Args:
        people: the labelled people.
        paths: the path of each person's image.
        copies: the names of the copies by path.
        is_synthetic: domain of the images.

    Returns:
        A dictionary with ``images``, ``annotations`` and ``categories``.
    """
    ids: dict[Path, int] = {}
    images, annotations = [], []
    for number, (person, path) in enumerate(zip(people, paths, strict=True), start=1):
        height, width = decode_rgb(path.read_bytes(), path).shape[:2]
        if path not in ids:
            ids[path] = len(ids) + 1
            images.append(
                {"id": ids[path], "file_name": copies[path], "width": width, "height": height,
                 "is_synthetic": is_synthetic}
            )  # fmt: skip
        box = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
        annotations.append(
            annotation_record(
                number,
                ids[path],
                box.round(3).tolist(),
                round(float(FILLED * box[2] * box[3]), 3),
                person.keypoints.round(3),
            )
        )
    return {"images": images, "annotations": annotations, "categories": [person_category()]}
