"""Through proxies: plain, tunnelled, SOCKS."""

import ssl

import pytest
import trustme

from fakes import proxies
from fakes.peer import peer
from headgate.upstream import Client, Dialer, ProxyFailed, Timeouts
from headgate.upstream.dial import Address, look_up

HEAD = b"GET /v1 HTTP/1.1\r\nhost: api.test\r\n"
AUTHORITY = trustme.CA()


def server_tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


async def no_names(host: str, port: int) -> list[Address]:
    """Only numeric addresses are found here: names are the proxy's to look up."""
    assert not host.endswith(".test")
    return await look_up(host, port)


async def fetch(origin: object, **options: object) -> bytes:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    client = Client(dialer=Dialer(ssl_context=context, **{"resolver": no_names, **options}))  # type: ignore[arg-type]
    try:
        answer = await client.send(origin, HEAD, b"", Timeouts(connect_s=5))  # type: ignore[arg-type]
        return await answer.read(1000)
    finally:
        await client.close()


async def test_plain_http_is_asked_of_the_proxy() -> None:
    """The request line holds the whole URL, and our credentials are shown to the proxy."""
    async with peer() as it, proxies.running(proxies.http, it.port) as proxy:
        origin = it.origin(host="api.test", proxy=f"http://us%40er:pa%3Ass@127.0.0.1:{proxy.port}")
        assert await fetch(origin) == b"proxied"
    assert proxy.seen[0].startswith(b"GET http://api.test:%d/v1 HTTP/1.1\r\nhost: api.test\r\n" % it.port)
    assert b"proxy-authorization: Basic dXNAZXI6cGE6c3M=\r\n" in proxy.seen[0]


async def test_https_goes_through_a_tunnel() -> None:
    """The proxy learns host and port and nothing else; the certificate is the origin's."""
    async with peer(tls=server_tls("api.test")) as it, proxies.running(proxies.http, it.port) as proxy:
        origin = it.origin(host="api.test", proxy=f"http://user:word@127.0.0.1:{proxy.port}")
        assert await fetch(origin) == b"hello"
        assert "proxy-authorization" not in it.requests[0][1]
    assert proxy.seen[0].startswith(b"CONNECT api.test:%d HTTP/1.1\r\n" % it.port)
    assert b"proxy-authorization: Basic dXNlcjp3b3Jk\r\n" in proxy.seen[0]


async def test_proxy_may_itself_be_reached_over_tls() -> None:
    """TLS within TLS for an https origin."""
    async with (
        peer(tls=server_tls("api.test")) as it,
        proxies.running(proxies.http, it.port, tls=server_tls("127.0.0.1")) as proxy,
    ):
        assert await fetch(it.origin(host="api.test", proxy=f"https://127.0.0.1:{proxy.port}")) == b"hello"


@pytest.mark.parametrize("reply", [b"HTTP/1.1 407 Who are you\r\n\r\n", b"SSH-2.0\r\n\r\n", b"", b"x" * 20_000])
async def test_proxy_that_refuses(reply: bytes) -> None:
    """Its reason is told to the operator."""
    async with peer(tls=server_tls("api.test")) as it, proxies.running(proxies.http, it.port, refuse=reply) as proxy:
        with pytest.raises(ProxyFailed):
            await fetch(it.origin(host="api.test", proxy=f"http://127.0.0.1:{proxy.port}"))
        assert it.opened == 0


@pytest.mark.parametrize("secure", [False, True])
async def test_socks5_looks_names_up_for_us(secure: bool) -> None:
    """The name travels to the proxy, with our credentials."""
    async with (
        peer(tls=server_tls("api.test") if secure else None) as it,
        proxies.running(proxies.socks, it.port) as proxy,
    ):
        origin = it.origin(host="api.test", proxy=f"socks5://user:word@127.0.0.1:{proxy.port}")
        assert await fetch(origin) == b"hello"
    assert proxy.seen == [b"user:word", b"api.test"]


async def test_socks4_gets_an_address() -> None:
    """It knows no names."""
    async with peer() as it, proxies.running(proxies.socks, it.port) as proxy:
        assert await fetch(it.origin(proxy=f"socks4://127.0.0.1:{proxy.port}")) == b"hello"
    assert proxy.seen[0].endswith(bytes((127, 0, 0, 1)))


async def test_socks_proxy_that_refuses_or_is_not_there() -> None:
    """Both are the proxy's failure, not the upstream's."""
    async with peer() as it:
        async with proxies.running(proxies.socks, it.port, refuse=b"no") as proxy:
            origin = it.origin(host="api.test", proxy=f"socks5://127.0.0.1:{proxy.port}")
            with pytest.raises(ProxyFailed):
                await fetch(origin)
        with pytest.raises(ProxyFailed):
            await fetch(origin)
        with pytest.raises(ProxyFailed):
            await fetch(it.origin(host="api.test", proxy=f"http://127.0.0.1:{proxy.port}"))


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_guarded_origin_reaches_the_proxy_as_a_checked_address(kind: str) -> None:
    """What was checked is what is connected to: the proxy looks nothing up."""
    seen: list[str] = []
    handler = proxies.http if kind == "http" else proxies.socks
    async with peer() as it, proxies.running(handler, it.port) as proxy:
        origin = it.origin(host="localhost", proxy=f"{kind}://127.0.0.1:{proxy.port}")
        assert await fetch(origin, guard=seen.append) == b"hello"
    assert seen
    assert seen[0].encode() in proxy.seen[0] or proxy.seen[0] == bytes((127, 0, 0, 1))
