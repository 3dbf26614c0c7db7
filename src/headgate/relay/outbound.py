"""The head of the request that goes upstream. Everything in it that does not change from call to call is made once."""

from collections.abc import Sequence
from urllib.parse import quote

from msgspec import Struct

from headgate import __version__
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Target
from headgate.channels.channel import Channel
from headgate.providers.provider import Endpoint, Provider, Reshape
from headgate.relay.google_tokens import read_service_account
from headgate.relay.signing import Signer, Signers, plain_header
from headgate.upstream.origin import Origin

# Headers of the caller's that mean something to an upstream of the same protocol.
FORWARDED: dict[ProtocolName, frozenset[bytes]] = {
    "openai_chat": frozenset({b"openai-beta"}),
    "openai_responses": frozenset({b"openai-beta"}),
    "anthropic_messages": frozenset({b"anthropic-beta", b"anthropic-version"}),
    "gemini_generate": frozenset(),
}


class Outbound(Struct, frozen=True, kw_only=True):
    """How to reach one upstream model with one credential in one protocol.

    `path` is the path of the endpoint for calls that are not streamed, `fields` every header line; `head_for` makes
    further heads of them. `count_path` is where tokens are counted, `forwarded` which of the caller's headers are sent
    on. `special`: the request has to go through `relay.clouds`.
    """

    protocol: ProtocolName
    origin: Origin
    head: bytes
    stream_head: bytes
    target: Target
    path: str
    fields: bytes
    count_path: str | None = None
    forwarded: frozenset[bytes] = frozenset()
    reshape: Reshape | None = None
    signer: Signer | None = None
    special: bool = False

    def head_for(self, method: str, path: str) -> bytes:
        """The head of another request to the same upstream."""
        return b"%b %b HTTP/1.1\r\n%b" % (method.encode(), path.encode("latin-1"), self.fields)


def prepare(
    provider: Provider,
    channel: Channel,
    secret: str,
    *,
    protocol: ProtocolName,
    upstream_model: str,
    signers: Signers,
) -> Outbound:
    """Everything about a request that can be known before there is one.

    Raises:
        ValueError: the channel has no usable address or credential, or a header would break out of its line.
    """
    endpoint = provider.endpoints[protocol]
    origin, prefix = Origin.from_url(_root(provider, channel, secret), proxy=channel.proxy, verify=channel.verify_tls)
    signer = signers.find(endpoint.auth, channel, secret, origin)
    lines = [f"{name}: {value}\r\n" for name, value in _fields(endpoint, channel, secret, origin)]
    if any("\r" in line[:-2] or "\n" in line[:-2] for line in lines):
        raise ValueError(f"channel {channel.name!r} has a header with a line break")
    fields = "".join(lines).encode("latin-1")
    # Bedrock's models have colons and slashes in their names, which are escaped there; nobody else minds either way.
    safe = "@" if endpoint.auth == "aws" else ":@/"

    def full(path: str) -> str:
        return prefix + path.replace("{model}", quote(upstream_model, safe=safe))

    def head(path: str) -> bytes:
        return b"POST %b HTTP/1.1\r\n%b" % (full(path).encode("latin-1"), fields)

    return Outbound(
        protocol=protocol,
        origin=origin,
        head=head(endpoint.path),
        stream_head=head(endpoint.stream_path or endpoint.path),
        target=Target(model=upstream_model, quirks=provider.quirks(protocol, upstream_model)),
        path=full(endpoint.path),
        fields=fields,
        count_path=full(endpoint.count_path) if endpoint.count_path is not None else None,
        forwarded=_forwarded(endpoint, protocol, channel),
        reshape=endpoint.reshape,
        signer=signer,
        special=endpoint.reshape is not None or signer is not None or endpoint.aws_stream,
    )


def with_forwarded(head: bytes, names: frozenset[bytes], headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head with those of the caller's headers that are sent on, in place of our own of the same name."""
    if not names:
        return head
    extra: list[bytes] = []
    for name, value in headers:
        if name in names:
            mark = b"\r\n%b: " % name
            start = head.find(mark)
            if start >= 0:
                head = head[: start + 2] + head[head.index(b"\r\n", start + 2) + 2 :]
            extra.append(b"%b: %b\r\n" % (name, value))
    return b"".join((head, *extra)) if extra else head


def _root(provider: Provider, channel: Channel, secret: str) -> str:
    root = provider.root(channel.base_url)
    if not root:
        raise ValueError(f"channel {channel.name!r} has no base_url and provider {provider.name!r} no default")
    if "{project}" in root:
        if not secret.lstrip().startswith("{"):
            raise ValueError(f"channel {channel.name!r} needs a base_url: its key does not name a project")
        root = root.replace("{project}", quote(read_service_account(secret).project_id, safe=""))
    return root


def _forwarded(endpoint: Endpoint, protocol: ProtocolName, channel: Channel) -> frozenset[bytes]:
    """What an operator has set, and what goes into the body, is not the caller's to say."""
    names = FORWARDED[protocol] - {name.lower().encode("latin-1") for name in channel.headers}
    if endpoint.reshape is not None:
        names -= {b"anthropic-version"}
        if endpoint.reshape.betas_to is not None:
            names -= {b"anthropic-beta"}
    return names


def _fields(endpoint: Endpoint, channel: Channel, secret: str, origin: Origin) -> list[tuple[str, str]]:
    fields = {
        "host": origin.authority,
        "user-agent": f"headgate/{__version__}",
        "accept": "*/*",
        "content-type": "application/json",
        **dict(endpoint.headers),
    }
    name, value = plain_header(endpoint.auth, secret) or ("", "")
    if name:
        fields[name] = value
    fields.update({key.lower(): value for key, value in channel.headers.items()})
    return list(fields.items())
