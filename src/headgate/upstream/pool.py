"""The connections to one origin: who is free, who waits. Nothing here waits itself."""

import asyncio
from collections import deque

from headgate.upstream.connection import Connection


class Pool:
    """Free connections are used last in, first out, so that those not needed grow old and are closed."""

    def __init__(self, *, max_idle: int, max_open: int | None, idle_lifetime_s: float) -> None:
        self.idle_lifetime_s = idle_lifetime_s
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []
        self._max_idle = max_idle
        self._max_open = max_open
        self._dialing = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()

    def __repr__(self) -> str:
        counts = f"{len(self.open)} open, {len(self.idle)} idle, {self._dialing} dialing, {len(self._waiters)} waiting"
        return f"<Pool {counts}>"

    def take(self) -> Connection | None:
        """A free connection, if there is one."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    @property
    def full(self) -> bool:
        return self._max_open is not None and len(self.open) + self._dialing >= self._max_open

    @property
    def unused(self) -> bool:
        return not self.open and not self._dialing and not self._waiters

    def wait(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[Connection | None]":
        """A future for the next free connection, or None: there is room for a new one, and its place is taken."""
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def give_up(self, waiter: "asyncio.Future[Connection | None]") -> None:
        """Nobody waits on this future any more; what it was given goes to the next."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not waiter.cancelled():
            connection = waiter.result()
            if connection is None:
                self.dialed()
            else:
                self.freed(connection)

    def dialing(self) -> None:
        """Takes a place for a connection that is about to be opened."""
        self._dialing += 1

    def dialed(self, connection: Connection | None = None) -> None:
        """Gives the place back: to the connection that was opened, or to the next who waits."""
        self._dialing -= 1
        if connection is not None:
            self.open.add(connection)
        else:
            self._admit()

    # --- as the connections' owner

    def freed(self, connection: Connection) -> None:
        while self._waiters and connection.usable:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if len(self.idle) < self._max_idle and connection.usable:
            self.idle.append(connection)
        else:
            connection.abort()

    def lost(self, connection: Connection) -> None:
        self.open.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self._admit()

    def _admit(self) -> None:
        """Lets one who waits open a connection of their own."""
        while self._waiters and not self.full:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.dialing()
                waiter.set_result(None)
