"""The sandbox's own HTTP/1.1 connection, on a bare transport, so that it can misbehave to the byte.

Requests of one connection are answered in order. A whole answer without faults is written at once; everything else is
delivered by a task.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import cast
from urllib.parse import unquote

import httptools

from headgate.sandbox.delivery import Delivery, deliver, head_of
from headgate.sandbox.reply import Request

_LARGEST_BODY = 256 * 1024 * 1024


class Connection(asyncio.Protocol):
    """One accepted connection. `respond` answers a request; `connections` is the set of the living ones."""

    def __init__(self, respond: Callable[[Request], Delivery], connections: "set[Connection]") -> None:
        self._respond = respond
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._stale = False
        self.gone = asyncio.Event()

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._writable.set()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns that the client is gone."""
        self._connections.discard(self)
        self.gone.set()
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse; what is not HTTP is answered 400 and closed."""
        if self._stale:
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.close()

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    # the parser's side

    def on_message_begin(self) -> None:
        """A new request."""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._length = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The client may be waiting for leave to send its body."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._length += len(body)
        if self._length > _LARGEST_BODY:
            self._transport.abort()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: answer it, or put it behind those before it."""
        target = httptools.parse_url(self._url)
        request = Request(
            method=self._parser.get_method().decode(),
            path=unquote((target.path or b"/").decode("latin-1")),
            query=(target.query or b"").decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
        )
        if self._task is not None:
            self._waiting.append((request, self._parser.should_keep_alive()))
        else:
            self._answer(request, keep_alive=self._parser.should_keep_alive())

    # answering

    def _answer(self, request: Request, *, keep_alive: bool) -> None:
        delivery = self._respond(request)
        if delivery.plain:
            reply = delivery.reply
            self.write(head_of(reply, len(reply.body), keep_alive=keep_alive) + reply.body)
            delivery.done(whole=not self._transport.is_closing())
            if not keep_alive:
                self.close()
            return
        self._task = asyncio.get_running_loop().create_task(self._deliver(delivery, keep_alive))

    async def _deliver(self, delivery: Delivery, keep_alive: bool) -> None:
        whole = finished = False
        try:
            whole = await deliver(delivery, self, keep_alive=keep_alive)
            finished = True
        finally:
            delivery.done(whole=whole)
            self._task = None
            if not finished:
                self.abort()
        self._stale = delivery.faults.stale
        if not keep_alive:
            self.close()
        while self._waiting and self._task is None and not self._transport.is_closing():
            request, keep = self._waiting.popleft()
            self._answer(request, keep_alive=keep)

    # what a delivery does with the line

    @property
    def closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport."""
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has read enough, or is gone."""
        await self._writable.wait()

    def close(self) -> None:
        """Send what was written, then end the connection."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def reset(self) -> None:
        """End the connection at once, and let the client see a reset: that is what closing without lingering sends."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def stop(self) -> None:
        """End the connection, and wait for the delivery that it cuts off."""
        task = self._task
        self.abort()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
