"""Conversion of labels between COCO and other programs, with copies of the images."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fidip.core.errors import ConfigError, DataError
from fidip.core.geometry import box_around, filled_area
from fidip.core.skeleton import COCO17
from fidip.data.label_formats import (
    LABEL_FORMATS,
    format_of,
    frame_fields,
    image_folders,
    label_files,
    read_labels,
)
from fidip.data.label_images import LocatedPerson, locate
from fidip.io.atomic import copy_atomic
from fidip.io.coco import annotation_record, image_record, person_category
from fidip.io.labels.labelled import Joints, Labelled, LabelledImage

MOST_NAMES = 20
"""Number of unknown names that a message lists."""


@dataclass(frozen=True)
class ReadOptions:
    """How labels are read.

    Attributes:
        renamed: fidip's joint names by the file's names.
        images: folder of the images; None for those where each format has them.
        format_name: key of ``LABEL_FORMATS``; None to recognise the format.
        annotator: as for ``read_label_studio``.
        depth: as for ``locate``.
        needs_labels: leave out images without labels, and people that are only predicted.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    images: Path | None = None
    format_name: str | None = None
    annotator: int | str | None = None
    depth: Sequence[float] | None = None
    needs_labels: bool = True


@dataclass
class CollectedLabels:
    """Labelled people of one or several files.

    Attributes:
        total: number of files.
        found: the people with their images.
        unknown: number of points by name, of names that are not among the 17 joints.
        predicted: number of people that were left out because they are only predicted.
        failed: a line about each file that was left out.
    """

    total: int
    found: list[LocatedPerson] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    predicted: int = 0
    failed: list[str] = field(default_factory=list)


def collect(source: Path, options: ReadOptions, scratch: Path) -> CollectedLabels:
    """Read the labels of a file or folder, and find their images.

    In a folder, a malformed file, a file of another skeleton, or a file without its images is left
    out and reported.

    Args:
        source: a label file, or a folder of them.
        options: how to read them.
        scratch: an empty folder for frames of videos, embedded and converted images.

    Raises:
        DataError: the only file is malformed, all are, none has a joint, or two label one image.
    """
    files = label_files(source, options.format_name)
    labels = CollectedLabels(len(files))
    owners: dict[Path, Path] = {}
    shared: list[tuple[str, Path, Path]] = []
    for number, file in enumerate(files):
        try:
            found = _read(file, options, labels, scratch / str(number))
        except DataError as error:
            if len(files) == 1:
                raise
            labels.failed.append(str(error))
            continue
        for each in found:
            owner = owners.setdefault(each.path, file)
            if owner != file:
                shared.append((each.person.name, owner, file))
        labels.found += found
    if shared:
        name, first, second = shared[0]
        raise DataError(
            f"source={source}: {len(shared)} people are in images that two files label (the first: "
            f"{name} in {first} and {second}); expected the labels of one annotator. Convert each "
            "file by itself, with another split=NAME"
        )
    if not labels.found:
        raise DataError(labels.failed[0] if labels.failed else _no_joint(source, labels.unknown))
    return labels


def _read(
    file: Path, options: ReadOptions, labels: CollectedLabels, scratch: Path
) -> list[LocatedPerson]:
    """Return the people of a file with their images, and add what is left out to the labels."""
    joints, name = Joints(options.renamed), options.format_name or format_of(file)
    folders = [options.images] if options.images else folders_of(file, name)
    people = read_labels(file, joints, folders, name, options.annotator)
    known = [person for person in people if person.keypoints[:, 2].any()]
    if not known and joints.unknown:
        raise DataError(_no_joint(file, joints.unknown))
    labelled = [person for person in known if not person.is_predicted]
    if options.needs_labels and known and not labelled:
        raise DataError(
            f"{file}: all {len(known)} people are predictions; expected labels that a person has "
            "confirmed. Submit them in Label Studio, tick 'checked' in CVAT, or press Enter in "
            "fidip app label="
        )
    found = locate(
        file, labelled if options.needs_labels else people, folders, scratch, options.depth
    )
    labels.unknown += joints.unknown
    labels.predicted += len(known) - len(labelled)
    return found


def folders_of(file: Path, format_name: str) -> list[Path]:
    """Return the folders in which the images of a label file are searched.

    Args:
        file: the label file.
        format_name: key of ``LABEL_FORMATS``.
    """
    further = [file.parent / each for each in LABEL_FORMATS[format_name].image_folders]
    return [*image_folders(file), *further]


def _no_joint(source: Path, unknown: Counter[str]) -> str:
    return (
        f"{source}: no person has one of the {len(COCO17)} joints; names that are none: "
        f"{names_of(unknown, with_counts=False) or 'none'}; map them with 'joints={{snout: nose}}'"
    )


def names_of(unknown: Counter[str], with_counts: bool = True) -> str:
    """Return names with the numbers of their points, for a message.

    Args:
        unknown: number of points by name.
        with_counts: whether to append the numbers.

    Example:
        >>> names_of(Counter({"tail": 2, "snout": 1}))
        'tail (2), snout (1)'
    """
    names = [f"{name} ({n})" if with_counts else name for name, n in unknown.items()]
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more names" if more > 0 else "")


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


def by_image(found: Sequence[LocatedPerson], copies: Mapping[Path, str]) -> list[LabelledImage]:
    """Return the people of each image.

    Args:
        found: the labelled and predicted people with their images.
        copies: the names of the copies by path.

    Raises:
        DataError: a file of ``fidip frames`` above an image is malformed.
    """
    known = frame_fields(copies)
    first = {each.path: each for each in reversed(found)}
    images = {
        path: LabelledImage(
            name,
            first[path].wh,
            [],
            {**known.get(path, {}), **_frame_of(first[path].person)},
            first[path].person.other.video,
        )
        for path, name in copies.items()
    }
    for each in found:
        if each.person.keypoints[:, 2].any():
            images[each.path].people.append(each.person)
    return list(images.values())


def as_coco(
    images: Sequence[LabelledImage], is_synthetic: bool | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return the content of an annotation file in SyRIP's layout.

    Args:
        images: the images with their people.
        is_synthetic: domain of the images; None for that in a COCO file, or else real.

    Returns:
        A dictionary with ``images``, ``annotations``, ``categories``, and the ``videos`` of a COCO
        file. Frames of other videos have the video's name as ``video_id`` and their number as
        ``frame_index``. Other fields of a COCO file are kept.
    """
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, start=1):
        for person in image.people:
            annotations.append(_annotation(len(annotations) + 1, image_id, person))
    records = [
        {**image_record(image_id, image.name, image.wh), **image.fields,
         "is_synthetic": _is_synthetic(image, is_synthetic)}
        for image_id, image in enumerate(images, start=1)
    ]  # fmt: skip
    videos = list({str(i.video["id"]): dict(i.video) for i in images if i.video}.values())
    return {
        **({"videos": videos} if videos else {}),
        "images": records,
        "annotations": annotations,
        "categories": [person_category()],
    }


def _annotation(id_: int, image_id: int, person: Labelled) -> dict[str, Any]:
    box = person.box_xywh if person.box_xywh is not None else box_around(person.keypoints)
    record = annotation_record(
        id_, image_id, box.round(3).tolist(), filled_area(box), person.keypoints.round(3)
    )
    is_predicted = {"is_predicted": True} if person.is_predicted else {}
    return record | dict(person.other.person) | is_predicted


def _frame_of(person: Labelled) -> dict[str, Any]:
    """Return the fields about a person's image: its frame in a video, and those of a COCO file."""
    if person.frame is None:
        return dict(person.other.image)
    frame = {"video_id": PurePosixPath(person.name).name, "frame_index": person.frame}
    return frame | dict(person.other.image)


def _is_synthetic(image: LabelledImage, is_synthetic: bool | None) -> bool:
    return bool(image.fields.get("is_synthetic")) if is_synthetic is None else is_synthetic
