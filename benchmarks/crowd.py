"""Many clients that each hold a slow stream open, to see what a live stream costs in memory."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import uvloop

from load import Ask

BATCH = 250
SECOND_EVENT_S = 30.0


class Listener(asyncio.Protocol):
    """A client that has asked, and counts the events that come."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.heard = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.heard += data.count(b"data: {")


def hold_open(ask: Ask, port: int, streams: int, measure: Callable[[], int]) -> tuple[int, int, int]:
    """Open so many streams, wait until every one flows, and measure.

    Returns:
        How many streams were live, what was measured before the first and what with all of them.
    """
    return uvloop.run(_hold_open(ask, port, streams, measure))


async def _hold_open(ask: Ask, port: int, streams: int, measure: Callable[[], int]) -> tuple[int, int, int]:
    loop = asyncio.get_running_loop()
    before = measure()
    request = _request(ask)
    listeners: list[Listener] = []
    try:
        while len(listeners) < streams:
            count = min(BATCH, streams - len(listeners))
            made = await asyncio.gather(
                *[loop.create_connection(lambda: Listener(request), "127.0.0.1", port) for _ in range(count)]
            )
            listeners += [listener for _, listener in made]
            await _until(partial(_all_heard, listeners[-count:]))
        heard = [listener.heard for listener in listeners]
        # All have their first events; now let each hear from the upstream once more while all are there.
        await _until(lambda: all(each.heard > had for each, had in zip(listeners, heard, strict=True)))
        live = sum(not listener.transport.is_closing() for listener in listeners)
        return live, before, measure()
    finally:
        for listener in listeners:
            listener.transport.abort()
        await asyncio.sleep(0.5)


def _all_heard(listeners: Sequence[Listener]) -> bool:
    return all(listener.heard for listener in listeners)


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECOND_EVENT_S):
        while not done():
            await asyncio.sleep(0.05)


def _request(ask: Ask) -> bytes:
    body = json.dumps(ask.body).encode()
    headers = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body)), **ask.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {ask.path} HTTP/1.1\r\n{lines}\r\n".encode() + body
