"""Image and video files: supported formats, and the patterns of ``source=``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from fidip.core.errors import DataError, shown
from fidip.io.images import TO_JPEG

PHOTOS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".avif",
     ".gif", ".jp2", ".pnm", ".ppm", ".pgm", ".pbm"}
)  # fmt: skip
VIDEOS = frozenset(
    {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".ts", ".3gp", ".3g2",
     ".mpg", ".mpeg", ".wmv", ".asf", ".flv", ".ogv"}
)  # fmt: skip
EXPORT = "Export it as JPEG and run again"
HEIC = (".heic", ".heif", ".hif")
RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw")
UNSUPPORTED_PHOTOS = {
    **dict.fromkeys(HEIC, TO_JPEG),
    **dict.fromkeys((*RAW, ".jxl", ".svg", ".psd", ".ico", ".exr", ".hdr"), EXPORT),
}
"""Unsupported image formats, and what to do about each."""
UNSUPPORTED = {
    **UNSUPPORTED_PHOTOS,
    **dict.fromkeys((".rm", ".rmvb", ".swf", ".r3d", ".braw"), "Convert it to mp4 and run again"),
}
"""Unsupported image and video formats, and what to do about each."""


def is_photo(path: Path) -> bool:
    """Return whether a file name is that of an image; other files are opened as videos.

    Args:
        path: the file.

    Example:
        >>> is_photo(Path("a.JPG")), is_photo(Path("a.mp4"))
        (True, False)
    """
    return path.suffix.lower() in PHOTOS


def is_media(path: Path) -> bool:
    """Return whether a file name is that of an image or video, supported or not.

    Hidden files are neither.

    Args:
        path: the file.

    Example:
        >>> is_media(Path("a.heic")), is_media(Path("notes.txt"))
        (True, False)
    """
    suffix = path.suffix.lower()
    return not path.name.startswith(".") and (suffix in PHOTOS | VIDEOS or suffix in UNSUPPORTED)


def find_media(source: str, key: str = "source") -> list[Path]:
    """Return the sorted images and videos that a file, a folder or a pattern stands for.

    An existing file of exactly this name takes precedence over a pattern. Other files in a folder
    are ignored.

    Args:
        source: path of a file or folder, or a glob pattern.
        key: name of the setting, for messages.

    Raises:
        DataError: there are none.
    """
    try:
        return _find_media(source, key)
    except (OSError, ValueError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{key}={shown(source)}: cannot be looked up ({reason}); expected a file, a folder or "
            f"a pattern. Correct {key}="
        ) from error


def find_videos(source: str) -> list[Path]:
    """Return the sorted videos that a file, a folder or a pattern stands for.

    Subfolders of a folder are searched, too. Photographs and hidden files are left out.

    Args:
        source: path of a file or folder, or a glob pattern.

    Raises:
        DataError: there are none.
    """
    folder = Path(source)
    if not source or not folder.is_dir():
        files = find_media(source)
    else:
        files = sorted(filter(is_media, _walk(folder)))
    found = [f for f in files if not is_photo(f) and f.suffix.lower() not in UNSUPPORTED_PHOTOS]
    if not found:
        raise DataError(
            f"source={shown(source)}: holds no video; expected at least one file such as "
            "baby.mp4. Correct source="
        )
    return found


def _walk(folder: Path) -> Iterable[Path]:
    """Yield the files below a folder, without hidden folders."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent) / name for name in names)


def _find_media(source: str, key: str) -> list[Path]:
    if not source:
        raise DataError(f"{key}= is empty; expected a file, a folder or a pattern. Name one")
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if is_media(p))
        if not found:
            raise DataError(
                f"{key}={shown(source)}: the folder holds no photograph and no video; subfolders "
                f"are not read. For those give {key}='{shown(source)}/**/*.jpg'"
            )
        return found
    if os.path.lexists(path):
        return [path]
    found = sorted(p for p in _glob(path) if not p.is_dir() and not p.name.startswith("."))
    if not found:
        raise DataError(
            f"{key}={shown(source)}: no such file or folder, and no file matches it as a pattern"
        )
    return found


def _glob(pattern: Path) -> Iterable[Path]:
    """Return the files that match a pattern; existing leading folders are taken literally."""
    base, parts = Path(), list(pattern.parts)
    while len(parts) > 1 and os.path.lexists(base / parts[0]):
        base /= parts.pop(0)
    return base.glob("/".join(parts))


def check_readable(path: Path) -> None:
    """Check that a file can be read, without decoding it.

    Args:
        path: the file.

    Raises:
        DataError: its format is not supported, or it is missing, unreadable or not a regular file.
    """
    suffix = path.suffix.lower()
    if suffix in UNSUPPORTED:
        raise DataError(f"{shown(path)}: {suffix} files cannot be read. {UNSUPPORTED[suffix]}")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what = "is a link to nothing" if path.is_symlink() else f"cannot be read ({error.strerror})"
        raise DataError(f"{shown(path)}: {what}; expected a photograph or video") from error
    if not stat.S_ISREG(mode):  # opening a pipe would block
        kind = "folder" if stat.S_ISDIR(mode) else "pipe, socket or device"
        raise DataError(f"{shown(path)}: is a {kind}; expected a photograph or video")
    if not os.access(path, os.R_OK):
        raise DataError(
            f"{shown(path)}: cannot be read (permission denied). Allow it and run again"
        )
