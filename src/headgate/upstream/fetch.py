"""Fetching what a caller's address points at, without being led into the operator's own network.

An address from a caller is only ever connected to after the resolved IP address was checked, at the moment of
connecting and again on every redirect: a name that resolves differently the second time gains nothing.
"""

from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from headgate.upstream.client import Client
from headgate.upstream.dial import Dialer, Guard
from headgate.upstream.errors import AddressRefused, ProtocolError, UpstreamError
from headgate.upstream.origin import Origin, Timeouts

Network = IPv4Network | IPv6Network
MAX_REDIRECTS = 3
TIMEOUTS = Timeouts(connect_s=5, first_byte_s=15, idle_s=10)
_NAT64 = IPv6Network("64:ff9b::/96")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetched(Struct, frozen=True):
    """What was at the address; `media_type` as the server called it, without parameters."""

    data: bytes
    media_type: str


class FetchFailed(Exception):
    """The address did not give what was asked of it. The message is fit for the caller's eyes."""


def public_only(allowed: Collection[Network] = ()) -> Guard:
    """A guard that lets only public addresses through, and those in `allowed`."""

    def guard(text: str) -> None:
        address = ip_address(text.partition("%")[0])
        if any(address in network for network in allowed):
            return
        if not all(each.is_global and not each.is_multicast for each in _faces(address)):
            raise AddressRefused(f"{text} is not a public address")

    return guard


class Fetcher:
    """Fetches from public addresses. Its connections are its own.

    Args:
        allowed: networks that may be fetched from although they are not public.
        dialer: for tests: how connections are made, the guard included.
    """

    def __init__(
        self,
        allowed: Collection[Network] = (),
        *,
        dialer: Callable[[Guard], Dialer] = lambda guard: Dialer(guard=guard),
    ) -> None:
        self._client = Client(max_idle_per_origin=4, dialer=dialer(public_only(allowed)))

    async def fetch(self, url: str, limit: int) -> Fetched:
        """Get what is at an http or https address, following a few redirects.

        Args:
            limit: the largest accepted size, in bytes.

        Raises:
            FetchFailed: it cannot be had, is not allowed, or is too large.
        """
        for _ in range(MAX_REDIRECTS + 1):
            try:
                url, fetched = await self._step(url, limit)
            except AddressRefused:
                raise FetchFailed("the address is not a public one") from None
            except UpstreamError as error:
                raise FetchFailed(type(error).__doc__ or "it could not be fetched") from None
            if fetched is not None:
                return fetched
        raise FetchFailed("it redirects too often")

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def _step(self, url: str, limit: int) -> tuple[str, Fetched | None]:
        try:
            parts = urlsplit(url)
            origin, _ = Origin.from_url(f"{parts.scheme}://{parts.netloc}")
        except ValueError as error:
            raise FetchFailed(str(error)) from None
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not target.isascii() or any(character <= " " for character in target):
            raise FetchFailed("the address is malformed")
        head = f"GET {target} HTTP/1.1\r\nhost: {origin.authority}\r\naccept: */*\r\nuser-agent: headgate\r\n"
        answer = await self._client.send(origin, head.encode(), b"", TIMEOUTS)
        try:
            if answer.status in _REDIRECTS:
                return urljoin(url, _location(answer.header(b"location"))), None
            if answer.status != 200:
                raise FetchFailed(f"it answered with status {answer.status}")
            media_type = (answer.header(b"content-type") or b"").split(b";")[0].strip().lower().decode("latin-1")
            return url, Fetched(await answer.read(limit), media_type)
        finally:
            answer.close()


def _location(value: bytes | None) -> str:
    if not value:
        raise ProtocolError("a redirect without a location")
    return value.decode("latin-1")


def _faces(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, and those hidden in it by the ways of carrying IPv4 in IPv6."""
    if isinstance(address, IPv4Address):
        return [address]
    hidden: list[IPv4Address | IPv6Address] = []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        hidden.append(address.sixtofour)
    if address.teredo is not None:
        hidden.extend(address.teredo)
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *hidden]
