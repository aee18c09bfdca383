"""Output folders: checked before work starts, and left without empty folders if it fails."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from fidip.core.errors import ConfigError, shown
from fidip.io.atomic import disk_errors, require_file, require_folder

PROBE = b"\0" * (1 << 16)
"""Content of a test file, to check that a folder is writable and its disk is not full."""


@contextmanager
def output_folder(
    out: Path, names: Sequence[str] = (), setting: str | None = None
) -> Iterator[None]:
    """Create a writable output folder; at the end, remove new folders that are empty.

    Args:
        out: the folder.
        names: outputs below ``out``.
        setting: setting that names the folder, for the message; ``out=DIR`` by default.

    Raises:
        DiskError: the folder or an output cannot be written, or the disk is full.
    """
    setting = setting or f"out={shown(out)}"
    require_folder(out, setting)
    for name in names:
        require_file(out / name, setting)
    new = missing_folders([out, *((out / name).parent for name in names)])
    try:
        with disk_errors(out, setting):
            out.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(prefix=".fidip-", dir=out) as probe:
                probe.write(PROBE)
                probe.flush()
                os.fsync(probe.fileno())
        yield
    finally:
        remove_empty(new)


def require_new(out: Path, names: Sequence[str]) -> None:
    """Check that no output exists yet.

    Args:
        out: folder of the outputs.
        names: outputs below ``out``.

    Raises:
        ConfigError: an output exists.
    """
    there = [name for name in names if os.path.lexists(out / name)]
    if there:
        raise ConfigError(
            f"out={shown(out)}: holds {len(there)} of the {len(names)} files to be written (the "
            f"first: {there[0]}); expected none. Choose another out=DIR, or replace them with "
            "overwrite=true"
        )


def missing_folders(folders: Iterable[Path]) -> list[Path]:
    """Return the folders, and their parents, that do not exist.

    Args:
        folders: the folders.
    """
    every = {parent for folder in folders for parent in (folder, *folder.parents)}
    return [folder for folder in every if not os.path.lexists(folder)]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove the empty ones of some folders, innermost first.

    Args:
        folders: the folders; missing ones are ignored.
    """
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        with suppress(OSError):  # it is not empty, or does not exist
            folder.rmdir()
