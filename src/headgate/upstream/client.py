"""The client: origins to pools, one request to one answer, and the sweep that watches time."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable

from msgspec import Struct

from headgate.upstream.answer import Answer
from headgate.upstream.connection import Connection, Stale
from headgate.upstream.dial import Dialer
from headgate.upstream.errors import Broken, ConnectTimedOut
from headgate.upstream.origin import Origin, Timeouts
from headgate.upstream.pool import Pool


class Stats(Struct, frozen=True):
    """`open` and `idle` are connections now; the others count since the start: connections opened, requests sent over a
    kept connection, requests sent again because that one was dead."""

    open: int
    idle: int
    opened: int
    reused: int
    stale_retries: int


class Client:
    """Keeps connections to origins and sends requests over them. Belongs to the event loop that first sends with it."""

    def __init__(
        self,
        *,
        max_idle_per_origin: int = 512,
        max_per_origin: int | None = None,
        idle_lifetime_s: float = 55,
        sweep_s: float = 0.25,
        dialer: Dialer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_per_origin` bounds open connections; who comes later waits, up to the connect time-out. An unused
        connection is kept for `idle_lifetime_s`. `sweep_s` is the grain of all time-outs but connecting."""
        self._max_idle = max_idle_per_origin
        self._max_open = max_per_origin
        self._idle_lifetime_s = idle_lifetime_s
        self._sweep_s = sweep_s
        self._dialer = dialer or Dialer()
        self._clock = clock
        self._pools: dict[Origin, Pool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._opened = self._reused = self._stale_retries = 0
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(
        self,
        origin: Origin,
        head: bytes,
        body: bytes | AsyncIterable[bytes],
        timeouts: Timeouts,
        length: int | None = None,
    ) -> Answer:
        """Sends one request and returns its answer as soon as the head is there.

        `head` is the request line and the headers, `host` among them, each line ended by CRLF, without the blank line
        and without `content-length` and `transfer-encoding`, which are added here. A body in pieces is sent chunked,
        unless its `length` is given. A request that finds a kept connection dead before any byte of the answer is sent
        once more over a new one, if its body is bytes. Raises UpstreamError, and what iterating over the body raises.
        """
        pool = self._pools.get(origin) or self._add_pool(origin)
        if origin.proxy is not None:
            head = self._dialer.head_for(origin, head)
        loop = self._loop
        if loop is None:
            # Asked for once: in CPython 3.11 every question is a system call (getpid).
            loop = self._loop = asyncio.get_running_loop()
        connection = pool.take()
        if connection is None:
            connection = await self._open(loop, pool, origin, timeouts)
        else:
            self._reused += 1
        waiter = connection.ask(loop, head, body, timeouts, length)
        try:
            return await waiter
        except asyncio.CancelledError:
            _cancelled(connection, waiter)
            raise
        except Stale:
            self._stale_retries += 1
        pool = self._pools.get(origin) or self._add_pool(origin)  # the sweep may have dropped the empty one
        connection = await self._open(loop, pool, origin, timeouts, fresh=True)
        waiter = connection.ask(loop, head, body, timeouts, length)
        try:
            return await waiter
        except asyncio.CancelledError:
            _cancelled(connection, waiter)
            raise

    async def close(self) -> None:
        """Closes every connection at once; exchanges under way fail. The client can send no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pool in self._pools.values():
            for connection in tuple(pool.open):
                connection.abort()
        for _ in range(10):  # the event loop reports each loss in a callback of its own
            if not any(pool.open for pool in self._pools.values()):
                break
            await asyncio.sleep(0)
        self._pools.clear()

    def stats(self) -> Stats:
        return Stats(
            open=sum(len(pool.open) for pool in self._pools.values()),
            idle=sum(len(pool.idle) for pool in self._pools.values()),
            opened=self._opened,
            reused=self._reused,
            stale_retries=self._stale_retries,
        )

    # --- inside

    def _add_pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise Broken("The client is closed.")
        pool = Pool(max_idle=self._max_idle, max_open=self._max_open, idle_lifetime_s=self._idle_lifetime_s)
        self._pools[origin] = pool
        return pool

    async def _open(
        self, loop: asyncio.AbstractEventLoop, pool: Pool, origin: Origin, timeouts: Timeouts, *, fresh: bool = False
    ) -> Connection:
        """A connection of our own: a new one or, where their number is limited, the next that gets free."""
        try:
            async with asyncio.timeout(timeouts.connect_s):
                if pool.full:
                    connection = await self._queue(loop, pool)
                    if connection is not None and not fresh:
                        self._reused += 1
                        return connection
                    if connection is not None:
                        connection.abort()
                        pool.dialing()
                else:
                    pool.dialing()
                return await self._dial(loop, pool, origin)
        except TimeoutError as error:
            raise ConnectTimedOut(f"The limit is {timeouts.connect_s:g} s.") from error

    async def _queue(self, loop: asyncio.AbstractEventLoop, pool: Pool) -> Connection | None:
        waiter = pool.wait(loop)
        try:
            return await waiter
        except asyncio.CancelledError:
            pool.give_up(waiter)
            raise

    async def _dial(self, loop: asyncio.AbstractEventLoop, pool: Pool, origin: Origin) -> Connection:
        connection: Connection | None = None
        try:
            connection = await self._dialer.dial(loop, origin, lambda: Connection(pool))
        finally:
            pool.dialed(connection)
        if self._closed:
            connection.abort()
            raise Broken("The client is closed.")
        self._opened += 1
        if self._timer is None:
            self._timer = loop.call_later(self._sweep_s, self._sweep, loop)
        return connection

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Looks at every open connection; sleeps when there are none."""
        now = self._clock()
        overdue = [c for pool in self._pools.values() for c in pool.open if c.overdue(now)]
        for connection in overdue:
            connection.expire()
        self._pools = {origin: pool for origin, pool in self._pools.items() if not pool.unused}
        self._timer = loop.call_later(self._sweep_s, self._sweep, loop) if self._pools else None


def _cancelled(connection: Connection, waiter: "asyncio.Future[Answer]") -> None:
    """The task that waited is cancelled: nobody will see the answer. The connection may have another exchange already,
    if the whole answer had come."""
    if waiter.cancelled():
        connection.abandon()
    elif waiter.exception() is None:
        waiter.result().close()
