"""Counting a request's tokens, free of charge: by an upstream of the caller's protocol that has such a call, else by
our own count."""

from random import random

import msgspec
from msgspec.structs import replace

from headgate.access.caller import Caller, may_use
from headgate.canonical.codec import Patch
from headgate.canonical.endings import read_ending
from headgate.canonical.failure import Failure, Kind, Refused
from headgate.channels.routes import Route
from headgate.channels.selection import choose
from headgate.relay.asked import Asked
from headgate.relay.client import Client
from headgate.relay.clouds import finish
from headgate.relay.codecs import CODECS
from headgate.relay.counting import count_request
from headgate.relay.outbound import with_forwarded
from headgate.relay.snapshot import Snapshot, Way
from headgate.relay.unsigned import Unsigned
from headgate.upstream.client import Client as UpstreamClient
from headgate.upstream.errors import UpstreamError
from headgate.upstream.origin import Timeouts

MAX_ANSWER_BYTES = 64 * 1024
TIMEOUTS = Timeouts(connect_s=5, first_byte_s=10, idle_s=10)
"""Who counts waits for the answer before doing anything else, and our own count is near enough."""


class _Counted(msgspec.Struct):
    """The answers of Anthropic and OpenAI (`input_tokens`) and of Google (`totalTokens`)."""

    input_tokens: int | None = None
    totalTokens: int | None = None  # noqa: N815 - the wire's name


_read = msgspec.json.Decoder(_Counted).decode


async def count_tokens(
    client: Client, asked: Asked, caller: Caller, model: str, body: bytes, snapshot: Snapshot, upstream: UpstreamClient
) -> bytes:
    """The body of the answer.

    Raises:
        Refused: the protocol cannot count, the model is not offered, or the request is malformed.
    """
    codec = CODECS[asked.protocol]
    if codec.encode_count is None:
        raise Refused(Failure(kind=Kind.NOT_FOUND, message="Tokens are not counted here.", code="not_found"))
    routes = snapshot.routes.routes(caller.group, model)
    if not routes:
        model, _ = read_ending(model)
        routes = snapshot.routes.routes(caller.group, model)
    failure = may_use(caller, model) or (None if routes else _unknown(model))
    if failure is not None:
        raise Refused(failure)
    way = _way(routes, snapshot, asked)
    if way is not None:
        counted = await _ask(way, client, asked, body, upstream)
        if counted is not None:
            return counted
    return codec.encode_count(count_request(codec.decode_request(body, asked.model, False)))


def _way(routes: tuple[Route, ...], snapshot: Snapshot, asked: Asked) -> Way | None:
    """A way to an upstream that counts in the caller's own protocol."""
    tried: set[int] = set()
    while (route := choose(routes, tried=tried, healthy=_usable, draw=random)) is not None:
        tried.add(route.channel.id)
        try:
            way = snapshot.way(route, route.channel.credentials[0], asked.protocol)
        except ValueError:
            continue
        if way.outbound.protocol == asked.protocol and way.outbound.count_path is not None:
            return way
    return None


def _usable(route: Route) -> bool:
    return bool(route.channel.credentials)


async def _ask(way: Way, client: Client, asked: Asked, body: bytes, upstream: UpstreamClient) -> bytes | None:
    """The upstream's count; None where it gives none, for whatever reason."""
    outbound = way.outbound
    assert outbound.count_path is not None
    head = with_forwarded(outbound.head_for("POST", outbound.count_path), outbound.forwarded, client.headers)
    if asked.model is None:
        body = CODECS[asked.protocol].patch(body, Patch(model=outbound.target.model))
    try:
        if outbound.special:
            head, body = await finish(replace(outbound, reshape=None), head, body, client.headers)
        answer = await upstream.send(outbound.origin, head, body, TIMEOUTS)
    except (UpstreamError, Unsigned):
        return None
    try:
        data = await answer.read(MAX_ANSWER_BYTES)
        counted = _read(data)
    except (UpstreamError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    finally:
        answer.close()
    found = counted.input_tokens is not None or counted.totalTokens is not None
    return data if 200 <= answer.status < 300 and found else None


def _unknown(model: str) -> Failure:
    message = f"The model '{model[:200]}' does not exist, or this key may not use it."
    return Failure(kind=Kind.MODEL_NOT_FOUND, message=message, code="model_not_found", param="model")
