"""The server of the page: takes files in, tells how far it is, hands results out.

A page holds a WebSocket while it is open. Its address carries nothing; the name that it gets there
is the key to its folder, so that pages do not see one another's files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from fidip.web.tabs import Job, Message, Tabs

PAGE = Path(__file__).parent / "page.html"
LOCAL = ("127.0.0.1", "localhost")


def make_server(tabs: Tabs, about: Message, hosts: tuple[str, ...] = LOCAL) -> FastAPI:
    """The application.

    Args:
        tabs: keep the files and do the work.
        about: what the page shows before anything has been done.
        hosts: names that the server may be called by; ``"*"`` for any. Other names would be a way
            for foreign pages to come to it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(tabs.end)

    server = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    server.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))

    @server.get("/")
    def page() -> FileResponse:
        return FileResponse(PAGE)

    @server.get("/about")
    def tell_about() -> Message:
        return about

    @server.websocket("/tab")
    async def tab(socket: WebSocket) -> None:
        if not same_origin(socket):
            await socket.close()
            return
        await socket.accept()
        with tabs.opened() as opened:
            await socket.send_json({"kind": "tab", "name": opened.name})
            sending = asyncio.create_task(send_all(socket, opened.messages))
            try:
                while True:  # says nothing; ends when the page closes
                    await socket.receive_text()
            except WebSocketDisconnect:
                sending.cancel()

    @server.post("/tabs/{name}")
    async def take(
        request: Request, name: str, file: str, option: Annotated[tuple[str, ...], Query()] = ()
    ) -> None:
        opened = find(tabs, name)
        folder = opened.new_job_folder()
        source = folder / (Path(file.replace("\\", "/")).name or "file")
        try:
            with source.open("wb") as out:
                async for part in request.stream():
                    await asyncio.to_thread(out.write, part)
        except OSError as error:
            raise HTTPException(507, f"the file cannot be stored: {error.strerror}") from error
        tabs.start(opened, Job(source, folder / "results", frozenset(option)))

    @server.get("/tabs/{name}/{job}/{file:path}")
    def give(name: str, job: int, file: str, download: bool = False) -> FileResponse:
        folder = (find(tabs, name).folder / str(job) / "results").resolve()
        path = (folder / file).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, filename=path.name if download else None)

    return server


def find(tabs: Tabs, name: str) -> Any:
    try:
        return tabs[name]
    except KeyError:
        raise HTTPException(404, "this page was closed; load it again") from None


def same_origin(socket: WebSocket) -> bool:
    """Whether it is our own page that calls: browsers let any page open a WebSocket."""
    origin = urlsplit(socket.headers.get("origin", ""))
    return origin.netloc == socket.headers.get("host")


async def send_all(socket: WebSocket, messages: asyncio.Queue[Message]) -> None:
    while True:
        await socket.send_json(await messages.get())
