"""Small makers of Messages requests and answers for tests."""

from collections.abc import Sequence
from typing import Any

import msgspec

from headgate.canonical.parts import Part, Text
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import Message, Request, Role
from headgate.canonical.stream import StreamEvent
from headgate.protocols.anthropic_messages import CODEC
from headgate.protocols.framing import SseFramer

BUDGET = Quirks(thinking="budget")
ADAPTIVE = Quirks(thinking="adaptive", sampling_with_thinking=False, system_messages=True)


def said(role: Role, *parts: Part | str) -> Message:
    """A canonical message; a string stands for a text part."""
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def asking(*messages: Message, **fields: Any) -> Request:
    """A request as an OpenAI Chat client's codec would make it."""
    return Request(**{"origin": "openai_chat", "model": "m", "messages": messages or (said("user", "Hi"),), **fields})


def encoded(request: Request, quirks: Quirks = BUDGET) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body that is sent for a request, and the names of what it lost."""
    made: Encoded = CODEC.encode_request(request, Target(model="claude", quirks=quirks))
    return msgspec.json.decode(made.body), made.dropped


def decoded(**body: Any) -> Request:
    """A request of a Messages client, in canonical form; only what matters need be given."""
    full = {"model": "claude", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}], **body}
    return CODEC.decode_request(msgspec.json.encode(full), None, False)


def block_of(part: Part) -> dict[str, Any]:
    """How a user's part is written."""
    body, _ = encoded(asking(said("user", part)))
    block: dict[str, Any] = body["messages"][0]["content"][0]
    return block


def sse(*events: dict[str, Any]) -> bytes:
    """A stream as Anthropic writes it."""
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
    )


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """What a stream tells, event by event, names checked."""
    found = []
    for frame in SseFramer().feed(stream):
        event: dict[str, Any] = msgspec.json.decode(frame.data)
        assert frame.event == event["type"]
        found.append(event)
    return found


def streamed(events: Sequence[StreamEvent], request: Request | None = None) -> list[dict[str, Any]]:
    """The wire events that canonical events become, one feed for each."""
    encoder = CODEC.stream_encoder(request or asking())
    return events_of(b"".join([*(encoder.feed([event]) for event in events), encoder.close()]))


def told(stream: bytes) -> list[StreamEvent]:
    """The canonical events of a whole stream."""
    decoder = CODEC.stream_decoder()
    return [*decoder.feed(stream), *decoder.close()]
