"""Names, addresses, TLS."""

import asyncio
import socket
import ssl

import pytest
import trustme

from fakes.peer import peer
from headgate.upstream import AddressRefused, Client, ConnectFailed, ConnectTimedOut, Dialer, Timeouts, TlsFailed
from headgate.upstream.dial import Address, interleave

HEAD = b"GET / HTTP/1.1\r\nhost: test\r\n"
T = Timeouts(connect_s=5)
V4, V6 = socket.AF_INET, socket.AF_INET6
AUTHORITY = trustme.CA()


def server_tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusted() -> Dialer:
    """A dialer that believes the test authority, and finds every name on loopback."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return Dialer(ssl_context=context, resolver=loopback)


async def loopback(host: str, port: int) -> list[Address]:
    return [(V4, "127.0.0.1")]


async def fetch(dialer: Dialer, origin: object, timeouts: Timeouts = T) -> bytes:
    client = Client(dialer=dialer)
    try:
        answer = await client.send(origin, HEAD, b"", timeouts)  # type: ignore[arg-type]
        return await answer.read(1000)
    finally:
        await client.close()


async def test_tls_with_a_known_authority(trusted: Dialer) -> None:
    """Certificate and name are checked, and SNI carries the name."""
    names: list[str] = []
    tls = server_tls("api.test")
    tls.sni_callback = lambda _sock, name, _context: names.append(name)
    async with peer(tls=tls) as it:
        assert await fetch(trusted, it.origin(host="api.test")) == b"hello"
    assert names == ["api.test"]


async def test_tls_refuses_unknown_authorities_and_wrong_names(trusted: Dialer) -> None:
    """Nothing is sent to who cannot prove their name; unless the operator wants it so."""
    async with peer(tls=server_tls("api.test")) as it:
        with pytest.raises(TlsFailed):
            await fetch(Dialer(resolver=loopback), it.origin(host="api.test"))
        with pytest.raises(TlsFailed):
            await fetch(trusted, it.origin(host="other.test"))
        assert it.requests == []
        assert await fetch(Dialer(resolver=loopback), it.origin(host="other.test", verify=False)) == b"hello"


async def test_tls_to_one_who_does_not_speak_it(trusted: Dialer) -> None:
    """Plain HTTP on a TLS address is a TLS failure."""
    async with peer() as it:
        with pytest.raises(TlsFailed):
            await fetch(trusted, it.origin(scheme="https"))


async def test_handshake_that_hangs_times_out(trusted: Dialer) -> None:
    """The connect time-out covers it."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with peer() as it:
        with pytest.raises(ConnectTimedOut):
            await fetch(trusted, it.origin(scheme="https", port=port), Timeouts(connect_s=0.05))
    server.close()


async def test_next_address_is_tried_when_one_refuses() -> None:
    """A host with a dead address is still reached."""

    async def two(host: str, port: int) -> list[Address]:
        return [(V4, "127.0.0.9"), (V4, "127.0.0.1")]

    async with peer() as it:
        assert await fetch(Dialer(resolver=two), it.origin(host="many.test")) == b"hello"
        with pytest.raises(ConnectFailed):
            await fetch(Dialer(resolver=two), it.origin(host="many.test", port=1))


async def test_name_without_address_and_look_up_that_fails() -> None:
    """Both are failures to connect."""

    async def none(host: str, port: int) -> list[Address]:
        return []

    async def broken(host: str, port: int) -> list[Address]:
        raise socket.gaierror(-2, "Name or service not known")

    async with peer() as it:
        for resolver in (none, broken):
            with pytest.raises(ConnectFailed):
                await fetch(Dialer(resolver=resolver), it.origin())


async def test_guard_sees_addresses_before_anyone_is_called() -> None:
    """A name that leads to a forbidden address is refused, whatever else it leads to."""
    seen: list[str] = []

    def guard(address: str) -> None:
        seen.append(address)
        raise AddressRefused(address)

    async with peer() as it:
        with pytest.raises(AddressRefused):
            await fetch(Dialer(resolver=loopback, guard=guard), it.origin(host="public.test"))
        assert it.opened == 0
    assert seen == ["127.0.0.1"]


def test_families_alternate() -> None:
    """The system's favourite first."""
    six, four = [(V6, "a"), (V6, "b"), (V6, "c")], [(V4, "d")]
    assert interleave([*six, *four]) == [(V6, "a"), (V4, "d"), (V6, "b"), (V6, "c")]
