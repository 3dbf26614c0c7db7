"""One request on the relay lane and its answer: what the pipeline knows of the listening side.

An exchange gathers the request's body, is handed to the pipeline when the body is whole, and writes the answer. It
knows nothing of what is asked; the connection (`lane.py`) owns the order of exchanges.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol as Interface

from headgate.canonical.codec import ErrorAnswer
from headgate.relay.asked import Asked
from headgate.server.content import decode_content, too_large


class Connection(Interface):
    """What an exchange needs of its connection."""

    def send(self, data: bytes) -> None: ...

    def date(self) -> bytes: ...

    def answered(self, exchange: "Exchange") -> None: ...

    def drop(self) -> None: ...


STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

# CORS is open: browsers' clients show balances and chat with any gateway the user names.
_COMMON = b"access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n"
_COMMON_AND_CLOSE = _COMMON + b"connection: close\r\n"


@lru_cache(maxsize=512)
def _lines(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The status line and headers of an answer. Nearly all answers have one of a handful of heads."""
    line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode()
    return line + "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


class Exchange:
    """Implements `relay.client.Client` for one request of a connection."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_id_lines",
        "_size",
        "address",
        "asked",
        "begun",
        "complete",
        "gone",
        "headers",
        "keep_alive",
        "limit",
        "on_flow",
        "path",
        "query",
        "response_complete",
        "task",
        "version",
    )

    def __init__(
        self,
        connection: Connection,
        asked: Asked,
        *,
        path: bytes,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        address: str,
        keep_alive: bool,
        version: str,
        limit: int,
    ) -> None:
        self._connection = connection
        self._chunks: list[bytes] = []
        self._size = 0
        self._id_lines = b""
        self.asked = asked
        self.path = path
        self.query = query
        self.headers = headers
        self.address = address
        self.keep_alive = keep_alive
        self.version = version
        self.limit = limit
        self.complete = False
        self.begun = False
        self.response_complete = False
        self.gone = False
        self.task: asyncio.Task[None] | None = None
        self.on_flow: Callable[[bool], None] | None = None

    # --- the request ---

    def take(self, data: bytes) -> bool:
        """Keep a piece of the body; False when that makes it larger than allowed."""
        self._size += len(data)
        self._chunks.append(data)
        return self._size <= self.limit

    def body(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        for name, value in self.headers:
            if name == b"content-encoding":
                data = decode_content(data, value, self.limit)
        if len(data) > self.limit:
            raise too_large(self.limit)
        self._chunks = []
        return data

    def leave(self) -> None:
        """The peer is gone: stop whoever is working on the answer."""
        self.gone = True
        if self.task is not None and not self.response_complete:
            self.task.cancel()

    # --- the answer ---

    def named(self, call_id: str) -> None:
        self._id_lines = b"x-request-id: %b\r\nx-oneapi-request-id: %b\r\n" % ((call_id.encode(),) * 2)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if self.gone or self.response_complete:
            return
        self._connection.send(b"%bcontent-length: %d\r\n\r\n%b" % (self._head(status, headers), len(body), body))
        self._done()

    def refuse(self, answer: ErrorAnswer) -> None:
        headers = {"content-type": "application/json"}
        headers.update(answer.headers)
        self.answer(answer.status, headers, answer.body)

    def abort(self, answer: ErrorAnswer) -> None:
        if not self.begun:
            self.refuse(answer)
        elif not self.response_complete:
            self._connection.drop()

    def begin(self, status: int, headers: Mapping[str, str], first: bytes) -> None:
        if self.gone:
            return
        self.begun = True
        if self.version == "1.0":
            self.keep_alive = False
            self._connection.send(self._head(status, headers) + b"\r\n" + first)
            return
        head = self._head(status, headers) + b"transfer-encoding: chunked\r\n\r\n"
        self._connection.send(head + (b"%x\r\n%b\r\n" % (len(first), first) if first else b""))

    def write(self, data: bytes) -> None:
        if self.gone or not data:
            return
        self._connection.send(data if self.version == "1.0" else b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self, last: bytes = b"") -> None:
        if self.gone or self.response_complete:
            return
        if self.version == "1.0":
            self._connection.send(last)
        elif last:
            self._connection.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        else:
            self._connection.send(b"0\r\n\r\n")
        self._done()

    def _head(self, status: int, headers: Mapping[str, str]) -> bytes:
        ending = _COMMON if self.keep_alive else _COMMON_AND_CLOSE
        return b"".join((_lines(status, tuple(headers.items())), self._connection.date(), self._id_lines, ending))

    def _done(self) -> None:
        self.response_complete = True
        self._connection.answered(self)
