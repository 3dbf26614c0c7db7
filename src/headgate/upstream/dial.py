"""Opens connections: looks names up, tries their addresses, and puts TLS on top."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import Awaitable, Callable

from headgate.upstream.connection import Connection
from headgate.upstream.errors import ConnectFailed, TlsFailed
from headgate.upstream.origin import Origin

ATTEMPT_DELAY_S = 0.25
"""How long one address is given before the next is tried beside it (RFC 8305, section 5)."""

Address = tuple[socket.AddressFamily, str]
Guard = Callable[[str], None]
"""Sees each address before it is connected to; raises AddressRefused to forbid it."""
Resolver = Callable[[str, int], Awaitable[list[Address]]]


async def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host. Raises OSError."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in infos]


class Dialer:
    """How connections are opened. `guard` checks every address; `resolver` and `contexts` replace the system's names and
    certificate authorities."""

    def __init__(
        self,
        *,
        guard: Guard | None = None,
        resolver: Resolver = look_up,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._trusting: ssl.SSLContext | None = None
        self._verifying = ssl_context

    def head_for(self, origin: Origin, head: bytes) -> bytes:
        return head

    async def dial(self, loop: asyncio.AbstractEventLoop, origin: Origin, make: Callable[[], Connection]) -> Connection:
        """A connection to the origin. Raises ConnectFailed, TlsFailed, ProxyFailed."""
        sock = await self.connect(loop, origin.host, origin.port)
        return await self._adopt(loop, sock, origin, make)

    async def connect(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
        """A socket connected to the first address of the host that answers."""
        try:
            addresses = interleave(await self._resolver(host, port))
            if self._guard is not None:
                for _, address in addresses:
                    self._guard(address)
            return await race(loop, addresses, port)
        except OSError as error:
            raise ConnectFailed(f"{error.strerror or error}.") from error

    async def _adopt(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, origin: Origin, make: Callable[[], Connection]
    ) -> Connection:
        try:
            _, connection = await loop.create_connection(make, sock=sock)
        except BaseException:
            sock.close()
            raise
        return connection


def interleave(addresses: list[Address]) -> list[Address]:
    """Alternates the families, in the order the system prefers them."""
    families: dict[socket.AddressFamily, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rows = itertools.zip_longest(*families.values())
    return [address for row in rows for address in row if address is not None]


async def attempt(loop: asyncio.AbstractEventLoop, address: Address, port: int) -> socket.socket:
    family, host = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def race(loop: asyncio.AbstractEventLoop, addresses: list[Address], port: int) -> socket.socket:
    """Tries the addresses in turn, each a little after the one before; the first to connect wins. Raises OSError."""
    if not addresses:
        raise OSError("the name has no address")
    if len(addresses) == 1:
        return await attempt(loop, addresses[0], port)
    running: set[asyncio.Task[socket.socket]] = set()
    failure: OSError | None = None
    left = list(addresses)
    try:
        while left or running:
            if left:
                running.add(loop.create_task(attempt(loop, left.pop(0), port)))
            delay = ATTEMPT_DELAY_S if left else None
            done, running = await asyncio.wait(running, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
    finally:
        for task in running:
            task.cancel()
    raise failure or OSError("no address answered")


__all__ = ["Address", "Dialer", "Guard", "Resolver", "TlsFailed", "interleave", "look_up"]
