"""Open tabs of the web page: each has a folder and a name that cannot be guessed, until it closes."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from fidip.errors import FidipError

Message = dict[str, Any]
Report = Callable[[str, int, int, float], None]
"""Takes what is being done, frames done, frames in all (0 where that is not known) and frames per
second; raises ``TabClosedError`` where nobody waits for the rest."""


class TabClosedError(Exception):
    """Nobody waits for the result."""


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


Work = Callable[[Job, Report], Message]
"""Looks at a file; returns what the page shows."""


@dataclass(eq=False)
class Tab:
    """A tab that is open.

    Attributes:
        name: a name that cannot be guessed.
        folder: where its files are.
        messages: on their way to the page.
        closed: set when the tab is.
    """

    name: str
    folder: Path
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    closed: Event = field(default_factory=Event)
    jobs: int = 0

    def new_job_folder(self) -> Path:
        self.jobs += 1
        folder = self.folder / str(self.jobs)
        folder.mkdir(parents=True)
        return folder


class Tabs:
    """All open tabs. One file is looked at at a time, in a thread; the others wait for their turn.

    Args:
        root: folder of the tabs' folders.
        keep: whether those stay when the tab closes.
        work: looks at a file.
    """

    def __init__(self, root: Path, keep: bool, work: Work) -> None:
        self.root, self.keep, self.work = root, keep, work
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

    def start(self, tab: Tab, job: Job) -> None:
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
                send({"kind": "result", "job": job.out.parent.name, **self.work(job, report)})
            except TabClosedError:
                pass
            except FidipError as error:
                words = str(error).replace(f"{job.source.parent}/", "")
                send({"kind": "error", "text": words})
            except Exception as error:
                send({"kind": "error", "text": f"a fault in fidip itself: {error!r}"})
                raise

        self._thread.submit(run)

    def end(self) -> None:
        """Stop all work and remove what is not kept."""
        for tab in self._open.values():
            tab.closed.set()
        self._thread.shutdown(wait=True)
