"""Has a network been trained on the images that it is tested on? Told by content, not by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fidip.core.errors import DataError
from fidip.io.json import read_bytes

THREADS = 4
"""Reading waits for the disk, and hashing leaves the interpreter free."""


def image_hash(data: bytes) -> str:
    """The first 64 bits, in hexadecimal, of the SHA-256 of an image file's bytes.

    Copies of a file have the same hash under any name; a picture that was saved anew has another.
    """
    return hashlib.sha256(data).hexdigest()[:16]


def image_hashes(paths: Iterable[Path]) -> dict[Path, str]:
    """The hash of every file, each read once.

    Raises:
        DataError: a file cannot be read.
    """
    unique = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(unique, pool.map(_hash_of, unique), strict=True))


def _hash_of(path: Path) -> str:
    return image_hash(read_bytes(path))


def trained_on(test: Mapping[Path, str], training: Set[str], allowed: bool) -> list[Path]:
    """The test images that are among the training images.

    Args:
        test: hash by test image.
        training: hashes of training images.
        allowed: return them, instead of refusing.

    Raises:
        DataError: there are some, and that is not allowed.
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
