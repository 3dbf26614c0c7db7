"""Ways through a proxy: absolute request lines, CONNECT tunnels, SOCKS."""

import asyncio
import base64
import socket
from typing import Literal, Self, cast, get_args
from urllib.parse import unquote, urlsplit

import python_socks
from msgspec import Struct
from python_socks.async_.asyncio import Proxy as SocksClient

from headgate.upstream.errors import ProxyFailed

Kind = Literal["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
SOCKS = {
    "socks4": python_socks.ProxyType.SOCKS4,
    "socks4a": python_socks.ProxyType.SOCKS4,
    "socks5": python_socks.ProxyType.SOCKS5,
    "socks5h": python_socks.ProxyType.SOCKS5,
}
DEFAULT_PORTS = {"http": 80, "https": 443}
SOCKS_PORT = 1080
HEAD_LIMIT = 16 * 1024


class Proxy(Struct, frozen=True):
    """A parsed proxy address. Names are looked up by the proxy, except with plain `socks4`, which cannot."""

    kind: Kind
    host: str
    port: int
    username: str | None = None
    password: str = ""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Raises ValueError."""
        parts = urlsplit(url)
        kind = parts.scheme.lower()
        if kind not in get_args(Kind) or not parts.hostname:
            raise ValueError("a proxy address starts with http://, https://, socks4:// or socks5:// and a host name")
        return cls(
            kind=cast("Kind", kind),
            host=parts.hostname,
            port=parts.port or DEFAULT_PORTS.get(kind, SOCKS_PORT),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
        )

    @property
    def speaks_http(self) -> bool:
        return self.kind in {"http", "https"}

    @property
    def authorization(self) -> bytes:
        """The header line that shows our credentials, if we have any."""
        if self.username is None:
            return b""
        secret = base64.b64encode(f"{self.username}:{self.password}".encode())
        return b"proxy-authorization: Basic " + secret + b"\r\n"


def absolute_form(head: bytes, authority: str, proxy: Proxy) -> bytes:
    """The head as an HTTP proxy takes it for plain http: whole URL in the request line (RFC 9112, section 3.2.2)."""
    method, _, rest = head.partition(b" ")
    return b"%b http://%b%b%b" % (method, authority.encode(), rest, proxy.authorization)


async def through_socks(loop: asyncio.AbstractEventLoop, proxy: Proxy, host: str, port: int) -> socket.socket:
    """A socket connected to the host through a SOCKS proxy. Raises ProxyFailed."""
    client = SocksClient(
        SOCKS[proxy.kind], proxy.host, proxy.port, proxy.username, proxy.password, rdns=True, loop=loop
    )
    try:
        return await client.connect(host, port)
    except (python_socks.ProxyError, python_socks.ProxyConnectionError, python_socks.ProxyTimeoutError) as error:
        raise ProxyFailed(f"{error}.") from error
    except (OSError, ValueError) as error:
        raise ProxyFailed(f"{error}.") from error


class Tunnel(asyncio.Protocol):
    """Asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6). `opened` is done when the proxy has agreed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, proxy: Proxy, authority: str) -> None:
        self.transport: asyncio.Transport
        self.opened: asyncio.Future[None] = loop.create_future()
        self._request = b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (
            authority.encode(),
            authority.encode(),
            proxy.authorization,
        )
        self._reply = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._reply += data
        head, blank, rest = self._reply.partition(b"\r\n\r\n")
        if blank:
            self._judge(head, rest)
        elif len(self._reply) > HEAD_LIMIT:
            self._refuse("Its answer is too long.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._refuse("It closed the connection.")

    def _judge(self, head: bytes, rest: bytes) -> None:
        version, _, status = head.split(b"\r\n", 1)[0].partition(b" ")
        if not version.startswith(b"HTTP/1."):
            self._refuse("It does not speak HTTP.")
        elif not status.startswith(b"2"):
            self._refuse(f"It answered {status[:60].decode('latin-1')!r}.")
        elif rest:
            self._refuse("It sent something before we asked.")
        elif not self.opened.done():
            self.opened.set_result(None)

    def _refuse(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ProxyFailed(why))
