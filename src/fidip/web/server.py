"""Server of the web page: receives files, reports progress and serves results.

A page holds a WebSocket while it is open. The name that it receives there is the key to its folder,
so pages cannot access the files of other pages.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import uvicorn
from fastapi import (
    APIRouter,
    FastAPI,
    HTTPException,
    Query,
    Request,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from fidip.web.camera_stream import Live, add_live
from fidip.web.labelling import Labelling, add_labelling
from fidip.web.protocol import TAB, Protocol, is_of_fidip
from fidip.web.tabs import Message, QueueFullError, Tab, Tabs, safe_name

PAGE = Path(__file__).parent / "page.html"
LOCAL = ("127.0.0.1", "localhost")
CLOSED = "this page was closed; load it again"
STALLED = 30
"""Timeout in s of an upload without data."""


class Result(FileResponse):
    """File that may be deleted before it is sent, because its page was closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or nothing if it has been deleted."""
        with suppress(FileNotFoundError):
            await super().__call__(scope, receive, send)


def make_server(
    tabs: Tabs,
    about: Message,
    hosts: tuple[str, ...] = LOCAL,
    options: Collection[str] = (),
    live: Live | None = None,
    labelling: Labelling | None = None,
) -> FastAPI:
    """Create the application.

    Args:
        tabs: store the files and do the work.
        about: what the page shows at the start.
        hosts: allowed host names; ``"*"`` for any. Others are refused, so that foreign pages cannot
            reach the server under a name of their own.
        options: names of the options that can be sent with a file.
        live: tracks people in cameras; None for no live view.
        labelling: labels of the labelling page; None for no such page.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await tabs.end()

    server = FastAPI(
        lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    server.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    server.add_exception_handler(RequestValidationError, explain)
    server.add_api_route("/", lambda: FileResponse(PAGE), response_class=FileResponse)
    server.add_api_route("/about", lambda: about)
    if labelling is not None:  # before the results, whose path fits everything
        add_labelling(server, labelling, partial(find, tabs), next_part)
    server.include_router(tab_routes(tabs, options))
    if live is not None:
        add_live(server, live, partial(find, tabs), next_part)
    return server


def tab_routes(tabs: Tabs, options: Collection[str]) -> APIRouter:
    """Return the routes of pages: their WebSocket, uploads and results.

    Args:
        tabs: store the files and do the work.
        options: names of the options that can be sent with a file.
    """
    router = APIRouter()

    @router.websocket(TAB)
    async def tab(socket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            await hold(socket, tabs)

    @router.post("/tabs/{name}")
    async def take(
        request: Request, name: str, file: str, option: Annotated[tuple[str, ...], Query()] = ()
    ) -> None:
        opened = find(tabs, name)
        check_options(option, options)
        await receive(request, tabs, opened, file, option)

    @router.get("/tabs/{name}/{job}/{file:path}")
    def give(name: str, job: str, file: str, download: bool = False) -> Result:
        path = find(tabs, name).results(job).get(file)
        with suppress(FileNotFoundError):  # the page has just been closed
            if path is not None:
                return Result(
                    path, filename=path.name if download else None, stat_result=os.stat(path)
                )
        raise HTTPException(404, "there is no such result")

    return router


async def explain(_: Request, error: Exception) -> JSONResponse:
    """Answer a request with invalid arguments and name each of them."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, 422)


async def hold(socket: WebSocket, tabs: Tabs) -> None:
    """Serve the WebSocket of a page until the page is closed."""
    if not same_origin(socket):
        await socket.close()
        return
    await socket.accept()
    with tabs.opened() as opened:
        sending = asyncio.create_task(send_all(socket, opened))
        try:  # the page sends nothing; the loop ends when it is closed
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            sending.cancel()


def check_options(given: Collection[str], known: Collection[str]) -> None:
    """Check the options of an upload.

    Args:
        given: options of the upload.
        known: options that exist.

    Raises:
        HTTPException: an option does not exist.
    """
    for unknown in set(given) - set(known):
        raise HTTPException(
            422, f"option={unknown!r}: no such option; expected some of {', '.join(known)}."
        )


async def receive(
    request: Request, tabs: Tabs, opened: Tab, file: str, option: tuple[str, ...]
) -> None:
    """Store an upload and queue it.

    Raises:
        HTTPException: it is too large, the queue is full, or the file cannot be stored.
    """
    shown = safe_name(file)
    check_size(shown, int(request.headers.get("content-length", 0)), tabs.limits.upload_mb)
    try:
        with tabs.receiving(opened, file, option) as job:
            await store(request, opened, job.source, tabs.limits.upload_mb)
    except QueueFullError as error:
        raise HTTPException(429, f"{shown}: {error}") from error
    except ClientDisconnect as error:
        raise HTTPException(400, f"{shown}: the upload was aborted.") from error
    except OSError as error:
        raise HTTPException(
            507,
            f"{shown}: the file cannot be stored: {error.strerror}. Free disk space or fix the "
            "permissions of the folder that fidip writes to, then send it again.",
        ) from error


def configured(server: FastAPI) -> uvicorn.Config:
    """Return uvicorn's configuration of the application.

    Args:
        server: the application.
    """
    config = uvicorn.Config(
        server,
        http=Protocol,
        log_level="warning",
        ws_max_size=1024,  # the page sends nothing
        h11_max_incomplete_event_size=1 << 17,  # names of some 5000 characters, percent-encoded
        timeout_graceful_shutdown=3,  # a client that does not read must not delay Ctrl-C
    )
    for logger in ("uvicorn.error", "asyncio"):
        logging.getLogger(logger).addFilter(is_of_fidip)
    return config


def find(tabs: Tabs, name: str) -> Tab:
    """Return the open tab of a name.

    Args:
        tabs: all open tabs.
        name: name of the tab.

    Raises:
        HTTPException: there is none.
    """
    try:
        return tabs[name]
    except KeyError:
        raise HTTPException(404, CLOSED) from None


def check_size(file: str, size: int, most_mb: float) -> None:
    """Check the size of an upload.

    Args:
        file: name of the file, for the message.
        size: its size in bytes.
        most_mb: maximum size in MB (10^6 bytes).

    Raises:
        HTTPException: it is larger than allowed.
    """
    if size > most_mb * 1e6:
        raise HTTPException(
            413,
            f"{file}: the file is too large; expected at most {most_mb:g} MB (max_upload_mb). "
            "Cut the video or make it smaller.",
        )


async def store(request: Request, tab: Tab, path: Path, most_mb: float) -> None:
    """Write the body of a request to a file.

    Raises:
        HTTPException: it is empty, too large or too slow, or its tab was closed.
        ClientDisconnect: the client disconnected before the end.
        OSError: the file cannot be written.
    """
    closed = asyncio.create_task(tab.closed.wait())
    size, more = 0, True
    try:
        with path.open("wb") as out:
            while more:
                part, more = await next_part(request, path.name, closed)
                size += len(part)
                check_size(path.name, size, most_mb)
                await asyncio.to_thread(out.write, part)
    finally:
        closed.cancel()
    if size == 0:
        raise HTTPException(422, f"{path.name}: the file is empty; expected a photo or a video.")


async def next_part(request: Request, file: str, closed: asyncio.Task[bool]) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether more follow; raises as ``store`` does."""
    coming = asyncio.ensure_future(request.receive())
    await asyncio.wait({coming, closed}, timeout=STALLED, return_when=asyncio.FIRST_COMPLETED)
    if closed.done() or not coming.done():
        coming.cancel()
        if closed.done():
            raise HTTPException(404, CLOSED)
        raise HTTPException(408, f"{file}: no data for {STALLED} s. Send the file again.")
    message = coming.result()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def same_origin(socket: WebSocket) -> bool:
    """Return whether a WebSocket comes from the server's own page; browsers do not check this.

    Args:
        socket: the WebSocket.
    """
    try:
        origin = urlsplit(socket.headers.get("origin", ""))
    except ValueError:
        return False
    return origin.netloc == socket.headers.get("host")


async def send_all(socket: WebSocket, tab: Tab) -> None:
    """Send a page its name, and then its messages until it is closed."""
    with suppress(WebSocketDisconnect, RuntimeError):  # uvicorn raises either once it is closed
        await socket.send_json({"kind": "tab", "name": tab.name})
        while True:
            await socket.send_json(await tab.messages.get())
