"""Inputs of ``fidip predict`` and names of their outputs."""

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
from fidip.inference.writers import OUTPUT_FORMATS
from fidip.io.media_files import is_photo

TABLE = "keypoints"
"""File name of the tables that all photographs share."""
OVERLAY = ".overlay.mp4"
"""Suffix of videos with an overlay."""
LONGEST_STEM = 180
"""Maximum length of an output name without suffixes in bytes; file systems allow 255 in total."""


@dataclass(frozen=True)
class Input:
    """Photograph or video to process.

    Attributes:
        path: path of the file.
        name: path relative to the common folder of all inputs, as valid UTF-8 with "/" between
            folders; it identifies the input in tables and messages.
        stem: path of the outputs relative to ``out``, without the suffix of the format.
    """

    path: Path
    name: str
    stem: str

    @property
    def is_photo(self) -> bool:
        """Whether the input is a photograph."""
        return is_photo(self.path)


def name_inputs(paths: Sequence[Path], out: Path) -> list[Input]:
    """Name inputs so that no two share an output and no output overwrites an input.

    Outputs are named after the input without its suffix (``baby.mp4``: ``baby.csv``). Inputs in
    several folders keep these folders (``x/baby.csv``). Inputs that would share an output, or
    overwrite an input or the table of photographs, keep their suffix (``baby.mov.csv``) and get a
    number if necessary. Names that differ only in case or in the encoding of accents count as
    equal, because some file systems do not distinguish them. The outputs of all formats are
    considered, so names do not depend on the selected formats.

    Args:
        paths: input files, all different.
        out: folder of the outputs.

    Returns:
        The inputs with their names, in the order of ``paths``.

    Example:
        >>> paths = [Path("a/1.mp4"), Path("b/1.mp4"), Path("b/1.mov")]
        >>> [source.stem for source in name_inputs(paths, Path("out"))]
        ['a/1', 'b/1.mp4', 'b/1.mov']
    """
    root = Path(os.path.commonpath([os.path.abspath(path.parent) for path in paths]))
    below = [PurePosixPath(Path(os.path.abspath(path)).relative_to(root)) for path in paths]
    taken = {_folded(path) for path in paths}
    if any(map(is_photo, paths)):
        taken |= {_folded(out / f"{TABLE}{suffix}") for suffix in table_suffixes(OUTPUT_FORMATS)}
    stems = _tell_apart(paths, below, out, taken)
    return [
        Input(path, shown(str(name)), stem)
        for path, name, stem in zip(paths, below, stems, strict=True)
    ]


def _tell_apart(
    paths: Sequence[Path], below: Sequence[PurePosixPath], out: Path, taken: set[str]
) -> list[str]:
    """Return the stem of each input; inputs without conflicts keep the plain one."""

    def outputs(path: Path, stem: str) -> list[str]:
        return [
            _folded(out / name) for name in output_names(path, stem, ("overlay", *OUTPUT_FORMATS))
        ]

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
    """Return the files of one input relative to ``out``, without the shared tables of photographs.

    Args:
        path: path of the input.
        stem: path of its outputs, without suffixes.
        save: names of formats, and ``overlay``.

    Example:
        >>> output_names(Path("baby.mp4"), "baby", ["csv", "overlay"])
        ['baby.csv', 'baby.overlay.mp4']
    """
    if is_photo(path):
        return [f"overlays/{stem}.jpg"] if "overlay" in save else []
    ends = [[OVERLAY] if name == "overlay" else OUTPUT_FORMATS[name].files for name in save]
    return [f"{stem}{end}" for each in ends for end in each]


def table_suffixes(save: Iterable[str]) -> list[str]:
    """Return the suffixes of the tables that all photographs share.

    Args:
        save: names of formats, and ``overlay``.

    Example:
        >>> table_suffixes(["csv", "nwb"])
        ['.csv']
    """
    formats = [OUTPUT_FORMATS[name] for name in save if name in OUTPUT_FORMATS]
    return [suffix for each in formats if each.photos for suffix in each.files]


def _numbered(name: PurePosixPath) -> Iterable[str]:
    """Yield stems for an input that cannot use the plain one."""
    yield _stem(name)
    for number in itertools.count(2):
        yield _stem(name.with_name(f"{name.name}-{number}"))


def _stem(name: PurePosixPath) -> str:
    """Return a portable path: other bytes escaped as %e9, long names shortened and given a hash."""
    stem = _plain(name.name)
    if len(stem.encode()) > LONGEST_STEM:
        digest = hashlib.sha256(name.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        stem = f"{stem.encode()[: LONGEST_STEM - 9].decode('utf-8', 'ignore')}-{digest}"
    return str(PurePosixPath(_plain(str(name.parent))) / stem)


def _plain(name: str) -> str:
    """Return a name in valid UTF-8 without backslashes, which some systems use between folders."""
    return shown(name).replace("\\x", "%").replace("\\", "%")


def _folded(path: Path) -> str:
    """Return the path of a file as the least precise file system compares it."""
    place = os.path.join(os.path.realpath(path.parent), path.name)
    return unicodedata.normalize("NFC", shown(place)).casefold()
