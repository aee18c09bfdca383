"""HTTP protocol of the web page's server, robust against malformed requests."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import suppress

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

TAB = "/tab"
"""Path of the WebSocket."""
HEADERS = 100
"""Maximum number of headers of a WebSocket request; the library supports 128."""
LINE = 4096
"""Maximum length of these headers in bytes; the library supports 8192."""
BODY_HEADERS = {b"content-length", b"transfer-encoding"}
"""Headers of a request with a body, which the library does not support."""
CLIENT_FAULTS = ("Invalid UTF-8 sequence received", "Fatal error: protocol.")
"""Messages that uvicorn and asyncio log, with a traceback, for malformed bytes."""


class Protocol(H11Protocol):
    """HTTP/1.1 of uvicorn, with correct handling of malformed requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Send small packets at once: an answer's body must not wait 40 ms for the client's ACK.

        asyncio does this only for sockets whose protocol is given, unlike ``create_server``'s.
        """
        super().connection_made(transport)
        with suppress(OSError):  # the client has disconnected already
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _should_upgrade(self) -> bool:
        """Return whether to open a WebSocket; uvicorn never closes one that it cannot parse."""
        target = len(self.scope["raw_path"]) + len(self.scope["query_string"])
        lines = [target, *(len(name) + len(value) for name, value in self.headers)]
        return (
            self.scope["method"] == "GET"
            and self.scope["path"] == TAB
            and len(lines) <= HEADERS
            and max(lines) <= LINE
            and not BODY_HEADERS & {name for name, _ in self.headers}
            and super()._should_upgrade()
        )

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request in JSON, unless it has been answered, and disconnect."""
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
    """Return whether to log a record: not for malformed requests or those ended by Ctrl-C.

    Args:
        record: the log record.
    """
    ended = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not ended and not record.getMessage().startswith(CLIENT_FAULTS)
