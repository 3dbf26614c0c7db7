"""Small makers of generateContent requests and answers for tests."""

from collections.abc import Sequence
from typing import Any

import msgspec

from headgate.canonical.parts import Part, Text
from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import Message, Request, Role
from headgate.canonical.stream import Response, StreamEvent
from headgate.protocols.framing import SseFramer
from headgate.protocols.gemini_generate import CODEC

BUDGET = Quirks(thinking="budget")
LEVEL = Quirks(thinking="level")


def said(role: Role, *parts: Part | str) -> Message:
    """A canonical message; a string stands for a text part."""
    return Message(role=role, parts=tuple(Text(text=part) if isinstance(part, str) else part for part in parts))


def asking(*messages: Message, **fields: Any) -> Request:
    """A request as another protocol's codec would make it."""
    return Request(**{"origin": "openai_chat", "model": "m", "messages": messages or (said("user", "Hi"),), **fields})


def encoded(request: Request, quirks: Quirks = BUDGET, model: str = "gemini") -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body that is sent for a request, and the names of what it lost."""
    made = CODEC.encode_request(request, Target(model=model, quirks=quirks))
    return msgspec.json.decode(made.body), made.dropped


def decoded(**body: Any) -> Request:
    """A request of Google's client in canonical form; only what matters need be given."""
    full = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], **body}
    return CODEC.decode_request(msgspec.json.encode(full), "gemini-2.5-flash", False)


def again(request: Request, quirks: Quirks = BUDGET) -> Request:
    """The request encoded and decoded once more."""
    made = CODEC.encode_request(request, Target(model=request.model, quirks=quirks))
    return CODEC.decode_request(made.body, request.model, request.stream)


def answer(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """One answer object as Google writes it; `fields` go into the candidate."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **fields}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "r1"}


def read(body: dict[str, Any]) -> Response:
    return CODEC.decode_response(msgspec.json.encode(body))


def written(response: Response) -> dict[str, Any]:
    """A canonical answer on Google's wire."""
    body: dict[str, Any] = msgspec.json.decode(CODEC.encode_response(response, asking()))
    return body


def sse(*answers: dict[str, Any]) -> bytes:
    """A stream as Google writes it."""
    return b"".join(b"data: " + msgspec.json.encode(found) + b"\r\n\r\n" for found in answers)


def events_of(stream: bytes) -> list[StreamEvent]:
    decoder = CODEC.stream_decoder()
    return [*decoder.feed(stream), *decoder.close()]


def frames_of(events: Sequence[StreamEvent]) -> list[dict[str, Any]]:
    """What a client is sent for events, each event fed alone."""
    encoder = CODEC.stream_encoder(asking())
    stream = b"".join(encoder.feed([event]) for event in events) + encoder.close()
    framer = SseFramer()
    return [msgspec.json.decode(frame.data) for frame in [*framer.feed(stream), *framer.close()]]


def parts_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts that frames bring, without the empty text that carries the last frame."""
    found = [
        part
        for frame in frames
        for candidate in frame.get("candidates", [])
        for part in candidate.get("content", {}).get("parts", [])
    ]
    return [part for part in found if part != {"text": ""}]
