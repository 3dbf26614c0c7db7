"""A scripted HTTP peer on a real loopback socket: it answers each request with the next reply of its script."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

from httptools import HttpRequestParser
from msgspec import Struct

from headgate.upstream import Origin


class Reply(Struct, frozen=True):
    """Pieces to send, a moment apart; then what becomes of the connection. `early`: at the request's head already."""

    pieces: Sequence[bytes] = ()
    then: str = "keep"  # keep, close, reset
    early: bool = False


def ok(body: bytes = b"hello", *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines, body)


def reply(*pieces: bytes, then: str = "keep", early: bool = False) -> Reply:
    return Reply(pieces, then, early)


class Peer:
    """`requests`: head lines and body of each, as received. `opened`, `lost`: connections."""

    def __init__(self, script: Sequence[Reply]) -> None:
        self.script = list(script)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.opened = 0
        self.lost = 0
        self.live: set[Session] = set()
        self.quiet = asyncio.Event()  # no connection is open
        self.port = 0
        self.scheme = "http"

    def origin(self, **changes: object) -> Origin:
        fields = {"scheme": self.scheme, "host": "127.0.0.1", "port": self.port, **changes}
        return Origin(**fields)  # type: ignore[arg-type]

    def next_reply(self) -> Reply:
        return self.script.pop(0) if self.script else reply(ok())

    async def all_lost(self) -> None:
        """Waits until the other side has closed every connection."""
        await self.quiet.wait()


class Session(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.parser = HttpRequestParser(self)
        self.target = b""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.replying: asyncio.Task[None] | None = None
        self.reply: Reply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.peer.opened += 1
        self.peer.live.add(self)
        self.peer.quiet.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self.peer.lost += 1
        self.peer.live.discard(self)
        if not self.peer.live:
            self.peer.quiet.set()
        if self.replying is not None:
            self.replying.cancel()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.target, self.headers, self.body, self.reply = b"", {}, b"", None

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        if self.peer.script and self.peer.script[0].early:
            self.answer()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        line = f"{self.parser.get_method().decode()} {self.target.decode()}"
        self.peer.requests.append((line, self.headers, self.body))
        if self.reply is None:
            self.answer()

    def answer(self) -> None:
        self.reply = self.peer.next_reply()
        self.replying = asyncio.get_running_loop().create_task(self.play(self.reply))

    async def play(self, script: Reply) -> None:
        for piece in script.pieces:
            self.transport.write(piece)
            await asyncio.sleep(0.002)
        if script.then == "close":
            self.transport.close()
        elif script.then == "reset":
            self.transport.abort()


@asynccontextmanager
async def peer(*script: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer that plays this script, and answers `hello` when it is used up."""
    it = Peer(script)
    server = await asyncio.get_running_loop().create_server(lambda: Session(it), "127.0.0.1", 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    it.scheme = "https" if tls is not None else "http"
    try:
        yield it
    finally:
        for session in tuple(it.live):
            session.transport.abort()
        server.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
