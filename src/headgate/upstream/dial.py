"""Opens connections: looks names up, tries their addresses, and puts TLS on top."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from headgate.upstream.connection import Connection
from headgate.upstream.errors import ConnectFailed, ProxyFailed, TlsFailed
from headgate.upstream.origin import Origin
from headgate.upstream.proxy import Proxy, Tunnel, absolute_form, through_socks
from headgate.upstream.tls import trusting, verifying

P = TypeVar("P", bound=asyncio.Protocol)

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
    """How connections are opened. `guard` checks every address of the origin (not of its proxy, which the operator
    chose), and with it names are looked up here and never by a proxy. `resolver` and `ssl_context` replace the system's
    names and certificate authorities."""

    def __init__(
        self,
        *,
        guard: Guard | None = None,
        resolver: Resolver = look_up,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._verifying = ssl_context
        self._trusting: ssl.SSLContext | None = None
        self._proxies: dict[str, Proxy] = {}

    def head_for(self, origin: Origin, head: bytes) -> bytes:
        """The head of a request as it goes over a connection to this origin."""
        if origin.proxy is None:
            return head
        proxy = self._proxy(origin.proxy)
        if proxy.speaks_http and not self._tunnels(origin):
            return absolute_form(head, origin.authority, proxy)
        return head

    async def dial(self, loop: asyncio.AbstractEventLoop, origin: Origin, make: Callable[[], Connection]) -> Connection:
        """A connection to the origin. Raises ConnectFailed, TlsFailed, ProxyFailed."""
        if origin.proxy is None:
            sock = await self._connect(loop, await self._addresses(origin.host, origin.port), origin.port)
            return await self._adopt(loop, sock, make, self._tls(origin), origin.host)
        proxy = self._proxy(origin.proxy)
        host = origin.host
        if self._guard is not None or proxy.kind == "socks4":
            host = (await self._addresses(host, origin.port))[0][1]
        if proxy.speaks_http:
            return await self._through_http(loop, proxy, origin, host, make)
        sock = await through_socks(loop, proxy, host, origin.port)
        return await self._adopt(loop, sock, make, self._tls(origin), origin.host)

    # --- inside

    def _proxy(self, url: str) -> Proxy:
        proxy = self._proxies.get(url)
        if proxy is None:
            try:
                proxy = self._proxies[url] = Proxy.from_url(url)
            except ValueError as error:
                raise ProxyFailed(f"{error}.") from error
        return proxy

    def _tunnels(self, origin: Origin) -> bool:
        """Whether an HTTP proxy only passes bytes on. A checked address can be given to it no other way."""
        return origin.scheme == "https" or self._guard is not None

    def _tls(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.scheme == "http":
            return None
        return self._verified() if origin.verify else self._trusted()

    def _verified(self) -> ssl.SSLContext:
        if self._verifying is None:
            self._verifying = verifying()
        return self._verifying

    def _trusted(self) -> ssl.SSLContext:
        if self._trusting is None:
            self._trusting = trusting()
        return self._trusting

    async def _addresses(self, host: str, port: int) -> list[Address]:
        """The addresses of the origin, every one of them allowed."""
        try:
            addresses = interleave(await self._resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"{error}.") from error
        if not addresses:
            raise ConnectFailed("The name has no address.")
        if self._guard is not None:
            for _, address in addresses:
                self._guard(address)
        return addresses

    async def _connect(self, loop: asyncio.AbstractEventLoop, addresses: list[Address], port: int) -> socket.socket:
        try:
            return await race(loop, addresses, port)
        except OSError as error:
            raise ConnectFailed(f"{error}.") from error

    async def _adopt(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        make: Callable[[], P],
        tls: ssl.SSLContext | None,
        name: str,
    ) -> P:
        """Puts a protocol, over TLS or not, on a connected socket."""
        try:
            _, protocol = await loop.create_connection(
                make, sock=sock, ssl=tls, server_hostname=name if tls is not None else None
            )
        except BaseException as error:
            sock.close()
            if tls is not None and isinstance(error, (OSError, ssl.CertificateError)):
                raise TlsFailed(f"{error}.") from error
            if isinstance(error, OSError):
                raise ConnectFailed(f"{error}.") from error
            raise
        return protocol

    async def _through_http(
        self,
        loop: asyncio.AbstractEventLoop,
        proxy: Proxy,
        origin: Origin,
        host: str,
        make: Callable[[], Connection],
    ) -> Connection:
        tls = self._verified() if proxy.kind == "https" else None
        try:
            sock = await race(loop, interleave(await self._resolver(proxy.host, proxy.port)), proxy.port)
        except OSError as error:
            raise ProxyFailed(f"{error}.") from error
        if not self._tunnels(origin):
            return await self._adopt(loop, sock, make, tls, proxy.host)
        authority = f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"
        tunnel = await self._adopt(loop, sock, lambda: Tunnel(loop, proxy, authority), tls, proxy.host)
        try:
            await tunnel.opened
            return await self._secure(loop, tunnel.transport, origin, make())
        except BaseException:
            tunnel.transport.abort()
            raise

    async def _secure(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, origin: Origin, connection: Connection
    ) -> Connection:
        """Hands an open tunnel over to the connection, with TLS inside it where the origin wants it."""
        tls = self._tls(origin)
        if tls is None:
            transport.set_protocol(connection)
            connection.connection_made(transport)
            return connection
        try:
            inner = await loop.start_tls(transport, connection, tls, server_hostname=origin.host)
        except (OSError, ssl.CertificateError) as error:
            raise TlsFailed(f"{error}.") from error
        if inner is None:
            raise TlsFailed("The connection was lost.")
        connection.connection_made(inner)
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
