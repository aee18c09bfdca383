"""Formats of label files that can be converted: one row per format."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as short
from typing import Any

from fidip.core.errors import ConfigError, DataError
from fidip.core.people import Annotation
from fidip.data.annotation_checks import list_of
from fidip.data.annotation_records import (
    NO_JOINTS,
    files_in,
    image_info,
    is_person,
    video_names,
)
from fidip.data.annotations import inspect_annotations, read_preannotations
from fidip.io.coco import PRE_ANNOTATIONS, split_of
from fidip.io.json import read_json, read_object
from fidip.io.labels.cvat import read_cvat
from fidip.io.labels.deeplabcut import read_dlc
from fidip.io.labels.keypoint_tables import (
    point_columns,
    read_points,
    read_table,
    sheets_of,
    table_columns,
)
from fidip.io.labels.label_studio import read_label_studio
from fidip.io.labels.labelled import Joints, Labelled, OtherFields
from fidip.io.labels.labelme import read_labelme
from fidip.io.labels.sleap import read_sleap_json
from fidip.io.labels.trial import READERS, require_readable
from fidip.io.records import parse_records

LabelReader = Callable[[Path, Joints, Sequence[Path]], list[Labelled]]
"""Reads a file; the folders are those of the images."""


IMAGE_KEYS = {"id", "file_name", "width", "height"}
PERSON_KEYS = {"id", "image_id", "category_id", "iscrowd", "bbox", "num_keypoints", "keypoints"}
"""Keys of COCO's records that copies have of their own."""


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


def _coco(path: Path, joints: Joints, folders: Sequence[Path]) -> list[Labelled]:
    """Read COCO's layout; an image without people gives one without keypoints."""
    labelled = {person.id for person in inspect_annotations(path, *folders).people}
    people = read_preannotations(path, *folders).people
    of_image: dict[int, list[Annotation]] = {image.id: [] for image in people.images}
    for person in people:
        of_image[person.image_id].append(person)
    other = _OtherFields(read_object(path))
    found = []
    for image in people.images:
        name = image.path.relative_to(_above(image.path, folders)).as_posix()
        frame = image.frame if image.is_in_video else None
        found += [
            Labelled(
                name,
                p.keypoints,
                p.box_xywh,
                image.wh,
                is_predicted=p.id not in labelled,
                frame=frame,
                other=other.of(image.id, p.id),
            )
            for p in of_image[image.id]
        ] or [Labelled(name, NO_JOINTS, image_wh=image.wh, frame=frame, other=other.of(image.id))]
    return found


def frame_fields(paths: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Return video, frame, time and subject of images that ``fidip frames`` has written.

    They are in ``pre_annotations.json`` in a folder above the image. Copies for other programs,
    which ``fidip labels to=`` writes, have such a file, too.

    Args:
        paths: paths of images.

    Returns:
        The fields by path, of images that such a file lists as frames of a video; ``video_id`` is
        the name of the video.

    Raises:
        DataError: a file is malformed.
    """
    places = {path.absolute(): path for path in paths}
    files = {folder / PRE_ANNOTATIONS for place in places for folder in place.parents}
    return {
        places[path]: fields
        for file in sorted(file for file in files if file.is_file())
        for path, fields in _frames_in(file)
        if path in places
    }


def _frames_in(file: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield path and further fields of the images that a COCO file lists as frames of videos."""
    document = read_object(file)
    records, videos = list_of(file, document, "images"), video_names(document)
    names = functools.cache(files_in)
    images = parse_records(
        file, "image", records, lambda each: image_info(each, [file.parent], names, videos)
    )
    for image, record in zip(images, records, strict=True):
        if image.video is not None:
            yield image.path, {**_further(record), "video_id": image.video}


def _further(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an image's record that copies do not have of their own."""
    return {key: value for key, value in record.items() if key not in IMAGE_KEYS}


class _OtherFields:
    """Fields of the records of a COCO file that ``Labelled`` does not have."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._images = {record["id"]: record for record in document["images"]}
        self._people = {each["id"]: each for each in document["annotations"] if is_person(each)}
        videos = document.get("videos")
        self._videos = {
            str(record.get("id")): record
            for record in (videos if isinstance(videos, list) else [])
            if isinstance(record, dict)
        }

    def of(self, image_id: int, annotation_id: int | None = None) -> OtherFields:
        """Return the fields about a person, or about an image without people."""
        image = self._images[image_id]
        person = {} if annotation_id is None else self._people[annotation_id]
        return OtherFields(
            _further(image),
            {key: value for key, value in person.items() if key not in PERSON_KEYS},
            self._videos.get(str(image.get("video_id")), {}),
        )


def _above(path: Path, folders: Sequence[Path]) -> Path:
    return next(folder for folder in folders if path.is_relative_to(folder))


def _alone(read: Callable[[Path, Joints], list[Labelled]]) -> LabelReader:
    """Return a reader that needs no folders."""
    return lambda path, joints, folders: read(path, joints)


def _hdf5(path: Path, joints: Joints, folders: Sequence[Path]) -> list[Labelled]:
    """Read an HDF5 file after a trial."""
    require_readable(path)
    return READERS[path.suffix.lower()](path, joints)


@dataclass(frozen=True)
class LabelFileFormat:
    """Format of a label file.

    Attributes:
        title: name of the program or dataset.
        readers: reader by file suffix.
        patterns: patterns of the names of its files in a folder; none if there is one file for
            all images.
        image_folders: further folders of the images, relative to that of the label file.
    """

    title: str
    readers: dict[str, LabelReader]
    patterns: Sequence[str] = ()
    image_folders: Sequence[str] = ()


BESIDE = ("img", "../img")
"""Folders of the images of a dataset that keeps labels in a folder of their own."""
LABEL_FORMATS = {
    "coco": LabelFileFormat("COCO", {".json": _coco}),
    "label-studio": LabelFileFormat("Label Studio", {".json": _alone(read_label_studio)}),
    "cvat": LabelFileFormat("CVAT", {".xml": _alone(read_cvat)}),
    "labelme": LabelFileFormat("LabelMe", {".json": _alone(read_labelme)}, ("*.json",), BESIDE),
    "deeplabcut": LabelFileFormat(
        "DeepLabCut",
        {".csv": _alone(read_dlc), ".h5": _hdf5},
        ("CollectedData_*.csv", "CollectedData_*.h5"),
    ),
    "sleap": LabelFileFormat(
        "SLEAP", {".slp": _hdf5, ".json": _alone(read_sleap_json)}, ("*.slp",)
    ),
    "table": LabelFileFormat(
        "a table with a row per image",
        {".csv": _alone(read_table), ".xlsx": _alone(read_table)},
        ("*.xlsx", "*.csv"),
        BESIDE,
    ),
    "points": LabelFileFormat(
        "a table with a row per point", {".csv": _alone(read_points)}, ("*.csv",), BESIDE
    ),
}
"""Formats by the value of ``format=``."""
BY_SUFFIX = {".slp": "sleap", ".h5": "deeplabcut", ".xlsx": "table", ".xml": "cvat"}
"""Formats of files that are not text."""


def format_of(path: Path) -> str:
    """Return the format of a label file, recognised by its suffix and content.

    Args:
        path: the file.

    Returns:
        A key of ``LABEL_FORMATS``; ``deeplabcut`` for an unknown CSV file and ``coco`` for other
        unknown files, whose readers say what they expect.

    Raises:
        DataError: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _format_of_csv(path)
    return BY_SUFFIX.get(suffix) or _format_of_json(path)


def _format_of_csv(path: Path) -> str:
    (rows,) = sheets_of(path).values()
    if rows and point_columns(rows[0]):
        return "points"
    is_dlc = not rows or rows[0][0] == "scorer"
    return "table" if not is_dlc and table_columns(rows) else "deeplabcut"


def _format_of_json(path: Path) -> str:
    content = read_json(path)
    if isinstance(content, list):
        return "label-studio"
    keys = content if isinstance(content, dict) else {}
    if "shapes" in keys:
        return "labelme"
    is_sleap = "skeletons" in keys and ("labels" in keys or "labeled_frames" in keys)
    return "sleap" if is_sleap else "coco"


def read_labels(
    path: Path,
    joints: Joints,
    folders: Sequence[Path],
    format_name: str,
    annotator: int | str | None = None,
) -> list[Labelled]:
    """Read a label file.

    Args:
        path: the file.
        joints: mapping of joint names.
        folders: folders of the images.
        format_name: key of ``LABEL_FORMATS``.
        annotator: as for ``read_label_studio``.

    Returns:
        The labelled and predicted people. An image without people may give one without keypoints.

    Raises:
        ConfigError: ``annotator`` is given for a file that does not name annotators.
        DataError: the file is in another format, or is malformed.
    """
    if format_name == "label-studio":
        return read_label_studio(path, joints, annotator)
    if annotator is not None:
        raise ConfigError(
            f"annotator={annotator}: {path} does not name annotators; expected Label Studio's "
            "JSON export. Remove annotator="
        )
    chosen = LABEL_FORMATS[format_name]
    reader = chosen.readers.get(path.suffix.lower()) or chosen.readers.get(".json")
    if reader is None:
        raise DataError(
            f"{path}: is no file {' or '.join(chosen.readers)}; expected labels of {chosen.title}. "
            "Choose another format="
        )
    return reader(path, joints, folders)


def label_files(source: Path, format_name: str | None = None) -> list[Path]:
    """Return the label files that a file or folder stands for.

    Hidden files are ignored, and H5 files beside a CSV file of the same name.

    Args:
        source: a file, or a folder that is searched with its subfolders.
        format_name: key of ``LABEL_FORMATS``; None for all.

    Raises:
        DataError: the folder has none.
    """
    if source.is_file():
        return [source]
    formats = [LABEL_FORMATS[format_name]] if format_name else LABEL_FORMATS.values()
    patterns = {pattern for each in formats for pattern in each.patterns}
    found = {
        path
        for pattern in patterns
        for path in source.rglob(pattern)
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    }
    files = sorted(p for p in found if p.suffix != ".h5" or p.with_suffix(".csv") not in found)
    if not files:
        raise DataError(
            f"source={source}: the folder has no label files; expected {short(sorted(patterns))}. "
            "Name a file"
        )
    return files
