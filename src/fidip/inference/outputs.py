"""The folder that results are written to: checked before work starts, never half-written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from fidip.errors import ConfigError, DiskError, FidipError
from fidip.images import shown

PROBE = b"\0" * (1 << 16)
"""Written and removed to see that a folder can be written to and its disk is not full."""
FULL = "the disk is full"
NO_ROOM = 1 << 16
"""A disk with fewer free bytes counts as full."""


@contextmanager
def output_folder(out: Path, names: Sequence[str]) -> Iterator[None]:
    """Make a folder that can be written to; in the end remove new folders that stayed empty.

    Args:
        out: the folder.
        names: of the outputs, below ``out``.

    Raises:
        ConfigError: there is something else of that name.
        DiskError: it cannot be made or written to, or the disk is full.
    """
    existing = next(folder for folder in (out, *out.parents) if os.path.lexists(folder))
    folders = {out, *out.parents, *(folder for name in names for folder in (out / name).parents)}
    new = [folder for folder in folders if not os.path.lexists(folder)]
    if not existing.is_dir():
        raise ConfigError(
            f"out={shown(out)}: {shown(existing)} is not a folder; expected a folder or a new "
            "name. Choose another out=DIR"
        )
    try:
        with disk_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(prefix=".fidip-", dir=out) as probe:
                probe.write(PROBE)
                probe.flush()
                os.fsync(probe.fileno())
        yield
    finally:
        for folder in sorted(new, key=lambda folder: -len(folder.parts)):
            with suppress(OSError):  # it is not empty, or was never made
                folder.rmdir()


def require_new(out: Path, names: Sequence[str]) -> None:
    """Check that no file of an earlier run would be replaced.

    Args:
        out: folder of the outputs.
        names: of all outputs to be written, below ``out``.

    Raises:
        ConfigError: one of them exists.
    """
    there = [name for name in names if os.path.lexists(out / name)]
    if there:
        raise ConfigError(
            f"out={shown(out)}: holds {len(there)} of the {len(names)} files to be written (the "
            f"first: {there[0]}); expected none. Choose another out=DIR, or replace them with "
            "overwrite=true"
        )


@contextmanager
def disk_errors(path: Path, setting: str = "out=DIR") -> Iterator[None]:
    """Turn the errors of writing ``path`` into a ``DiskError``, whichever library raises them.

    Any error on a full disk counts as such: HDF5 and netCDF raise classes of their own for it.

    Args:
        path: the file that is written.
        setting: what the user can change to write elsewhere.
    """
    try:
        yield
    except FidipError:
        raise
    except Exception as error:
        reason = _reason(error, path)
        if reason is None:
            raise
        raise DiskError(
            f"cannot write {shown(path)}: {reason}; nothing is half-written. Make room or allow "
            f"it, or choose another {setting}, and run again"
        ) from error


def require_room(folder: Path, size: int) -> None:
    """Raises OSError where the disk of a folder has fewer free bytes than ``size``."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _reason(error: Exception, path: Path) -> str | None:
    """Why a file could not be written; None where that is not the disk's fault."""
    cause = _os_error(error)
    if cause is None:
        there = next(folder for folder in path.absolute().parents if folder.exists())
        return FULL if shutil.disk_usage(there).free < NO_ROOM else None
    return FULL if cause.errno in (errno.ENOSPC, errno.EDQUOT) else str(cause.strerror).lower()


def _os_error(error: BaseException | None) -> OSError | None:
    """The operating system's part in an error."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error
