"""Open tabs of the web page: each has a folder and a name that cannot be guessed, until it closes."""

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
Report = Callable[[str, int, int, float], None]
"""Takes what is being done, frames done, frames in all (0 where that is not known) and frames per
second; raises ``TabClosedError`` where nobody waits for the rest."""
RESULTS = "results"
"""Folder of a job's results, beside the file that was sent."""
LONGEST = 100
"""Bytes of a stored name: results append their endings, and many file systems stop at 255."""


class TabClosedError(Exception):
    """Nobody waits for the result."""


class QueueFullError(Exception):
    """As many files as allowed wait already. The message is one line for the user."""


@dataclass(frozen=True)
class Limits:
    """The most that the server accepts.

    Attributes:
        upload_mb: size of one file in MB (10^6 bytes).
        queued: files of all pages that are being received, wait or are processed.
        queued_per_page: the same for one page.
    """

    upload_mb: float = 2000
    queued: int = 16
    queued_per_page: int = 4


@dataclass(frozen=True)
class Job:
    """One file to look at.

    Attributes:
        source: the photograph or video.
        out: folder for what is found.
        options: what the page was told.
    """

    source: Path
    out: Path
    options: frozenset[str]

    @property
    def name(self) -> str:
        """Number of the job in its tab."""
        return self.out.parent.name


Work = Callable[[Job, Report], Message]
"""Looks at a file; returns what the page shows."""


@dataclass(eq=False)
class Tab:
    """A tab that is open.

    Attributes:
        name: a name that cannot be guessed.
        folder: where its files are.
        messages: on their way to the page.
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

    def new_job(self, file: str, options: Iterable[str]) -> Job:
        """Create the folder of a job. Raises OSError where that is not possible."""
        self.jobs += 1
        folder = self.folder / str(self.jobs)
        folder.mkdir(parents=True)
        return Job(folder / safe_name(file), folder / RESULTS, frozenset(options))

    def results(self, job: str) -> dict[str, Path]:
        """Result files of a job by their names; none for a job that is unknown or not done.

        Paths come from the folder's listing, never from a name that a client sent.
        """
        if job not in self.done:
            return {}
        out = self.folder / job / RESULTS
        paths = [Path(folder, name) for folder, _, names in os.walk(out) for name in names]
        return {path.relative_to(out).as_posix(): path for path in paths}


class Tabs:
    """All open tabs. One file is looked at at a time, in a thread; the others wait for their turn.

    Args:
        root: folder of the tabs' folders.
        keep: whether those stay when the tab closes.
        work: looks at a file.
        limits: the most that is accepted.
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
        """A tab for as long as the page is there; then its work stops and its folder is removed."""
        name = secrets.token_urlsafe(16)
        folder = self.root / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(3)}"
        tab = self._open[name] = Tab(name, folder)
        try:
            yield tab
        finally:
            del self._open[name]
            tab.closed.set()
            if not self.keep:  # after work on it, which still writes
                self._thread.submit(shutil.rmtree, tab.folder, ignore_errors=True)

    @contextmanager
    def receiving(self, tab: Tab, file: str, options: Iterable[str]) -> Iterator[Job]:
        """A job for a file that the block stores; if the block fails, nothing of the job remains.

        Args:
            tab: the tab that sends the file.
            file: the name that the client gives it; the job has a safe one.
            options: what the page was told.

        Raises:
            QueueFullError: too many files wait already.
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

    def _start(self, tab: Tab, job: Job) -> None:
        """Look at a file when its turn has come; what comes of it is sent to the page."""
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
                send({"kind": "error", "text": explain(error, job)})
                if not isinstance(error, (FidipError, OSError)):
                    raise

        self._thread.submit(run)

    async def end(self) -> None:
        """Stop all work and remove what is not kept."""
        for tab in self._open.values():
            tab.closed.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True)


def explain(error: Exception, job: Job) -> str:
    """One line for the page about what ended a job."""
    if isinstance(error, FidipError):
        return str(error).replace(f"{job.source.parent}/", "")
    if isinstance(error, OSError):  # a full disk, a folder that was deleted by hand
        return (
            f"{job.source.name}: the results cannot be stored: {error.strerror or error}. "
            "Free disk space or fix the permissions, then send the file again."
        )
    return f"a fault in fidip itself: {error!r}"


def safe_name(file: str) -> str:
    """Return a file name that can be stored, as close to the given one as possible.

    Folders, unprintable characters, and dots and spaces at both ends are left out or replaced; long
    names are cut.

    >>> safe_name("C:\\\\videos\\\\My baby.MP4"), safe_name("../.mp4"), safe_name("results")
    ('My baby.MP4', 'file.mp4', 'results_')
    """
    name = file.replace("\\", "/").rpartition("/")[2]
    printable = "".join(char if char.isprintable() else "_" for char in name)
    stem, dot, ending = printable.rpartition(".")
    if not dot:
        stem, ending = ending, ""
    ending = _cut(ending.strip(), LONGEST // 5)
    stem = _cut(stem.strip(". "), LONGEST - len(ending.encode()) - 1).rstrip(". ") or "file"
    whole = f"{stem}.{ending}" if ending else stem
    return f"{whole}_" if whole.casefold() == RESULTS else whole


def _cut(text: str, length: int) -> str:
    """The beginning of a text: at most so many bytes of UTF-8."""
    return text.encode()[:length].decode(errors="ignore")
