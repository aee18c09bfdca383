"""Conversion of labels between COCO and other programs, with copies of the images."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from fidip.core.arrays import ImageSize
from fidip.core.errors import ConfigError, DataError
from fidip.core.geometry import FILLED, box_around
from fidip.core.people import Annotation
from fidip.data.annotations import NO_JOINTS, inspect_annotations, read_preannotations
from fidip.data.external_labels import find_image, read_dlc
from fidip.io.atomic import copy_atomic
from fidip.io.coco import annotation_record, person_category, split_of
from fidip.io.images import decode_rgb
from fidip.io.json import read_json
from fidip.io.labels.cvat import read_cvat
from fidip.io.labels.label_studio import read_label_studio
from fidip.io.labels.labelled import Joints, Labelled, LabelledImage


def image_folders(source: Path) -> list[Path]:
    """Return the folders that usually have the images of a label file.

    Args:
        source: the label file.

    Example:
        >>> [folder.as_posix() for folder in image_folders(Path("a/annotations/b.json"))]
        ['a/annotations', 'a/annotations/images', 'a/images/b', 'a/images']
    """
    beside = source.parent
    images = beside.parent / "images"
    return [beside, beside / "images", images / split_of(source), images]


def read_labels(
    source: Path, joints: Joints, folders: Sequence[Path], annotator: int | str | None = None
) -> list[Labelled]:
    """Read labels of DeepLabCut, Label Studio, CVAT or COCO, detected from the file.

    Args:
        source: the label file.
        joints: mapping of joint names.
        folders: folders of the images.
        annotator: as for ``read_label_studio``.

    Returns:
        The labelled and predicted people. An image without people gives one without keypoints.

    Raises:
        ConfigError: ``annotator`` is given for a file that does not name annotators.
        DataError: the file is in none of these formats, or is malformed.
    """
    suffix = source.suffix.lower()
    content = None if suffix in (".csv", ".xml") else read_json(source)
    if isinstance(content, list):
        return read_label_studio(source, joints, annotator)
    if annotator is not None:
        raise ConfigError(
            f"annotator={annotator}: {source} does not name annotators; expected Label Studio's "
            "JSON export. Remove annotator="
        )
    if suffix == ".csv":
        return read_dlc(source, joints)
    return read_cvat(source, joints) if suffix == ".xml" else _read_coco(source, folders)


def _read_coco(source: Path, folders: Sequence[Path]) -> list[Labelled]:
    labelled = {person.id for person in inspect_annotations(source, *folders).people}
    people = read_preannotations(source, *folders).people
    of_image: dict[int, list[Annotation]] = {image.id: [] for image in people.images}
    for person in people:
        of_image[person.image_id].append(person)
    found = []
    for image in people.images:
        name = image.path.relative_to(_above(image.path, folders)).as_posix()
        found += [
            Labelled(name, p.keypoints, p.box_xywh, image.wh, is_predicted=p.id not in labelled)
            for p in of_image[image.id]
        ] or [Labelled(name, NO_JOINTS, image_wh=image.wh)]
    return found


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
    found = [path for path in paths if path is not None]
    names: dict[Path, str] = {}
    for person, path in zip(people, found, strict=True):
        if names.setdefault(path, person.name) != person.name:
            raise DataError(
                f"{source}: {names[path]} and {person.name} are both found as {path}; expected an "
                "image for each. Restore their folders, or rename one in the label file"
            )
    return found


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


def image_sizes(
    source: Path, people: Sequence[Labelled], paths: Sequence[Path]
) -> dict[Path, ImageSize]:
    """Return the (width, height) in px of the images.

    Args:
        source: the label file, for the message.
        people: the labelled people.
        paths: the path of each person's image.

    Raises:
        DataError: an image cannot be read, or does not have the size of the one that was labelled.
    """
    sizes: dict[Path, ImageSize] = {}
    for person, path in zip(people, paths, strict=True):
        if path not in sizes:
            height, width = decode_rgb(path.read_bytes(), path).shape[:2]
            sizes[path] = width, height
        if person.image_wh not in (None, sizes[path]):
            labelled, found = ("x".join(map(str, wh)) for wh in (person.image_wh, sizes[path]))
            raise DataError(
                f"{source}: {person.name} was labelled on {labelled} px, but {path} has {found} "
                "px; expected the same image. Check that no image was renamed or resized"
            )
    return sizes


def by_image(
    people: Sequence[Labelled],
    paths: Sequence[Path],
    copies: Mapping[Path, str],
    sizes: Mapping[Path, ImageSize],
) -> list[LabelledImage]:
    """Return the people of each image.

    Args:
        people: the labelled and predicted people.
        paths: the path of each person's image.
        copies: the names of the copies by path.
        sizes: the sizes of the images by path.
    """
    images = {path: LabelledImage(name, sizes[path], []) for path, name in copies.items()}
    for person, path in zip(people, paths, strict=True):
        if person.keypoints[:, 2].any():
            images[path].people.append(person)
    return list(images.values())


def as_coco(images: Sequence[LabelledImage], is_synthetic: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the content of an annotation file in SyRIP's layout.

    Args:
        images: the images with their people.
        is_synthetic: domain of the images.

    Returns:
        A dictionary with ``images``, ``annotations`` and ``categories``.
    """
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        for person in image.people:
            box = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
            area = round(float(FILLED * box[2] * box[3]), 3)
            annotations.append(
                annotation_record(
                    len(annotations) + 1,
                    image_id,
                    box.round(3).tolist(),
                    area,
                    person.keypoints.round(3),
                )
            )
    records = [
        {"id": image_id, "file_name": image.name, "width": image.wh[0], "height": image.wh[1],
         "is_synthetic": is_synthetic}
        for image_id, image in enumerate(images, start=1)
    ]  # fmt: skip
    return {"images": records, "annotations": annotations, "categories": [person_category()]}
