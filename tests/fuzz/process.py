"""``fidip`` in a child process that has everything imported already."""

from __future__ import annotations

import gc
import importlib
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from hydra.core.plugins import Plugins

import fidip.cli

MEMORY = 8 << 30
"""Address space of a child in bytes: larger requests raise MemoryError and spare the machine."""

COMPUTING = 25
"""Seconds of a processor that a child may use; on a busy machine they last longer."""


@dataclass(frozen=True)
class Outcome:
    """What came of a child.

    Attributes:
        status: exit status; negative for a signal, None where the time was up.
        stdout, stderr: what it printed.
        seconds: how long it took.
    """

    status: int | None
    stdout: str
    stderr: str
    seconds: float


def warm_up() -> None:
    """Import every command, so that a child starts in milliseconds; no thread may be left."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    for name in fidip.cli.COMMANDS:
        importlib.import_module(f"fidip.{fidip.cli.module_of(name)}")
    for name in ("onnxruntime", "scipy.stats", "matplotlib.figure", "rich.console", "hydra.utils"):
        importlib.import_module(name)
    Plugins.instance()  # Hydra's search for plugins
    for name in fidip.cli.COMMANDS:  # to be run as __main__, without a warning
        del sys.modules[f"fidip.{fidip.cli.module_of(name)}"]
    gc.collect()
    gc.freeze()


def run_child(work: Callable[[], None], folder: Path, seconds: float) -> Outcome:
    """Call ``work`` in a child, with what it prints in files of ``folder``.

    ``work`` ends like a program: by returning, by SystemExit, or by an error with its traceback.
    """
    started = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()
            status = _as_program(work, folder)
        finally:  # a child never goes on in the code of its parent, whatever happens
            os._exit(status)
    status = _wait(child, seconds)
    texts = [_text(folder / name) for name in ("stdout", "stderr")]
    return Outcome(status, *texts, time.monotonic() - started)


def run_fidip(
    arguments: list[str], work: Path, home: Path, environment: dict[str, str], file_size: int
) -> None:
    """What the command ``fidip`` does; to be called in a child."""
    os.chdir(work)
    places = {
        "HOME": home,
        "FIDIP_CACHE": home.parent / "cache",
        "TMPDIR": home.parent / "temporary",
    }
    os.environ.update({**{name: str(path) for name, path in places.items()}, **environment})
    tempfile.tempdir = None
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING, COMPUTING))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    sys.argv = ["fidip", *arguments]
    fidip.cli.main()


def _as_program(work: Callable[[], None], folder: Path) -> int:
    """Exit status of ``work`` as Python would have it."""
    _redirect(folder)
    status = 0
    try:
        work()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        status = status or 1
    return status


def _redirect(folder: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)


def _wait(child: int, seconds: float) -> int | None:
    handle = os.pidfd_open(child)
    try:
        is_done = bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it started as well
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if is_done else None


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "backslashreplace") if path.is_file() else ""
