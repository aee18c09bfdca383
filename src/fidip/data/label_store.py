"""Labels of images in a COCO file that is edited by hand, one image at a time."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fidip.core.arrays import ImageSize
from fidip.core.errors import DataError, FidipError, shown
from fidip.core.geometry import box_around, filled_area
from fidip.core.skeleton import COCO17
from fidip.data.annotation_records import is_person
from fidip.data.annotations import read_preannotations
from fidip.data.label_formats import image_folders
from fidip.io.coco import (
    PRE_ANNOTATIONS,
    PREFIX,
    annotation_record,
    image_record,
    person_category,
)
from fidip.io.images import decode_rgb
from fidip.io.json import read_bytes, read_object, write_json
from fidip.io.media_files import UNSUPPORTED_PHOTOS, is_photo
from fidip.io.record_fields import numbers
from fidip.io.records import Record, RecordError

log = logging.getLogger(__name__)
NAME = "labels.json"
"""Name of the file of a folder of images."""
State = Literal["todo", "done"]


class ChangedError(FidipError):
    """Error for labels that somebody else has changed in the meantime."""


@dataclass(frozen=True, eq=False)
class EditedPerson:
    """Person as the labelling page shows it.

    Attributes:
        id: id of the annotation; None for a new person.
        keypoints: (K, 3) x and y in image px, and visibility.
        is_predicted: whether it is a prediction that no person has confirmed.
        scores: (K,) confidences of the prediction; None if unknown.
    """

    id: int | None
    keypoints: NDArray[np.float64]
    is_predicted: bool
    scores: NDArray[np.float64] | None = None


class LabelStore:
    """Images with their labels, in a COCO file that is written after every change.

    Other fields and records of the file are kept.

    Args:
        path: a COCO file, a folder of ``fidip frames``, a dataset with one file below
            ``annotations``, or a folder of images, whose file is ``labels.json``.

    Raises:
        DataError: there are no images, an image is missing, or the file is malformed.
    """

    def __init__(self, path: Path) -> None:
        self.file, self._folders = label_file(path)
        self._is_folder = path.is_dir() and self.file == path / NAME
        self._lock = RLock()
        self._versions: dict[int, int] = {}
        if self._is_folder:
            _warn_about_unreadable(path)
        self._load()

    def _load(self) -> None:
        """Read the file; after an error, the labels in memory are unchanged."""
        stamp = _stamp(self.file)
        document: Record = {"images": [], "annotations": []}
        paths: dict[int, Path] = {}
        if stamp is not None:
            people = read_preannotations(self.file, *self._folders).people
            document = read_object(self.file)
            paths = {image.id: image.path for image in people.images}
        names = {image["id"]: image["file_name"] for image in document["images"]}
        if self._is_folder:
            for image_id, name in _new_images(self.file.parent, names):
                names[image_id], paths[image_id] = name, self.file.parent / name
            order = sorted(paths, key=lambda image_id: _natural(names[image_id]))
            paths = {image_id: paths[image_id] for image_id in order}
        missing = [path for path in paths.values() if not path.is_file()]
        if missing or not paths:
            named = "".join(f", the first: {shown(path)}" for path in missing[:1])
            raise DataError(
                f"label={shown(self.file)}: {len(missing)} of {len(paths)} images are missing"
                f"{named}; expected a folder of images, or a COCO file beside them. Correct label="
            )
        self._stamp, self._document, self._names, self._paths = stamp, document, names, paths

    def refresh(self) -> None:
        """Read the file again if another program has changed it."""
        with self._lock:
            if _stamp(self.file) != self._stamp:
                self._load()
                self._versions = {image_id: self.version(image_id) + 1 for image_id in self._paths}

    def images(self) -> list[tuple[int, str, State]]:
        """Return id, name and state of all images. A bare image is to do."""
        with self._lock:
            of_image: dict[int, list[Record]] = {image_id: [] for image_id in self._paths}
            for record in self._editable():
                of_image[record["image_id"]].append(record)
            empty = {i["id"] for i in self._document["images"] if i.get("is_labelled")}
            return [
                (image_id, self._names[image_id], _state(records, image_id in empty))
                for image_id, records in of_image.items()
            ]

    def path(self, image_id: int) -> Path:
        """Return the path of an image.

        Raises:
            KeyError: there is no such image.
        """
        return self._paths[image_id]

    def version(self, image_id: int) -> int:
        """Return the number of changes of an image so far."""
        return self._versions.get(image_id, 0)

    def people(self, image_id: int) -> tuple[int, list[EditedPerson] | None]:
        """Return the version of an image and its people, read together.

        Returns:
            The version for ``save``, and the people; None if the image has neither been labelled
            nor predicted.
        """
        with self._lock:
            people = [_edited(each) for each in self._editable() if each["image_id"] == image_id]
            is_labelled = bool((self._image(image_id) or {}).get("is_labelled"))
            return self.version(image_id), people if people or is_labelled else None

    def save(
        self, image_id: int, people: Sequence[EditedPerson], is_done: bool, version: int
    ) -> list[int]:
        """Replace the people of an image and write the file.

        Args:
            image_id: id of the image.
            people: all people; those without a keypoint are left out.
            is_done: whether the labels of the image are complete, also without people.
            version: the version of the image that was edited; saving increases it by 1.

        Returns:
            The ids of the annotations of all people with a keypoint.

        Raises:
            ChangedError: the image or the file has been changed in the meantime.
            DiskError: the file cannot be written. It is unchanged.
        """
        with self._lock:
            if version != self.version(image_id) or _stamp(self.file) != self._stamp:
                raise ChangedError(
                    f"{self.file}: {self._names[image_id]} was changed by another page or program; "
                    "expected one at a time. Load the page again"
                )
            document = self._with(image_id, people, is_done)
            write_json(self.file, document, compact=True)
            self._document, self._stamp = document, _stamp(self.file)
            self._versions[image_id] = version + 1
            return [each["id"] for each in self._editable() if each["image_id"] == image_id]

    def _with(self, image_id: int, people: Sequence[EditedPerson], is_done: bool) -> Record:
        """Return the document with other people in an image."""
        wh = self._size(image_id)
        records = self._document["annotations"]
        editable = [each for each in self._editable() if each["image_id"] == image_id]
        old: dict[int | None, Record] = {each["id"]: each for each in editable}
        kept = [each for each in records if all(each is not edited for edited in editable)]
        ids = (each.get("id") for each in records)  # other categories need none
        new_ids = count(max((id_ for id_ in ids if type(id_) is int), default=0) + 1)
        new = [
            _record(person, old.get(person.id) or {"id": next(new_ids)}, image_id, wh)
            for person in people
            if person.keypoints[:, 2].any()
        ]
        record = image_record(image_id, self._names[image_id], wh)
        image = {**record, **(self._image(image_id) or {})}
        image.pop("is_labelled", None)
        if is_done and not new:
            image["is_labelled"] = True
        images = [each for each in self._document["images"] if each["id"] != image_id]
        position = sum(self._order(each["id"]) < self._order(image_id) for each in images)
        images.insert(position, image)
        return {
            "categories": [person_category()],
            **self._document,
            "images": images,
            "annotations": kept + new,
        }

    def _order(self, image_id: int) -> int:
        return list(self._paths).index(image_id)

    def _image(self, image_id: int) -> Record | None:
        return next((each for each in self._document["images"] if each["id"] == image_id), None)

    def _size(self, image_id: int) -> ImageSize:
        known = self._image(image_id)
        if known:
            return int(known["width"]), int(known["height"])
        path = self._paths[image_id]
        height, width = decode_rgb(read_bytes(path), path).shape[:2]
        return width, height

    def _editable(self) -> Iterator[Record]:
        """Return the annotations of single people."""
        for record in self._document["annotations"]:
            if is_person(record) and not record.get("iscrowd"):
                yield record


def label_file(path: Path, setting: str = "label") -> tuple[Path, list[Path]]:
    """Return the annotation file that a path stands for, and the folders of its images.

    Args:
        path: as for ``LabelStore``.
        setting: configuration key of the path, for messages.

    Raises:
        DataError: a dataset has several annotation files.
    """
    if not path.is_dir():
        return path, image_folders(path)
    own = [path / name for name in (NAME, PRE_ANNOTATIONS) if (path / name).exists()]
    files = sorted((path / "annotations").glob(f"{PREFIX}*.json"))
    if own or not files:
        file = own[0] if own else path / NAME
        return file, [path]
    if len(files) > 1:
        raise DataError(
            f"{setting}={shown(path)}: has {len(files)} annotation files, such as {files[0].name} "
            f"and {files[1].name}; expected one. Name it: {setting}={shown(files[0])}"
        )
    return files[0], image_folders(files[0])


def _new_images(root: Path, names: Mapping[int, str]) -> list[tuple[int, str]]:
    """Return ids and names of the images in a folder that have no name yet."""
    known, first = set(names.values()), max(names, default=0) + 1
    new = (path.as_posix() for path in _files_below(root) if is_photo(path))
    return list(enumerate((name for name in new if name not in known), start=first))


def _warn_about_unreadable(root: Path) -> None:
    """Log a line about images that the page does not show because of their format."""
    found = [path for path in _files_below(root) if path.suffix.lower() in UNSUPPORTED_PHOTOS]
    if found:
        remedy = UNSUPPORTED_PHOTOS[found[0].suffix.lower()]
        first = f"the first: {shown(found[0])}"
        log.warning("%s: %d images cannot be read (%s). %s", shown(root), len(found), first, remedy)


def _files_below(root: Path) -> list[Path]:
    """Return the sorted paths of the files below a folder, relative to it, without hidden ones."""
    relative = (path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file())
    return [path for path in relative if not any(part.startswith(".") for part in path.parts)]


def _stamp(file: Path) -> tuple[int, int] | None:
    """Return what changes when the file is written; None if it does not exist."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in names as numbers: a2 before a10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _state(records: Sequence[Record], is_labelled: bool) -> State:
    if not records:
        return "done" if is_labelled else "todo"
    return "todo" if any(record.get("is_predicted") for record in records) else "done"


def _edited(record: Record) -> EditedPerson:
    keypoints = np.reshape(record["keypoints"], (len(COCO17), 3)).astype(np.float64)
    try:
        scores = numbers(record, "keypoint_scores", len(COCO17))
    except RecordError:  # they only change how points are drawn
        scores = None
    return EditedPerson(record["id"], keypoints, bool(record.get("is_predicted")), scores)


def _record(person: EditedPerson, old: Record, image_id: int, wh: ImageSize) -> Record:
    """Return the annotation of a person; its other fields are kept."""
    keypoints = person.keypoints.round(3)
    keypoints[:, :2] = np.clip(keypoints[:, :2], -0.5, np.array(wh) - 0.5)
    keypoints[keypoints[:, 2] == 0] = 0
    is_moved = keypoints.ravel().tolist() != old.get("keypoints")
    if is_moved and (
        old.get("is_predicted", "bbox" not in old) or not _is_within(keypoints, old["bbox"])
    ):
        around = box_around(keypoints).round(3)
        box, area = around.tolist(), filled_area(around)
    else:
        box, area = old["bbox"], old["area"]
    record = {**old, **annotation_record(old["id"], image_id, box, area, keypoints)}
    for key in ("is_predicted", "score", "keypoint_scores"):
        if not person.is_predicted:
            record.pop(key, None)
    return {**record, "is_predicted": True} if person.is_predicted else record


def _is_within(keypoints: NDArray[np.float64], box: Sequence[float]) -> bool:
    xy, low = keypoints[keypoints[:, 2] > 0, :2], np.array(box[:2])
    return bool(((xy >= low) & (xy <= low + box[2:])).all())
