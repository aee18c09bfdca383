"""Files that are whole or not there: what a crash, a kill or a full disk must not tear."""

from __future__ import annotations

import errno
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from fidip.errors import DiskError

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_whole(
    path: Path, write: Callable[[IO[bytes]], Any], previous: Path | None = None
) -> None:
    """Write a file beside ``path``, wait until the disk has it, and only then give it that name.

    Args:
        path: the file; what had its name before is replaced.
        write: writes the contents to the open file.
        previous: the name that the old file gets; None to drop it.

    Raises:
        DiskError: it cannot be written, as on a full disk; ``path`` is as it was.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        part.unlink(missing_ok=True)
        reason = _os_error(error)
        if reason is None:
            raise
        raise DiskError(_cannot_write(path, reason)) from error
    if previous is not None and path.is_file():
        path.replace(previous)
    part.replace(path)
    _sync_folder(path.parent)


def write_text_whole(path: Path, text: str) -> None:
    """Write UTF-8 by ``write_whole``."""
    write_whole(path, lambda file: file.write(text.encode()))


def _cannot_write(path: Path, reason: OSError) -> str:
    if reason.errno in FULL:
        why, remedy = "the disk is full", "make room"
    else:
        why, remedy = str(reason.strerror), "mend that"
    return (
        f"{path} cannot be written: {why}; nothing is half-written: {remedy}, then start again, a "
        "training run with resume=RUN_DIR or resume=auto"
    )


def _os_error(error: BaseException | None) -> OSError | None:
    """The operating system's part in an error; PyTorch hides it behind its own."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_whole(path: Path) -> bool:
    """Whether all of a checkpoint is there: it is a zip archive with a checksum of every part."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        return False
