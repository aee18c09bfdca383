"""Leakage: test images among the training images, detected by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fidip.core.errors import DataError
from fidip.io.json import read_bytes

THREADS = 4
"""Threads that read and hash files; both release the interpreter lock."""


def image_hash(data: bytes) -> str:
    """Return the first 64 bits of the SHA-256 of an image file.

    Copies of a file have the same hash under any name; a re-encoded image has another one.

    Args:
        data: content of the file.

    Returns:
        16 hexadecimal digits.

    Example:
        >>> image_hash(b"")
        'e3b0c44298fc1c14'
    """
    return hashlib.sha256(data).hexdigest()[:16]


def image_hashes(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the hash of each file; files that occur several times are read once.

    Args:
        paths: the image files.

    Returns:
        The hash by path.

    Raises:
        DataError: a file cannot be read.
    """
    unique = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(unique, pool.map(_hash_of, unique), strict=True))


def _hash_of(path: Path) -> str:
    return image_hash(read_bytes(path))


def trained_on(test: Mapping[Path, str], training: Set[str], allowed: bool) -> list[Path]:
    """Return the test images that are among the training images.

    Args:
        test: hashes of the test images by path.
        training: hashes of the training images.
        allowed: return such images instead of raising an error.

    Returns:
        The paths of these test images.

    Raises:
        DataError: there are such images, and ``allowed`` is false.

    Example:
        >>> trained_on({Path("a.png"): "e3b0"}, {"ffff"}, allowed=False)
        []
    """
    both = [path for path, hash_ in test.items() if hash_ in training]
    if both and not allowed:
        raise DataError(
            f"{len(both)} of {len(test)} test images are among the training images, by content "
            f"({', '.join(map(str, both[:3]))}{', ...' if len(both) > 3 else ''}); choose "
            "splits without common images, or accept a result that says so: "
            "allow_leakage=true"
        )
    return both


def count_leaked(
    test: Sequence[Path], training: Set[str] | None, allowed: bool = False
) -> int | None:
    """Count the test images that a network was trained on.

    Args:
        test: the test images.
        training: hashes of the training images; None if they are not known.
        allowed: count such images instead of raising an error.

    Returns:
        Their number, or None if the training images are not known.

    Raises:
        DataError: there are such images, and ``allowed`` is false.

    Example:
        >>> print(count_leaked([Path("a.png")], None))
        None
    """
    return None if training is None else len(trained_on(image_hashes(test), training, allowed))
