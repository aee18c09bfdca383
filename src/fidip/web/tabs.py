"""Open tabs of the web page; each has a folder and an unguessable name until it is closed."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fidip.core.errors import FidipError

Message = dict[str, Any]
SendProgress = Callable[[str, int, int, float], None]
"""Takes the stage, frames done, total frames (0 if unknown) and frames per second; raises
``TabClosedError`` if the tab was closed.
"""
RESULTS = "results"
"""Folder of a job's results, beside the uploaded file."""
LONGEST_UPLOAD_NAME = 100
"""Limit of a stored name in bytes; results append suffixes, and file systems allow 255."""


class TabClosedError(Exception):
    """Error that stops a job whose tab was closed."""


class QueueFullError(Exception):
    """Error for a full queue; its message is one line for the user."""


@dataclass(frozen=True)
class Limits:
    """Limits of the server.

    Attributes:
        upload_mb: maximum size of a file in MB (10^6 bytes).
        queued: maximum number of files of all pages that are received, wait or are processed.
        queued_per_page: the same for one page.
    """

    upload_mb: float = 2000
    queued: int = 16
    queued_per_page: int = 4


@dataclass(frozen=True)
class FileJob:
    """One file to process.

    Attributes:
        source: the image or video.
        out: folder of the results.
        options: options chosen on the page.
    """

    source: Path
    out: Path
    options: frozenset[str]

    @property
    def name(self) -> str:
        """Number of the job in its tab."""
        return self.out.parent.name


Work = Callable[[FileJob, SendProgress], Message]
"""Processes a file; returns the message for the page."""


@dataclass(eq=False)
class Tab:
    """Open tab.

    Attributes:
        name: unguessable name.
        folder: folder of its files.
        messages: messages to send to the page.
        closed: set, in the event loop, when the tab is closed.
        jobs: number of jobs so far.
        pending: names of jobs that are received, wait or are processed.
        done: names of jobs with results.
    """

    name: str
    folder: Path
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: int = 0
    pending: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def new_job(self, file: str, options: Iterable[str]) -> FileJob:
        """Create a job and its folder.

        Raises:
            OSError: the folder cannot be created.
        """
        self.jobs += 1
        folder = self.folder / str(self.jobs)
        folder.mkdir(parents=True)
        return FileJob(folder / safe_name(file), folder / RESULTS, frozenset(options))

    def results(self, job: str) -> dict[str, Path]:
        """Return the result files of a job by name; empty if the job is unknown or not done.

        Paths come from the folder's listing, never from a name that a client sent.
        """
        if job not in self.done:
            return {}
        out = self.folder / job / RESULTS
        paths = [Path(folder, name) for folder, _, names in os.walk(out) for name in names]
        return {path.relative_to(out).as_posix(): path for path in paths}


class Tabs:
    """Open tabs. One file is processed at a time, in a thread; the others wait in a queue.

    Args:
        root: parent folder of the tabs' folders.
        keep: keep the folders of closed tabs.
        work: processes a file.
        limits: limits of the server.
    """

    def __init__(self, root: Path, keep: bool, work: Work, limits: Limits | None = None) -> None:
        self.root, self.keep, self.work = root, keep, work
        self.limits = limits or Limits()
        self._open: dict[str, Tab] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)

    def __getitem__(self, name: str) -> Tab:
        return self._open[name]

    @contextmanager
    def opened(self) -> Iterator[Tab]:
        """Yield a tab while its page is open; then stop its work and remove its folder."""
        name = secrets.token_urlsafe(16)
        folder = self.root / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(3)}"
        tab = self._open[name] = Tab(name, folder)
        try:
            yield tab
        finally:
            del self._open[name]
            tab.closed.set()
            if not self.keep:  # in the same thread, so after a job that still writes
                self._thread.submit(shutil.rmtree, tab.folder, ignore_errors=True)

    @contextmanager
    def receiving(self, tab: Tab, file: str, options: Iterable[str]) -> Iterator[FileJob]:
        """Yield a job for a file that the block stores; if the block fails, remove the job.

        Args:
            tab: the tab that sends the file.
            file: the client's name of the file; the job has a safe one.
            options: options chosen on the page.

        Raises:
            QueueFullError: too many files are waiting.
            OSError: the job's folder cannot be created.
        """
        self._check_queue(tab)
        try:
            job = tab.new_job(file, options)
        except OSError:
            self._remove_if_empty(tab)
            raise
        tab.pending.add(job.name)
        try:
            yield job
        except BaseException:
            tab.pending.discard(job.name)
            shutil.rmtree(job.out.parent, ignore_errors=True)
            self._remove_if_empty(tab)
            raise
        self._start(tab, job)

    def _check_queue(self, tab: Tab) -> None:
        queued = sum(len(other.pending) for other in self._open.values())
        for which, number, key in (
            ("this page", len(tab.pending), "queued_per_page"),
            ("all pages", queued, "queued"),
        ):
            most = getattr(self.limits, key)
            if number >= most:
                raise QueueFullError(
                    f"{number} files of {which} are waiting already; expected at most {most} "
                    f"(max_{key}). Send this file again when one of them is done."
                )

    @staticmethod
    def _remove_if_empty(tab: Tab) -> None:
        with suppress(OSError):
            tab.folder.rmdir()

    def _start(self, tab: Tab, job: FileJob) -> None:
        """Queue a job; its progress and result are sent to the page."""
        loop = asyncio.get_running_loop()

        def send(message: Message) -> None:
            if tab.closed.is_set():
                raise TabClosedError
            loop.call_soon_threadsafe(tab.messages.put_nowait, message)

        def report(step: str, done: int, total: int, rate: float) -> None:
            send({"kind": "progress", "step": step, "done": done, "total": total, "rate": rate})

        def run() -> None:
            try:
                report("", 0, 0, 0)
                result = self.work(job, report)
                tab.done.add(job.name)
                tab.pending.discard(job.name)  # before the page can send the next file
                send({"kind": "result", "job": job.name, **result})
            except TabClosedError:
                pass
            except Exception as error:
                tab.pending.discard(job.name)
                send({"kind": "error", "text": explain_on_page(error, job)})
                if not isinstance(error, (FidipError, OSError)):
                    raise

        self._thread.submit(run)

    async def end(self) -> None:
        """Stop all work and remove temporary files."""
        for tab in self._open.values():
            tab.closed.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True)


def explain_on_page(error: Exception, job: FileJob) -> str:
    """Return a line for the page about the error that ended a job.

    Args:
        error: the error.
        job: the job.
    """
    if isinstance(error, FidipError):
        return str(error).replace(f"{job.source.parent}/", "")
    if isinstance(error, OSError):  # for example, a full disk or a deleted folder
        return (
            f"{job.source.name}: the results cannot be stored: {error.strerror or error}. "
            "Free disk space or fix the permissions, then send the file again."
        )
    return f"a fault in fidip itself: {error!r}"


def safe_name(file: str) -> str:
    r"""Return a file name that can be stored, as close to the given one as possible.

    Folders, unprintable characters, and dots and spaces at both ends are removed or replaced; long
    names are cut.

    Args:
        file: the client's name of the file.

    Example:
        >>> safe_name("C:\\videos\\My baby.MP4"), safe_name("../.mp4"), safe_name("results")
        ('My baby.MP4', 'file.mp4', 'results_')
    """
    name = file.replace("\\", "/").rpartition("/")[2]
    printable = "".join(char if char.isprintable() else "_" for char in name)
    stem, dot, ending = printable.rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = _cut(ending.strip(), LONGEST_UPLOAD_NAME // 5)
    stem = (
        _cut(stem.strip(". "), LONGEST_UPLOAD_NAME - len(ending.encode()) - 1).rstrip(". ")
        or "file"
    )
    whole = f"{stem}.{ending}" if ending else stem
    return f"{whole}_" if whole.casefold() == RESULTS else whole


def _cut(text: str, length: int) -> str:
    """Return the beginning of a text of at most ``length`` bytes in UTF-8."""
    return text.encode()[:length].decode(errors="ignore")
