"""Live view of the page: the browser sends camera pictures and receives keypoints.

A page sends its next picture after the answer to the previous one, so pictures in between are
skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated
from weakref import WeakKeyDictionary

from fastapi import FastAPI, HTTPException, Query, Request
from starlette.requests import ClientDisconnect

from fidip.core.errors import FidipError
from fidip.web.tabs import Message, Tab

LARGEST = 1_000_000
"""Maximum size of a picture in bytes."""
WAITING = 8
"""Maximum number of pictures of all pages that are received or wait."""

Follow = Callable[[bytes, float], Message]
"""Takes the next camera picture as a JPEG file and its time in s; returns the page's message."""
NextPart = Callable[[Request, str, asyncio.Task[bool]], Awaitable[tuple[bytes, bool]]]


@dataclass
class View:
    """Camera of a page.

    Attributes:
        follow: tracks the person through the pictures.
        time: time of the last picture in s; an earlier time starts a new camera.
        is_busy: whether a picture is being processed.
    """

    follow: Follow
    time: float = -1.0
    is_busy: bool = False


@dataclass(eq=False)
class Live:
    """Cameras of all pages. One picture is processed at a time, in a thread.

    Attributes:
        start: returns a new tracking function.
    """

    start: Callable[[], Follow]
    _views: WeakKeyDictionary[Tab, View] = field(default_factory=WeakKeyDictionary)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    def view(self, tab: Tab, time: float) -> View:
        """Return the camera of a page; a new one if ``time`` does not increase.

        Raises:
            HTTPException: a picture of the page is being processed, or too many of other pages.
        """
        view = self._views.get(tab)
        if (view and view.is_busy) or sum(each.is_busy for each in self._views.values()) >= WAITING:
            raise HTTPException(
                429, "a picture is being processed already; send the next one later."
            )
        if view is None or time <= view.time:
            view = self._views[tab] = View(self.start())
        view.time = time
        return view

    async def process(self, view: View, picture: bytes) -> Message:
        """Return the page's message for a picture, with the processing time in ms.

        Raises:
            HTTPException: it is not a JPEG file of a supported size.
        """
        begin = perf_counter()
        loop = asyncio.get_running_loop()
        try:
            message = await loop.run_in_executor(self._thread, view.follow, picture, view.time)
        except FidipError as error:
            raise HTTPException(422, str(error)) from error
        return {**message, "ms": round(1000 * (perf_counter() - begin), 1)}


def add_live(server: FastAPI, live: Live, find: Callable[[str], Tab], next_part: NextPart) -> None:
    """Add the live view to the application.

    Args:
        server: the application.
        live: processes the pictures.
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
        view = live.view(tab, time)
        view.is_busy = True
        try:
            return await live.process(view, await receive(request, tab, next_part))
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload was aborted.") from error
        finally:
            view.is_busy = False


async def receive(request: Request, tab: Tab, next_part: NextPart) -> bytes:
    """Return the picture in the body of a request.

    Raises:
        HTTPException: it is too large or too slow, or its tab was closed.
        ClientDisconnect: the client disconnected before the end.
    """
    closed = asyncio.create_task(tab.closed.wait())
    body, more = bytearray(), int(request.headers.get("content-length", 0)) <= LARGEST
    is_too_large = not more
    try:
        while more:
            part, more = await next_part(request, "picture", closed)
            body += part
            is_too_large = len(body) > LARGEST
            more = more and not is_too_large
    finally:
        closed.cancel()
    if is_too_large:
        raise HTTPException(413, f"picture: too large; expected at most {LARGEST} bytes.")
    return bytes(body)
