"""Inputs of ``fidip predict`` and the names of their outputs."""

from __future__ import annotations

import hashlib
import itertools
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fidip.core.errors import shown
from fidip.inference.writers import FORMATS
from fidip.io.media_files import is_photo

TABLE = "keypoints"
"""Name of the tables that all photographs share."""
OVERLAY = ".overlay.mp4"
"""What the drawn video of an input ends in."""
LONGEST = 180
"""Bytes of an output's name before its suffixes; file systems allow 255 with them."""


@dataclass(frozen=True)
class Input:
    """A photograph or video to process.

    Attributes:
        path: the file.
        name: its path below the folder that all inputs share, as valid UTF-8 with "/" between
            folders: it tells inputs apart in tables and messages.
        stem: path of its outputs below ``out``, without what tells the formats apart.
    """

    path: Path
    name: str
    stem: str

    @property
    def is_photo(self) -> bool:
        return is_photo(self.path)


def name_inputs(paths: Sequence[Path], out: Path) -> list[Input]:
    """Name every input so that no two of them share an output, and no output replaces an input.

    An output is called after its input without the suffix (``baby.mp4``: ``baby.csv``). Inputs in
    several folders keep those folders (``x/baby.csv``). Inputs that would share an output, or
    write over an input or over the table of photographs, keep their suffix (``baby.mov.csv``);
    where that is not enough they get a number. Names that differ only in case or in the way that
    accents are stored count as the same, as some file systems cannot tell them apart. Outputs of
    every format count, so that names do not depend on the formats asked for.

    Args:
        paths: files, all different.
        out: folder of the outputs.
    """
    root = Path(os.path.commonpath([os.path.abspath(path.parent) for path in paths]))
    below = [PurePosixPath(Path(os.path.abspath(path)).relative_to(root)) for path in paths]
    taken = {_folded(path) for path in paths}
    if any(map(is_photo, paths)):
        taken |= {_folded(out / f"{TABLE}{suffix}") for suffix in table_suffixes(FORMATS)}
    stems = _tell_apart(paths, below, out, taken)
    return [
        Input(path, shown(str(name)), stem)
        for path, name, stem in zip(paths, below, stems, strict=True)
    ]


def _tell_apart(
    paths: Sequence[Path], below: Sequence[PurePosixPath], out: Path, taken: set[str]
) -> list[str]:
    """The stem of each input, the plain ones first: those that no other input wants."""

    def outputs(path: Path, stem: str) -> list[str]:
        return [_folded(out / name) for name in output_names(path, stem, ("overlay", *FORMATS))]

    plain = [_stem(name.with_suffix("")) for name in below]
    wanted = [outputs(path, stem) for path, stem in zip(paths, plain, strict=True)]
    counts = Counter(key for keys in wanted for key in keys)
    is_plain = [taken.isdisjoint(keys) and all(counts[key] == 1 for key in keys) for keys in wanted]
    taken = taken.union(*(keys for keys, alone in zip(wanted, is_plain, strict=True) if alone))
    stems = plain[:]
    for number, path in enumerate(paths):
        if not is_plain[number]:
            free = (s for s in _numbered(below[number]) if taken.isdisjoint(outputs(path, s)))
            stems[number] = next(free)
            taken |= set(outputs(path, stems[number]))
    return stems


def output_names(path: Path, stem: str, save: Iterable[str]) -> list[str]:
    """The files below ``out`` that belong to one input, without the tables of photographs."""
    if is_photo(path):
        return [f"overlays/{stem}.jpg"] if "overlay" in save else []
    ends = [[OVERLAY] if name == "overlay" else FORMATS[name].files for name in save]
    return [f"{stem}{end}" for each in ends for end in each]


def table_suffixes(save: Iterable[str]) -> list[str]:
    """What the tables that all photographs share end in."""
    formats = [FORMATS[name] for name in save if name in FORMATS]
    return [suffix for each in formats if each.photos for suffix in each.files]


def _numbered(name: PurePosixPath) -> Iterable[str]:
    """Stems for an input that cannot have the plain one."""
    yield _stem(name)
    for number in itertools.count(2):
        yield _stem(name.with_name(f"{name.name}-{number}"))


def _stem(name: PurePosixPath) -> str:
    """A path that any file system takes: odd bytes as %e9, long names cut and marked by a hash."""
    stem = _plain(name.name)
    if len(stem.encode()) > LONGEST:
        digest = hashlib.sha256(name.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        stem = f"{stem.encode()[: LONGEST - 9].decode('utf-8', 'ignore')}-{digest}"
    return str(PurePosixPath(_plain(str(name.parent))) / stem)


def _plain(name: str) -> str:
    """A name in valid UTF-8, escaped without backslashes, which some systems take for folders."""
    return shown(name).replace("\\x", "%").replace("\\", "%")


def _folded(path: Path) -> str:
    """The name that a file is found or written under, as the coarsest file system compares it."""
    place = os.path.join(os.path.realpath(path.parent), path.name)
    return unicodedata.normalize("NFC", shown(place)).casefold()
