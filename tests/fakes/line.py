"""A connection without a network: what it writes is kept, what it is to read is handed to it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from headgate.upstream import Answer, Timeouts
from headgate.upstream.connection import Connection

T = TypeVar("T")

HEAD = b"POST /x HTTP/1.1\r\nhost: h\r\n"


class FakeTransport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.reading = True
        self.resumed = 0
        self.unsent = 0

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        self.resumed += 1

    def get_write_buffer_size(self) -> int:
        return self.unsent


class Wire:
    """One connection on a fake transport; it is its owner too."""

    idle_lifetime_s = 30.0

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.transport = FakeTransport()
        self.connection = Connection(self)
        self.connection.connection_made(cast("asyncio.Transport", self.transport))
        self.free = 0
        self.gone = 0

    def freed(self, connection: Connection) -> None:
        self.free += 1

    def lost(self, connection: Connection) -> None:
        self.gone += 1

    def ask(self, head: bytes = HEAD, body: bytes = b"{}", timeouts: Timeouts | None = None) -> asyncio.Future[Answer]:
        return self.connection.ask(self.loop, head, body, timeouts or Timeouts(), None)

    def receive(self, *pieces: bytes) -> None:
        """Hands over what the peer sent, as long as the connection is open."""
        for piece in pieces:
            if not self.transport.closed:
                self.connection.data_received(piece)

    def lose(self, error: Exception | None = None) -> None:
        self.transport.closed = True
        self.connection.connection_lost(error)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that must not wait."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise AssertionError("it waited")
