"""Files that are whole or not there: what a crash, a kill or a full disk must not tear."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
    require_file(path, str(path))
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.is_file():
            path.replace(previous)
        part.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        reason = _os_error(error)
        if reason is None:
            raise
        raise DiskError(_cannot_write(path, reason)) from error


def write_text_whole(path: Path, text: str) -> None:
    """Write UTF-8 by ``write_whole``."""
    write_whole(path, lambda file: file.write(text.encode()))


@contextmanager
def disk_errors(path: Path, new: bool = False) -> Iterator[None]:
    """Raise a DiskError about ``path`` where the operating system refuses to write.

    For folders, and for files that are too many for ``write_whole``, which waits for the disk.

    Args:
        path: what is written.
        new: it is a new file, of which nothing is left on a full disk.
    """
    try:
        yield
    except OSError as error:
        if new and error.errno in FULL:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise DiskError(_cannot_write(path, error)) from error


def require_folder(folder: Path, name: str) -> None:
    """Check that files can be written to a folder, without creating it.

    Args:
        folder: it may exist or not.
        name: the setting with its value, such as ``out=DIR``, for the message.

    Raises:
        DiskError: a parent is a file or read-only, or no folder can have that name.
    """
    existing = _nearest(folder, name)
    if not existing.is_dir():
        raise DiskError(f"{name}: {existing} is not a folder; give another path")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DiskError(f"{name}: {existing} is read-only; give another path or allow writing")


def require_file(file: Path, name: str) -> None:
    """Check that a file can be written or replaced, without creating anything.

    Args:
        file: it may exist or not.
        name: as for ``require_folder``.

    Raises:
        DiskError: it is a folder or a device, or its folder cannot be written to.
    """
    existing = _nearest(file, name)
    if existing == file and not file.is_file():
        kind = "a folder" if file.is_dir() else "not a regular file"
        raise DiskError(f"{name}: {file} is {kind}; give the name of a file")
    require_folder(file.parent, name)


@contextmanager
def new_folder(folder: Path, name: str) -> Iterator[None]:
    """Make a folder to write to; where what follows fails, it is removed again if it is empty.

    Args:
        folder: it may exist; then it stays.
        name: as for ``require_folder``.

    Raises:
        DiskError: files cannot be written there.
    """
    require_folder(folder, name)
    new = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        remove_empty(new)
        raise


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, each of which is in the next one, as far as nothing is in them."""
    for folder in folders:
        if not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()


def _nearest(path: Path, name: str) -> Path:
    """The path, or the nearest of its parents that exists."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
    except (OSError, ValueError) as error:  # too long, or with a character that no name can have
        reason = getattr(error, "strerror", None) or error
        raise DiskError(f"{name}: {reason}; give another path") from error
    here = path.absolute()
    existing = next(p for p in (here, *here.parents) if os.path.lexists(p))
    return path if existing == here else existing


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file by ``write_whole``."""
    with source.open("rb") as file:
        write_whole(path, lambda copy: shutil.copyfileobj(file, copy))


def _cannot_write(path: Path, reason: OSError) -> str:
    if reason.errno in FULL:
        why, remedy = "the disk is full", "make room"
    else:
        why, remedy = str(reason.strerror or reason).lower(), "change that"
    return (
        f"{path} cannot be written: {why}; the previous file, if any, is intact: {remedy}, then "
        "start again, a training run with resume=RUN_DIR or resume=auto"
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
