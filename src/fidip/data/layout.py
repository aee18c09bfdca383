"""File layout of datasets: where the annotations and images of a split are, in SyRIP and COCO."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from pathlib import Path

from fidip.core.errors import DataError, DatasetMissingError
from fidip.io.coco import PREFIX, annotation_file

OTHER_TASKS = ("captions_", "image_info_", "instances_", "panoptic_", "stuff_")
"""Prefixes of COCO's annotation files without keypoints."""
LONGEST_SPLIT = 200
"""Bytes of the name of a split; with prefix and suffix, a file name has at most 255."""
BASE_SPLITS = ("train_infant", "validate_infant")
"""Image folders that all splits of a SyRIP archive share."""


@dataclass(frozen=True)
class Split:
    """Files of one split of a dataset.

    Attributes:
        name: name of the split, as in ``data.train_split``.
        json: its annotation file.
        image_dirs: existing folders that a ``file_name`` may be relative to; the first one that
            contains the file is used. If none exists, the expected folder.
    """

    name: str
    json: Path
    image_dirs: tuple[Path, ...]


def find_split(root: Path, name: str) -> Split:
    """Find the files of a split.

    The annotations are ``annotations/person_keypoints_NAME.json``, ``annotations/NAME.json`` or the
    only file ``annotations/NAME/person_keypoints_*.json``. The images are in ``images/NAME``,
    ``NAME`` or ``images``; without a folder of the split's name, also in the folders of SyRIP's
    first release.

    Args:
        root: folder of the dataset.
        name: name of the split.

    Returns:
        The files of the split.

    Raises:
        DatasetMissingError: there is no dataset at ``root``. The message says how to get one.
        DataError: the dataset has no such split. The message lists the splits that exist.
    """
    _require_plain(name)
    folder = annotations_of(root)
    nested = sorted((folder / name).glob(f"{PREFIX}*.json"))
    found = [f for f in (annotation_file(root, name), folder / f"{name}.json") if f.is_file()]
    if not found and len(nested) > 1:
        raise DataError(
            f"{folder / name}: holds {len(nested)} files {PREFIX}*.json "
            f"({', '.join(f.name for f in nested)}); expected one: leave only the one to use"
        )
    if not (found or nested):
        raise _missing(root, name)
    json = (found or nested)[0]
    return Split(name, json, _image_dirs(root, name, json.stem.removeprefix(PREFIX)))


def split_names(root: Path) -> list[str]:
    """Return the sorted names of all splits that ``find_split`` can find.

    Args:
        root: folder of the dataset.
    """
    folder = annotations_of(root)
    files = {f.stem.removeprefix(PREFIX) for f in folder.glob("*.json") if _has_joints(f)}
    return sorted(files | {f.parent.name for f in folder.glob(f"*/{PREFIX}*.json")})


def annotations_of(root: Path) -> Path:
    """Return the folder of annotation files, which need not exist.

    Args:
        root: folder of the dataset.

    Raises:
        DatasetMissingError: the name is not valid for a folder, or the folder cannot be read.
    """
    folder = root / "annotations"
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DatasetMissingError(
            f"{reprlib.repr(str(root))}: cannot be read ({why}); expected the folder of a data set"
        ) from error
    return folder


def _require_plain(name: str) -> None:
    """Raise a DataError if a name is empty or leads out of the folder."""
    plain = name not in ("", "..") and Path(name).name == name and name.isprintable()
    if not plain or len(name.encode()) > LONGEST_SPLIT:
        raise DataError(
            f"split {reprlib.repr(name)}: expected a plain name, such as train_infant; choose with "
            "data.train_split, data.test_split and data.domain_split"
        )


def _has_joints(file: Path) -> bool:
    return not file.name.startswith(OTHER_TASKS)


def _image_dirs(root: Path, name: str, base: str) -> tuple[Path, ...]:
    """Return the image folders; ``base`` is the split in the annotation file's name."""
    images = root / "images"
    own = [folder for folder in (images / name, root / name) if folder.is_dir()]
    bases = BASE_SPLITS[::-1] if name.lower().startswith(("val", "test")) else BASE_SPLITS
    shared = [] if own else [images / folder for folder in dict.fromkeys((base, *bases))]
    existing = [folder for folder in (*own, images, *shared) if folder.is_dir()]
    return tuple(existing) or (images / name,)


def _missing(root: Path, name: str) -> DataError:
    there = split_names(root)
    if there:
        return DataError(
            f"{root}: no split {name} (looked for annotations/{PREFIX}{name}.json, "
            f"annotations/{name}.json and annotations/{name}/{PREFIX}*.json); there are "
            f"{', '.join(there)}; choose with data.train_split, data.test_split and "
            "data.domain_split"
        )
    return DatasetMissingError(
        f"{root}: there is no dataset (no annotations/{PREFIX}{name}.json). SyRIP is "
        "available only on request from its authors, Northeastern University's Augmented "
        "Cognition Lab (https://coe.northeastern.edu/Research/AClab/SyRIP/); put it into "
        f"{root}/annotations and {root}/images. For free synthetic data: fidip synthesize "
        f"preset=demo out={root}"
    )
