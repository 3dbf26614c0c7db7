"""The head of the request that goes upstream. Everything in it that does not change from call to call is made once."""

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from headgate import __version__
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Target
from headgate.channels.channel import Channel
from headgate.providers.provider import Endpoint, Provider
from headgate.upstream.origin import Origin

# Headers of the caller's that mean something to an upstream of the same protocol.
FORWARDED: dict[ProtocolName, frozenset[bytes]] = {
    "openai_chat": frozenset({b"openai-beta"}),
    "openai_responses": frozenset({b"openai-beta"}),
    "anthropic_messages": frozenset({b"anthropic-beta", b"anthropic-version"}),
    "gemini_generate": frozenset(),
}


class Outbound(Struct, frozen=True, kw_only=True):
    """How to reach one upstream model with one credential in one protocol."""

    protocol: ProtocolName
    origin: Origin
    head: bytes
    stream_head: bytes
    target: Target


def prepare(
    provider: Provider, channel: Channel, secret: str, *, wanted: ProtocolName, upstream_model: str
) -> Outbound:
    """Everything about a request that can be known before there is one.

    Raises:
        ValueError: the channel has no usable address, or a header would break out of its line.
    """
    protocol = provider.speaks(wanted)
    endpoint = provider.endpoints[protocol]
    base_url = (channel.base_url or provider.base_url).rstrip("/")
    if not base_url:
        raise ValueError(f"channel {channel.name!r} has no base_url and provider {provider.name!r} no default")
    origin, prefix = Origin.from_url(base_url, proxy=channel.proxy, verify=channel.verify_tls)
    target = Target(model=upstream_model, quirks=provider.quirks(protocol, upstream_model))
    fields = _fields(endpoint, channel, secret, origin)

    def head(path: str) -> bytes:
        path = path.replace("{model}", quote(upstream_model, safe=":@/"))
        lines = [f"POST {prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError(f"channel {channel.name!r} has a header with a line break")
        return "\r\n".join([*lines, ""]).encode("latin-1")

    return Outbound(
        protocol=protocol,
        origin=origin,
        head=head(endpoint.path),
        stream_head=head(endpoint.stream_path or endpoint.path),
        target=target,
    )


def with_forwarded(head: bytes, protocol: ProtocolName, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head with those of the caller's headers that the protocol gives a meaning to."""
    names = FORWARDED[protocol]
    if not names:
        return head
    extra = [b"%b: %b\r\n" % (name, value) for name, value in headers if name in names]
    return b"".join((head, *extra)) if extra else head


def _fields(endpoint: Endpoint, channel: Channel, secret: str, origin: Origin) -> list[tuple[str, str]]:
    default_port = 443 if origin.scheme == "https" else 80
    name = f"[{origin.host}]" if ":" in origin.host else origin.host
    fields = {
        "host": name if origin.port == default_port else f"{name}:{origin.port}",
        "user-agent": f"headgate/{__version__}",
        "accept": "*/*",
        "content-type": "application/json",
        **dict(endpoint.headers),
    }
    match endpoint.auth if secret else "none":
        case "bearer":
            fields["authorization"] = f"Bearer {secret}"
        case "x-api-key" | "x-goog-api-key" | "api-key":
            fields[str(endpoint.auth)] = secret
        case "none":
            pass
    fields.update({key.lower(): value for key, value in channel.headers.items()})
    return list(fields.items())
