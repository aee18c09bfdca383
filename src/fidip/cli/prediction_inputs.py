"""Inputs of ``fidip predict``: readable files, labelled boxes, outputs and outcome."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.messages import SOME_FAILED
from fidip.core.arrays import Floats
from fidip.core.errors import DataError, shown
from fidip.data import read_annotations
from fidip.inference.output_names import TABLE, Input, output_names, table_suffixes
from fidip.inference.pipelines import Boxes
from fidip.io.directories import output_folder, require_new
from fidip.io.media_files import check_readable
from fidip.io.video import Video


@dataclass
class InputReport:
    """The state of the inputs so far.

    Attributes:
        total: number of inputs.
        done: number of inputs that were processed completely.
        failed: a line about each input without results.
        partial: a line about each damaged video, of which the first frames were processed, and
            about other results that are incomplete.
    """

    total: int
    done: int = 0
    failed: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)

    def kept(self, stop: KeyboardInterrupt) -> str:
        """Return which outputs are complete after Ctrl-C; ``stop`` names the last input's."""
        whole = [f"{self.done} of {self.total} inputs"] if self.done else []
        return " and ".join([*whole, *map(str, stop.args)]) or "nothing"

    def finish(self, out: str) -> None:
        """Print what failed and how many inputs were processed.

        Raises:
            DataError: all failed.
            SystemExit: some did, or were done in part.
        """
        if len(self.failed) == self.total == 1:
            raise DataError(self.failed[0])
        for line in self.failed:
            print(f"failed: {line}")
        for line in self.partial:
            print(f"failed: {line}")
        print(f"{self.done} of {self.total} done: {shown(out)}")
        if len(self.failed) == self.total:
            raise DataError(f"all {self.total} inputs failed; expected readable photographs or "
                            "videos. The lines above tell why")  # fmt: skip
        if self.failed or self.partial:
            raise SystemExit(SOME_FAILED)


def sort_out(inputs: Sequence[Input]) -> tuple[list[Input], InputReport]:
    """Return the inputs that can be opened, and a report that names the others."""
    readable, report = [], InputReport(len(inputs))
    for each in inputs:
        try:
            (check_readable if each.is_photo else Video)(each.path)  # a video is opened
            readable.append(each)
        except DataError as error:
            report.failed.append(str(error))
    return readable, report


def output_files(inputs: Sequence[Input], save: Sequence[str]) -> list[str]:
    """Return all files that will be written, below ``out``."""
    has_photos = any(each.is_photo for each in inputs)
    tables = [f"{TABLE}{suffix}" for suffix in table_suffixes(save)] if has_photos else []
    return [*tables, *(n for each in inputs for n in output_names(each.path, each.stem, save))]


def read_photo_boxes(file: str, photos: Sequence[Input]) -> Boxes:
    """Read the labelled boxes of each photograph from a file in COCO's layout.

    An image of the file matches the photograph that is called its ``file_name``, or else the only
    photograph with a path that ends in it. Other images need not exist.

    Raises:
        DataError: the file is malformed, contains none of the photographs, or has a ``file_name``
            that matches several of them.
    """
    people = read_annotations(Path(file), Path(file).parent, needs_images=False).people
    names = {image.id: image.file_name for image in people.images}
    found = {name: _photo_of(name, photos, file) for name in names.values()}
    boxes: dict[Path, list[Floats]] = {each.path: [] for each in photos}
    for person in people:
        photo = found[names[person.image_id]]
        if photo is not None:
            boxes[photo.path].append(person.box_xywh)
    without = sum(not found for found in boxes.values())
    if without == len(photos):
        raise DataError(
            f"boxes={file}: has no box for any of the {len(photos)} photographs (its first image: "
            f"{shown(people.images[0].file_name)}); expected their file_name, such as "
            f"{photos[0].name}. Correct boxes= or source="
        )
    if without:
        print(
            f"{without} of {len(photos)} photographs have no box in {file}, so no person is written"
        )
    return boxes


def _photo_of(file_name: str, photos: Sequence[Input], file: str) -> Input | None:
    exact = [each for each in photos if each.name == file_name]
    ends = [each for each in photos
            if os.path.abspath(each.path).endswith(f"/{file_name}")]  # fmt: skip
    found = exact or ends
    if len(found) > 1:
        raise DataError(
            f"boxes={file}: file_name {shown(file_name)} fits {found[0].name} and {found[1].name}; "
            "expected one of them. Write it with its folder"
        )
    return found[0] if found else None


@contextmanager
def new_outputs(config: DictConfig, names: Sequence[str]) -> Iterator[None]:
    """Create the folder ``out``.

    Args:
        config: settings of the command.
        names: outputs below ``out``.

    Raises:
        ConfigError: it contains outputs, and ``overwrite`` is false.
    """
    if not config.overwrite:
        require_new(Path(config.out), names)
    with output_folder(Path(config.out), names):
        yield
