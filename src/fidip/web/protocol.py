"""HTTP as the page's server speaks it: whatever a client sends costs only its own connection."""

from __future__ import annotations

import asyncio
import json
import logging

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

TAB = "/tab"
"""Path of the WebSocket."""
HEADERS = 100
"""Most headers of a WebSocket's request; the library that reads them stops at 128."""
LINE = 4096
"""Longest line of these headers in bytes; the library stops at 8192."""
BODY = {b"content-length", b"transfer-encoding"}
"""Headers of a request with a body, which the library does not accept."""
CLIENT_FAULTS = ("Invalid UTF-8 sequence received", "Fatal error: protocol.")
"""What uvicorn and asyncio log, with a traceback, about bytes that break the protocol."""


class Protocol(H11Protocol):
    """HTTP/1.1 of uvicorn without its faults on broken requests."""

    def _should_upgrade(self) -> bool:
        """Whether to open a WebSocket; uvicorn would never close one that it cannot parse."""
        target = len(self.scope["raw_path"]) + len(self.scope["query_string"])
        lines = [target, *(len(name) + len(value) for name, value in self.headers)]
        return (
            self.scope["method"] == "GET"
            and self.scope["path"] == TAB
            and len(lines) <= HEADERS
            and max(lines) <= LINE
            and not BODY & {name for name, _ in self.headers}
            and super()._should_upgrade()
        )

    def send_400_response(self, msg: str) -> None:
        """Answer a broken request in JSON, unless it has an answer already, and disconnect."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [("content-type", "application/json"), ("connection", "close")]
            events: list[h11.Event] = [
                h11.Response(status_code=400, headers=headers, reason="Bad Request")
            ]
            if self.scope is None or self.scope["method"] != "HEAD":
                events.append(h11.Data(data=json.dumps({"detail": msg}).encode()))
            for event in (*events, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def is_of_fidip(record: logging.LogRecord) -> bool:
    """Log filter that leaves out broken protocols and requests that Ctrl-C ends."""
    ended = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not ended and not record.getMessage().startswith(CLIENT_FAULTS)
