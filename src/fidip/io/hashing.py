"""Hashes of files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

BLOCK = 1 << 20
"""Bytes read at a time."""


def hash_files(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the concatenated content of files.

    Args:
        files: the files, in order.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.

    Example:
        >>> hash_files([])[:8]
        'e3b0c442'
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()
