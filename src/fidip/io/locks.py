"""The lock of a run directory, which only one process at a time may hold."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from fidip.core.errors import RunError


def lock(path: Path) -> int:
    """Lock a file, created if necessary, and return its open handle, which holds the lock.

    Args:
        path: the file, in the directory of the run.

    Raises:
        RunError: another process holds the lock.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                return handle  # a file system without locks
            holder = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise RunError(
                f"{path.parent}: another process works on this run ({holder}); wait until it ends, "
                "or give another hydra.run.dir=DIR"
            ) from error
        if _is_open_file(path, handle):
            break
        os.close(handle)  # the holder has just removed the file
    with suppress(OSError):  # on a full disk
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return handle


def _is_open_file(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
