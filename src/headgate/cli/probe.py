"""One small real call through a channel, past the gateway: does it answer, how fast, and if not, why."""

import time
from collections.abc import Mapping

from msgspec import Struct

from headgate.canonical.codec import Codec
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Text
from headgate.canonical.request import Message, Request
from headgate.canonical.stream import Failed, PartDelta, PartStarted, Response, StreamEvent, assemble
from headgate.canonical.usage import Usage
from headgate.channels.channel import Channel
from headgate.providers.provider import Provider
from headgate.relay.clouds import finish, unwrapped
from headgate.relay.codecs import CODECS
from headgate.relay.outbound import Outbound, prepare
from headgate.relay.signing import Signers
from headgate.relay.unsigned import Unsigned
from headgate.upstream import Answer, Client, Timeouts, UpstreamError

MOST_TOKENS = 64
LONGEST_S = 60.0
MOST_BYTES = 1 << 20
QUESTION = "Reply with the single word: pong"


class Tried(Struct, frozen=True, kw_only=True):
    """How a try went. `problem` is None where it went well; `first_byte_ms` is of the first word where streamed, else
    of the answer's head."""

    stream: bool
    problem: str | None
    duration_ms: int
    first_byte_ms: int | None = None
    text: str = ""
    usage: Usage | None = None


async def try_channel(
    client: Client,
    signers: Signers,
    provider: Provider,
    channel: Channel,
    secret: str,
    upstream_model: str,
    *,
    stream: bool,
) -> Tried:
    """Ask one question in the protocol in which the provider's model is asked best."""
    began = time.monotonic()
    protocol = provider.protocols(upstream_model)[0]
    try:
        outbound = prepare(provider, channel, secret, protocol=protocol, upstream_model=upstream_model, signers=signers)
        text, usage, first_ms = await _ask(client, channel, outbound, stream=stream, began=began)
        problem = None if text or (usage and usage.total_out) else "the answer is empty"
        return Tried(
            stream=stream, problem=problem, duration_ms=_since(began), first_byte_ms=first_ms, text=text, usage=usage
        )
    except Unsigned as unsigned:
        problem = f"the credential cannot be used: {unsigned.verdict.failure.message} ({unsigned.verdict.reason})"
    except Refused as refused:
        problem = refused.failure.message
    except (UpstreamError, ValueError) as error:
        problem = str(error)
    return Tried(stream=stream, problem=problem, duration_ms=_since(began))


async def _ask(
    client: Client, channel: Channel, outbound: Outbound, *, stream: bool, began: float
) -> tuple[str, Usage | None, int | None]:
    codec = CODECS[outbound.protocol]
    request = Request(
        origin=outbound.protocol,
        model=outbound.target.model,
        messages=(Message(role="user", parts=(Text(text=QUESTION),)),),
        stream=stream,
        include_usage=stream,
        max_output_tokens=MOST_TOKENS,
    )
    body = codec.encode_request(request, outbound.target).body
    timeouts = Timeouts(
        connect_s=channel.connect_s,
        first_byte_s=min(channel.first_byte_s, LONGEST_S),
        idle_s=min(channel.idle_s, LONGEST_S),
    )
    head = outbound.stream_head if stream else outbound.head
    if outbound.special:
        head, body = await finish(outbound, head, body, [])
    answer = unwrapped(await client.send(outbound.origin, head, body, timeouts))
    head_ms = _since(began)
    if answer.status >= 400:
        raise ValueError(await _complaint(codec, answer))
    if stream:
        return await _listen(codec, answer, began)
    response = codec.decode_response(await answer.read(MOST_BYTES))
    return _text(response), response.usage, head_ms


async def _complaint(codec: Codec, answer: Answer) -> str:
    """What the upstream says is wrong."""
    headers: Mapping[str, str] = {name.decode("latin-1"): value.decode("latin-1") for name, value in answer.headers}
    failure = codec.decode_error(answer.status, headers, await answer.read(MOST_BYTES))
    return f"HTTP {answer.status}: {failure.message}"


async def _listen(codec: Codec, answer: Answer, began: float) -> tuple[str, Usage | None, int | None]:
    decoder = codec.stream_decoder()
    events: list[StreamEvent] = []
    first: list[int] = []

    def sink(data: bytes) -> None:
        events.extend(decoder.feed(data))
        if not first and any(isinstance(event, PartStarted | PartDelta) for event in events):
            first.append(_since(began))

    await answer.pipe(sink)
    events.extend(decoder.close())
    for event in events:
        if isinstance(event, Failed):
            raise ValueError(event.failure.message)
    response = assemble(events)
    return _text(response), response.usage, first[0] if first else None


def _text(response: Response) -> str:
    parts = response.candidates[0].parts if response.candidates else ()
    return "".join(part.text for part in parts if isinstance(part, Text)).strip()


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
