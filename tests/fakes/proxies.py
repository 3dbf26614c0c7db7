"""Tiny proxies on loopback: HTTP (CONNECT, and absolute request lines recorded) and SOCKS 4 and 5."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Proxy:
    """`port`; `seen`: what it was asked for. `target` is where it really goes, whatever name it is given."""

    def __init__(self, target: int, refuse: bytes | None = None) -> None:
        self.port = 0
        self.target = target
        self.refuse = refuse
        self.seen: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.writers: set[asyncio.StreamWriter] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Passes bytes both ways until either side ends."""
        inner, outer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers.add(outer)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


def http(proxy: Proxy) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.seen.append(head)
        if proxy.refuse is not None:
            writer.write(proxy.refuse)
            writer.close()
        elif head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await proxy.join(reader, writer)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nproxied")

    return handle


def socks(proxy: Proxy) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = (await reader.readexactly(1))[0]
        await (socks5 if version == 5 else socks4)(proxy, reader, writer)

    return handle


async def socks4(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readexactly(7)
    await reader.readuntil(b"\0")
    proxy.seen.append(request)
    writer.write(b"\0\x5a" + bytes(6))
    await proxy.join(reader, writer)


async def socks5(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    if 2 in methods:
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        word = await reader.readexactly((await reader.readexactly(1))[0])
        proxy.seen.append(name + b":" + word)
        writer.write(b"\x01\x00")
    else:
        writer.write(b"\x05\x00")
    _, _, _, kind = await reader.readexactly(4)
    host = await reader.readexactly((await reader.readexactly(1))[0] if kind == 3 else 4)
    await reader.readexactly(2)
    proxy.seen.append(host)
    if proxy.refuse is not None:
        writer.write(b"\x05\x05\x00\x01" + bytes(6))
        writer.close()
        return
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    await proxy.join(reader, writer)


@asynccontextmanager
async def running(
    kind: Callable[[Proxy], Handler], target: int, *, refuse: bytes | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """A proxy of the kind `http` or `socks` that leads to the loopback port `target`."""
    proxy = Proxy(target, refuse)
    handle = kind(proxy)

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def session() -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                await handle(reader, writer)

        proxy.writers.add(writer)
        task = asyncio.get_running_loop().create_task(session())
        proxy.tasks.add(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for writer in proxy.writers:
            writer.transport.abort()
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
        await asyncio.sleep(0)
