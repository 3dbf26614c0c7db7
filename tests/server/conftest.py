"""A lane on a real socket: uvicorn with the lane's protocol, an echoing relay, and a small ASGI application."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import Failure, Refused
from headgate.relay.asked import Asked
from headgate.server.exchange import Exchange
from headgate.server.lane import LaneProtocol, LaneState, Limits

Serve = Callable[[Exchange, Asked], Awaitable[None]]


def error_answer(failure: Failure) -> ErrorAnswer:
    """A refusal as small as can be."""
    return ErrorAnswer(status=failure.http_status, body=json.dumps({"error": failure.message}).encode())


async def echo(exchange: Exchange, asked: Asked) -> None:
    """Answers with what was understood."""
    exchange.named("call-1")
    try:
        body = exchange.body()
    except Refused as refused:
        exchange.refuse(error_answer(refused.failure))
        return
    told = {"path": exchange.path.decode(), "body": body.decode("latin-1"), "query": exchange.query.decode()}
    exchange.answer(200, {"content-type": "application/json"}, json.dumps(told).encode())


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Stands for every page that is no call."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"page " + scope["path"].encode() + b" " + body})


class Lane:
    """A listening lane, for tests."""

    def __init__(self, port: int, server: uvicorn.Server) -> None:
        self.port = port
        self.server = server

    async def open(self) -> "Peer":
        """Connect."""
        return Peer(*await asyncio.open_connection("127.0.0.1", self.port))

    async def exchange(self, sent: bytes) -> bytes:
        """Send bytes and read until the lane closes the connection."""
        peer = await self.open()
        try:
            await peer.send(sent)
            return await peer.read_to_end()
        finally:
            await peer.close()


class Peer:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer with a content-length or chunks."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1")
        line, *fields = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        status = int(line.split(" ")[1])
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, await self._chunks()
        return status, headers, await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await asyncio.wait_for(self.reader.readline(), 10)).strip(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def read_to_end(self) -> bytes:
        """Read until the other side closes."""
        return await asyncio.wait_for(self.reader.read(-1), 10)

    async def close(self) -> None:
        """Close and wait until it is done."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


Listen = Callable[..., Any]


@pytest.fixture
def listen() -> Listen:
    """Start a lane: `async with listen(serve, limits) as lane`."""

    @asynccontextmanager
    async def listening(serve: Serve = echo, limits: Limits | None = None) -> AsyncIterator[Lane]:
        def refuse(asked: Asked, failure: Failure) -> tuple[str, ErrorAnswer]:
            return "refused-1", error_answer(failure)

        state = LaneState(serve=serve, refuse=refuse, limits=limits or Limits())  # type: ignore[arg-type]

        def protocol(**arguments: Any) -> LaneProtocol:
            arguments["app_state"] = {"lane": state}
            return LaneProtocol(**arguments)

        config = uvicorn.Config(
            asgi,
            port=0,
            http=protocol,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Lane(port, server)
        finally:
            server.should_exit = True
            await serving

    return listening
