"""Atomic writes: after a crash, a kill or a full disk, the previous file is intact."""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from fidip.core.errors import DiskError, FidipError, shown

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = 1 << 16
"""A disk with fewer free bytes counts as full."""


@contextmanager
def disk_errors(path: Path, setting: str | None = None) -> Iterator[None]:
    """Convert errors of writing ``path`` into a ``DiskError``, whichever library raises them.

    Any error on a full disk is converted, because HDF5 and netCDF raise their own classes.

    Args:
        path: the file or folder to write.
        setting: setting that names the path, such as ``out=DIR``, for the message.

    Raises:
        DiskError: the block failed to write.
    """
    try:
        yield
    except FidipError:
        raise
    except Exception as error:
        cause = _os_error(error)
        is_full = cause.errno in DISK_FULL if cause else not _has_room(path)
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
        folder: the folder; it need not exist.
        setting: setting with its value, such as ``out=DIR``, for the message.

    Raises:
        DiskError: a parent is a file or read-only, or the name is not valid.
    """
    existing = _nearest(folder, setting)
    if not existing.is_dir():
        raise DiskError(
            f"{setting}: {shown(existing)} is not a folder; expected a folder or a new name. "
            "Choose another path"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DiskError(
            f"{setting}: {shown(existing)} is read-only; expected a folder that can be written to. "
            "Choose another path, or allow writing"
        )


def require_file(file: Path, setting: str) -> None:
    """Check that a file can be written or replaced, without creating anything.

    Args:
        file: the file; it need not exist.
        setting: as for ``require_folder``.

    Raises:
        DiskError: it is a folder or a device, or its folder cannot be written to.
    """
    existing = _nearest(file, setting)
    if existing == file and not file.is_file():
        kind = "a folder" if file.is_dir() else "not a regular file"
        raise DiskError(
            f"{setting}: {shown(file)} is {kind}; expected a file or a new name. Choose another "
            "path"
        )
    require_folder(file.parent, setting)


def require_room(folder: Path, size: int) -> None:
    """Check the free space of a disk.

    Args:
        folder: a folder on the disk.
        size: required space in bytes.

    Raises:
        OSError: fewer bytes are free.
    """
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class PartFile:
    """File that is written beside its path and renamed once it is complete.

    Attributes:
        path: the final path.
        part: the hidden file to write to, in the same folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f".{path.name}.part")

    def commit(self) -> None:
        """Rename the part to its final name; replaces an existing file.

        Raises:
            OSError: it cannot be renamed.
        """
        self.part.replace(self.path)

    def discard(self) -> None:
        """Remove the part if it exists."""
        with suppress(OSError):
            self.part.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path of the same name; without an error, its file moves to ``path``.

    For writers that need a path with the right suffix; use ``write_atomic`` otherwise.

    Args:
        path: the file.

    Yields:
        A path in a temporary folder beside ``path``.

    Raises:
        DiskError: the file cannot be written.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=path.parent) as folder:
            part = Path(folder) / path.name
            yield part
            part.replace(path)


@contextmanager
def atomic_folder(
    folder: Path, setting: str | None = None, kept_with: str | None = None
) -> Iterator[Path]:
    """Yield a temporary folder; without an error, it is renamed to ``folder``.

    Args:
        folder: the folder; other processes see all of its files or none.
        setting: as for ``disk_errors``.
        kept_with: name of a file that is in every complete folder, ``.`` for the folder itself. A
            complete folder that another process has made in the meantime is kept, because it may
            be in use, and the new one is discarded. None to replace any existing folder.

    Yields:
        A temporary folder beside ``folder``.

    Raises:
        DiskError: the folder cannot be written.
    """
    with disk_errors(folder, setting):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(
            prefix=f"{folder.name}.", dir=folder.parent, ignore_cleanup_errors=True
        ) as outer:
            part = Path(outer) / folder.name
            part.mkdir()
            yield part
            _rename_folder(part, folder, kept_with)


def _rename_folder(part: Path, folder: Path, kept_with: str | None) -> None:
    """Rename a folder; an existing one is kept, or moved beside ``part``."""
    try:
        part.replace(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if kept_with is None or not (folder / kept_with).exists():
            folder.replace(part.with_name(f"{folder.name}.old"))
            part.replace(folder)


def write_atomic(
    path: Path,
    write: Callable[[IO[bytes]], Any],
    previous: Path | None = None,
    is_synced: bool = True,
) -> None:
    """Write a file beside ``path`` and rename it once it is complete.

    Args:
        path: the file; an existing file is replaced.
        write: writes the content to the open file.
        previous: new name of the existing file; None to drop it.
        is_synced: wait until the content is on the disk, so that a crash of the machine cannot
            damage the file either.

    Raises:
        DiskError: the file cannot be written, for example because the disk is full; ``path`` is
            unchanged.
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
    """Write text in UTF-8.

    Args:
        path: the file; an existing file is replaced.
        text: its content.

    Raises:
        DiskError: the file cannot be written; ``path`` is unchanged.
    """
    write_atomic(path, lambda file: file.write(text.encode()))


@contextmanager
def atomic_entries(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield a temporary folder; without an error, its entries are moved to ``folder``.

    Args:
        folder: an existing folder; its other entries are left alone.
        names: the entries that the block makes, files or folders; existing files are replaced.

    Yields:
        A temporary folder in ``folder``.

    Raises:
        DiskError: an entry cannot be written; ``folder`` is unchanged.
    """
    with disk_errors(folder), TemporaryDirectory(prefix=".fidip-", dir=folder) as temporary:
        yield Path(temporary)
        for name in names:
            (Path(temporary) / name).replace(folder / name)


def write_texts_atomic(folder: Path, texts: Mapping[str, str]) -> None:
    """Write several files, either all of them or none.

    Args:
        folder: an existing folder.
        texts: contents by file name.

    Raises:
        DiskError: a file cannot be written; all files are unchanged.
    """
    with atomic_entries(folder, texts) as temporary:
        for name, text in texts.items():
            with disk_errors(folder / name):
                (temporary / name).write_text(text, encoding="utf-8")


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file.

    Args:
        source: the file to copy.
        path: the copy; an existing file is replaced.

    Raises:
        DiskError: the copy cannot be written; ``path`` is unchanged.
    """
    with source.open("rb") as file:
        write_atomic(path, lambda copy: shutil.copyfileobj(file, copy))


def is_intact(path: Path) -> bool:
    """Return whether a checkpoint, a zip archive with checksums, is complete and undamaged.

    Args:
        path: the checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        return False


def _nearest(path: Path, setting: str) -> Path:
    """Return the path, or its nearest existing parent."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
    except (OSError, ValueError) as error:  # the name is too long or has an invalid character
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise DiskError(f"{setting}: {reason}; expected a path. Choose another one") from error
    here = path.absolute()
    existing = next(p for p in (here, *here.parents) if os.path.lexists(p))
    return path if existing == here else existing


def _os_error(error: BaseException | None) -> OSError | None:
    """Return the OSError that caused an error, if any; PyTorch wraps it in its own class."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _has_room(path: Path) -> bool:
    there = next(folder for folder in path.absolute().parents if folder.exists())
    return shutil.disk_usage(there).free >= NO_ROOM


def _sync_folder(folder: Path) -> None:
    """Flush the names of a folder's files to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
