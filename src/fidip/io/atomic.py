"""Atomic writes: a crash, a kill or a full disk leaves the previous file, never a part of the new one."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from fidip.core.errors import DiskError, FidipError, shown

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = 1 << 16
"""A disk with fewer free bytes counts as full."""


@contextmanager
def disk_errors(path: Path, setting: str | None = None) -> Iterator[None]:
    """Turn the errors of writing ``path`` into a ``DiskError``, whichever library raises them.

    Any error on a full disk counts as such: HDF5 and netCDF raise classes of their own for it.

    Args:
        path: the file or folder that is written.
        setting: what names the place, such as ``out=DIR``, for the message.
    """
    try:
        yield
    except FidipError:
        raise
    except Exception as error:
        cause = _os_error(error)
        is_full = cause.errno in FULL if cause else not _has_room(path)
        if cause is None and not is_full:
            raise
        why, remedy = "the disk is full", "make room"
        if cause is not None and not is_full:
            why = str(cause.strerror or cause).lower()
            remedy = "allow writing there, or choose another path,"
        raise DiskError(
            f"{setting}: " * bool(setting) + f"cannot write {shown(path)}: {why}. The previous "
            f"file, if any, is intact; {remedy} and run again"
        ) from error


def require_folder(folder: Path, setting: str) -> None:
    """Check that files can be written to a folder, without creating it.

    Args:
        folder: it may exist or not.
        setting: what names it, with the value, such as ``out=DIR``, for the message.

    Raises:
        DiskError: a parent is a file or read-only, or no folder can have that name.
    """
    existing = _nearest(folder, setting)
    if not existing.is_dir():
        raise DiskError(
            f"{setting}: {shown(existing)} is not a folder; expected a folder or a new name. Choose "
            "another path"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DiskError(
            f"{setting}: {shown(existing)} is read-only; expected a folder that can be written to. "
            "Choose another path, or allow writing"
        )


def require_file(file: Path, setting: str) -> None:
    """Check that a file can be written or replaced, without creating anything.

    Args:
        file: it may exist or not.
        setting: as for ``require_folder``.

    Raises:
        DiskError: it is a folder or a device, or its folder cannot be written to.
    """
    existing = _nearest(file, setting)
    if existing == file and not file.is_file():
        kind = "a folder" if file.is_dir() else "not a regular file"
        raise DiskError(
            f"{setting}: {shown(file)} is {kind}; expected a file or a new name. Choose another path"
        )
    require_folder(file.parent, setting)


def require_room(folder: Path, size: int) -> None:
    """Raises OSError where the disk of a folder has fewer free bytes than ``size``."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class PartFile:
    """A file that is written beside its path, and gets its name when it is complete.

    Attributes:
        path: the final path.
        part: the hidden file beside it to write to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f".{path.name}.part")

    def commit(self) -> None:
        """Give the part its final name; the file of that name is replaced.

        Raises:
            OSError: it cannot be renamed.
        """
        self.part.replace(self.path)

    def discard(self) -> None:
        """Remove the part, if there is one."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path of the same name to write to; its file moves to ``path`` if there was no error.

    For writers that need a path, whose suffix may matter; ``write_atomic`` is for all others.

    Args:
        path: the file.

    Yields:
        A path in a temporary folder beside ``path``.

    Raises:
        DiskError: it cannot be written.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            part = Path(folder) / path.name
            yield part
            part.replace(path)


@contextmanager
def atomic_folder(folder: Path, setting: str | None = None) -> Iterator[Path]:
    """Yield a new folder to write to; it replaces ``folder`` if there was no error.

    Args:
        folder: the folder; no other process ever sees a part of its files.
        setting: as for ``disk_errors``.

    Yields:
        A temporary folder beside ``folder``.

    Raises:
        DiskError: it cannot be written.
    """
    with disk_errors(folder, setting):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as outer:
            part = Path(outer) / folder.name
            part.mkdir()
            yield part
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)


def write_atomic(
    path: Path,
    write: Callable[[IO[bytes]], Any],
    previous: Path | None = None,
    is_synced: bool = True,
) -> None:
    """Write a file beside ``path``, and give it that name when it is complete.

    Args:
        path: the file; a file of that name is replaced.
        write: writes the content to the open file.
        previous: the name that the old file gets; None to drop it.
        is_synced: wait until the disk has the content, so that a crash of the machine cannot tear
            the file either.

    Raises:
        DiskError: it cannot be written, as on a full disk; ``path`` is as it was.
    """
    require_file(path, shown(path))
    new = PartFile(path)
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.part.open("wb") as file:
                write(file)
                file.flush()
                if is_synced:
                    os.fsync(file.fileno())
            if previous is not None and path.is_file():
                path.replace(previous)
            new.commit()
            if is_synced:
                _sync_folder(path.parent)
    except BaseException:
        new.discard()
        raise


def write_text_atomic(path: Path, text: str) -> None:
    """Write a text in UTF-8; errors as of ``write_atomic``."""
    write_atomic(path, lambda file: file.write(text.encode()))


def write_texts_atomic(folder: Path, texts: Mapping[str, str]) -> None:
    """Write several files, all of them or none.

    Args:
        folder: their folder, which exists.
        texts: the contents by file name.

    Raises:
        DiskError: one of them cannot be written; the files are as they were.
    """
    with disk_errors(folder), TemporaryDirectory(prefix=".fidip-", dir=folder) as temporary:
        for name, text in texts.items():
            with disk_errors(folder / name):
                (Path(temporary) / name).write_text(text, encoding="utf-8")
        for name in texts:
            (Path(temporary) / name).replace(folder / name)


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file; errors as of ``write_atomic``."""
    with source.open("rb") as file:
        write_atomic(path, lambda copy: shutil.copyfileobj(file, copy))


def is_intact(path: Path) -> bool:
    """Whether all of a checkpoint is there: it is a zip archive with a checksum of every part."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        return False


def _nearest(path: Path, setting: str) -> Path:
    """The path, or the nearest of its parents that exists."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
    except (OSError, ValueError) as error:  # too long, or with a character that no name can have
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise DiskError(f"{setting}: {reason}; expected a path. Choose another one") from error
    here = path.absolute()
    existing = next(p for p in (here, *here.parents) if os.path.lexists(p))
    return path if existing == here else existing


def _os_error(error: BaseException | None) -> OSError | None:
    """The operating system's part in an error; PyTorch hides it behind its own."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _has_room(path: Path) -> bool:
    there = next(folder for folder in path.absolute().parents if folder.exists())
    return shutil.disk_usage(there).free >= NO_ROOM


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
