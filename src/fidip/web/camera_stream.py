"""Live view of the page: the browser sends camera frames and receives keypoints.

A page sends its next frame while the previous one is processed, so that neither waits for the
other, and skips the frames in between.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated
from weakref import WeakKeyDictionary

from fastapi import FastAPI, HTTPException, Query, Request
from starlette.requests import ClientDisconnect

from fidip.core.errors import FidipError
from fidip.web.tabs import Message, Tab

LARGEST_BODY = 1_000_000
"""Maximum size of a frame, or of the labels of an image, in bytes."""
MOST_FRAMES = 8
"""Maximum number of frames of all pages that are received, wait or are processed."""
WAITING_PER_PAGE = 2
"""The same for one page."""

Follow = Callable[[bytes, float], Message]
"""Takes the next camera frame as a JPEG file and its time in s; returns the page's message."""
NextPart = Callable[[Request, str, asyncio.Task[bool]], Awaitable[tuple[bytes, bool]]]


@dataclass
class PageCamera:
    """Camera of a page.

    Attributes:
        follow: tracks the person through the frames.
        time: time of the last frame in s; an earlier time starts a new camera.
        processed: number of frames that wait or are processed.
    """

    follow: Follow
    time: float = -1.0
    processed: int = 0


@dataclass(eq=False)
class Live:
    """Cameras of all pages. One frame is processed at a time, in a thread.

    Attributes:
        start: returns a new tracking function.
    """

    start: Callable[[], Follow]
    _views: WeakKeyDictionary[Tab, PageCamera] = field(default_factory=WeakKeyDictionary)
    _pending: Counter[str] = field(default_factory=Counter)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    @contextmanager
    def admitted(self, tab: Tab) -> Iterator[None]:
        """Count a frame of a page as pending in the block.

        Raises:
            HTTPException: too many frames of the page or of all pages are pending.
        """
        if self._pending[tab.name] >= WAITING_PER_PAGE or self._pending.total() >= MOST_FRAMES:
            raise HTTPException(429, "frames are being processed already; send the next one later.")
        self._pending[tab.name] += 1
        try:
            yield
        finally:
            self._pending[tab.name] -= 1
            self._pending += Counter()  # forgets pages without a frame

    def view(self, tab: Tab, time: float) -> PageCamera:
        """Return the camera of a page; a new one if ``time`` does not increase.

        Raises:
            HTTPException: a later frame is being processed; connections may change the order.
        """
        view = self._views.get(tab)
        if view and time <= view.time and view.processed:
            raise HTTPException(429, "a later frame is being processed already.")
        if view is None or time <= view.time:
            view = self._views[tab] = PageCamera(self.start())
        view.time = time
        return view

    async def process(self, view: PageCamera, frame: bytes) -> Message:
        """Return the page's message for a frame, with the time to process it in ms.

        Raises:
            HTTPException: it is not a JPEG file of a supported size.
        """
        begin = perf_counter()
        loop = asyncio.get_running_loop()
        view.processed += 1
        try:
            message = await loop.run_in_executor(self._thread, view.follow, frame, view.time)
        except FidipError as error:
            raise HTTPException(422, str(error)) from error
        finally:
            view.processed -= 1
        return {**message, "ms": round(1000 * (perf_counter() - begin), 1)}


def add_live(server: FastAPI, live: Live, find: Callable[[str], Tab], next_part: NextPart) -> None:
    """Add the live view to the application.

    Args:
        server: the application.
        live: processes the frames.
        find: returns the tab of a name; raises HTTPException if there is none.
        next_part: reads a part of a body; see ``fidip.web.server``.
    """

    @server.post("/tabs/{name}/live")
    async def follow(
        request: Request,
        name: str,
        time: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False)],
    ) -> Message:
        tab = find(name)
        with live.admitted(tab):
            try:
                frame = await receive(request, tab, next_part)
            except ClientDisconnect as error:
                raise HTTPException(400, "the upload was aborted.") from error
            return await live.process(live.view(tab, time), frame)


async def receive(request: Request, tab: Tab, next_part: NextPart, what: str = "frame") -> bytes:
    """Return the body of a request, a frame or the like.

    Args:
        request: the request.
        tab: the tab that sends it.
        next_part: reads a part of a body; see ``fidip.web.server``.
        what: name of the body, for messages.

    Raises:
        HTTPException: it is too large or too slow, or its tab was closed.
        ClientDisconnect: the client disconnected before the end.
    """
    closed = asyncio.create_task(tab.closed.wait())
    body, more = bytearray(), int(request.headers.get("content-length", 0)) <= LARGEST_BODY
    is_too_large = not more
    try:
        while more:
            part, more = await next_part(request, what, closed)
            body += part
            is_too_large = len(body) > LARGEST_BODY
            more = more and not is_too_large
    finally:
        closed.cancel()
    if is_too_large:
        raise HTTPException(413, f"{what}: too large; expected at most {LARGEST_BODY} bytes.")
    return bytes(body)
