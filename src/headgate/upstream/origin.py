"""Where a request goes, and how long it may take."""

from typing import Literal, Self
from urllib.parse import urlsplit

from msgspec import Struct

from headgate.upstream.proxy import Proxy

DEFAULT_PORTS = {"http": 80, "https": 443}


class Timeouts(Struct, frozen=True):
    """Limits in seconds. All but the first are watched by a coarse sweep: a limit is never cut short, and may be
    overrun by up to two sweeps.

    `connect_s`: name look-up, TCP, proxy and TLS together, and the wait for a free connection where their number is
    limited. `first_byte_s`: from the request's last byte to the end of the answer's head. `idle_s`: between two pieces
    of the answer's body; time during which the reader has paused the answer does not count.
    """

    connect_s: float = 10
    first_byte_s: float = 120
    idle_s: float = 300


class Origin(Struct, frozen=True, cache_hash=True):
    """One end point to keep connections to; equal origins share connections.

    `proxy` is a URL: `http://`, `https://`, `socks4://`, `socks5://` or `socks5h://`, credentials in its user part.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    proxy: str | None = None
    verify: bool = True

    @classmethod
    def from_url(cls, url: str, proxy: str | None = None, verify: bool = True) -> tuple[Self, str]:
        """Splits a base URL into its origin and its path, which has no trailing slash and may be empty. Raises
        ValueError, also for a proxy address that is none."""
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname
        if scheme not in {"http", "https"} or not host:
            raise ValueError("an upstream address starts with http:// or https:// and a host name")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("an upstream address has no user name, query or fragment")
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        if proxy is not None:
            Proxy.from_url(proxy)
        origin = cls(
            scheme="https" if scheme == "https" else "http",
            host=host,
            port=parts.port or DEFAULT_PORTS[scheme],
            proxy=proxy,
            verify=verify,
        )
        return origin, parts.path.rstrip("/")

    @property
    def authority(self) -> str:
        """The value of the `host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"
