"""Trial reading of HDF5 files in a process of its own: ``python -m fidip.io.labels.trial FILE``.

The HDF5 library crashes on some damaged files. Then only the trial ends, and its exit status tells.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from fidip.core.errors import DataError, FidipError
from fidip.io.labels.deeplabcut import read_dlc_h5
from fidip.io.labels.labelled import Joints
from fidip.io.labels.sleap import read_slp

MODULE = "fidip.io.labels.trial"
READERS = {".h5": read_dlc_h5, ".slp": read_slp}
"""Readers by file suffix."""
LONGEST_S = 600
"""Time in s after which a file counts as damaged."""


def require_readable(path: Path) -> None:
    """Check that the HDF5 library does not crash on a file.

    Args:
        path: a file with one of the suffixes of ``READERS``.

    Raises:
        DataError: it crashes, or does not end.
    """
    command = [sys.executable, "-m", MODULE, str(path)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{path}: is damaged (reading does not end); copy it again") from error
    if done.returncode < 0:
        raise DataError(f"{path}: is damaged (the HDF5 library crashes); copy it again")


def try_reading(path: Path) -> None:
    """Read all labels and images of a file; the caller reports mistakes when it reads them.

    Args:
        path: the file.
    """
    with suppress(FidipError):
        for person in READERS[path.suffix.lower()](path, Joints({})):
            if person.embedded:
                person.embedded()


if __name__ == "__main__":
    try_reading(Path(sys.argv[1]))
