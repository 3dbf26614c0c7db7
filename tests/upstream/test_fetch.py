"""Fetching from addresses that callers name: what may be had, and what may not even be tried."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import pytest

from headgate.upstream.dial import Address, Dialer, Guard
from headgate.upstream.errors import AddressRefused
from headgate.upstream.fetch import Fetched, Fetcher, FetchFailed, public_only

LOOPBACK = (ip_network("127.0.0.0/8"),)


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[str]:
    """A server that gives each connection the next answer; yields its address."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def ok(body: bytes, media_type: bytes = b"image/png") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (media_type, len(body)) + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


async def test_what_is_there_is_fetched_with_its_type() -> None:
    """Bytes and media type, without the type's parameters."""
    fetcher = Fetcher(LOOPBACK)
    async with serving(ok(b"bytes", b"Image/PNG; q=1")) as url:
        assert await fetcher.fetch(f"{url}/a.png?x=1", 100) == Fetched(b"bytes", "image/png")
    await fetcher.close()


async def test_redirects_are_followed_a_few_times() -> None:
    """A relative redirect works; endless ones end."""
    fetcher = Fetcher(LOOPBACK)
    async with serving(moved("/b"), ok(b"there")) as url:
        assert (await fetcher.fetch(f"{url}/a", 100)).data == b"there"
    async with serving(*[moved("/again")] * 9) as url:
        with pytest.raises(FetchFailed, match="too often"):
            await fetcher.fetch(f"{url}/a", 100)
    await fetcher.close()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
    ],
)
async def test_addresses_that_are_not_public_are_not_connected_to(address: str) -> None:
    """However the operator's own network is spelt."""
    fetcher = Fetcher()
    with pytest.raises(FetchFailed):
        await fetcher.fetch(address, 100)
    await fetcher.close()


async def test_a_redirect_into_the_own_network_is_refused() -> None:
    """Every hop is checked, not only the first."""
    fetcher = Fetcher((ip_network("127.0.0.1/32"),))
    async with serving(moved("http://127.0.0.2:1/secret")) as url:
        with pytest.raises(FetchFailed, match="not a public one"):
            await fetcher.fetch(url, 100)
    await fetcher.close()


async def test_a_name_that_resolves_into_the_own_network_is_refused() -> None:
    """It is the address that counts, at the moment of connecting, and one bad address among good ones is enough."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [(socket.AF_INET, "8.8.8.8"), (socket.AF_INET, "10.0.0.7")]

    def dialer(guard: Guard) -> Dialer:
        return Dialer(guard=guard, resolver=resolve)

    fetcher = Fetcher(dialer=dialer)
    with pytest.raises(FetchFailed, match="not a public one"):
        await fetcher.fetch("http://images.example.com/a.png", 100)
    await fetcher.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "http://user:pw@example.com/",
        "http:///a",
        "http://[oops/",
        "gopher:x",
    ],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    """Other schemes, user names and malformed addresses."""
    fetcher = Fetcher()
    with pytest.raises(FetchFailed):
        await fetcher.fetch(url, 100)
    await fetcher.close()


async def test_errors_and_too_much_are_told() -> None:
    """A status that is no success, and a body beyond the limit."""
    fetcher = Fetcher(LOOPBACK)
    missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    async with serving(missing, ok(b"x" * 200)) as url:
        with pytest.raises(FetchFailed, match="404"):
            await fetcher.fetch(url, 100)
        with pytest.raises(FetchFailed, match="larger"):
            await fetcher.fetch(url, 100)
    await fetcher.close()


def test_public_addresses_pass_the_guard() -> None:
    """And those of allowed networks."""
    guard = public_only(LOOPBACK)
    guard("8.8.8.8")
    guard("2606:4700::1111")
    guard("127.0.0.5")
    with pytest.raises(AddressRefused):
        guard("10.0.0.1")
