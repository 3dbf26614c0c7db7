"""What an answer says, in terms in which two protocols can be compared, and how each protocol tells what it has no word
for."""

import re
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.custom_tools import wrap
from headgate.canonical.parts import (
    Audio,
    Image,
    ProtocolName,
    Reasoning,
    Refusal,
    Signature,
    Text,
    ToolCall,
)
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.canonical.usage import Usage

_PICTURE = re.compile(r"!\[[^\]]*\]\(data:image/[^;]+;base64,([^)]*)\)")

SEVERAL: frozenset[ProtocolName] = frozenset({"openai_chat", "gemini_generate"})
"""Protocols that can hold several answers to one question."""

ENDINGS: dict[ProtocolName, dict[FinishReason, FinishReason]] = {
    "openai_chat": {"refusal": "content_filter", "context_length": "length"},
    "openai_responses": {"stop_sequence": "stop", "refusal": "content_filter", "context_length": "length"},
    "anthropic_messages": {"content_filter": "refusal"},
    "gemini_generate": {"stop_sequence": "stop", "refusal": "content_filter", "context_length": "length"},
}
"""What the reasons that a protocol has no word for become."""


class Saying(Struct, frozen=True, kw_only=True):
    """One answer, said plainly. Texts are joined; `calls` are ids, names and arguments as values; `sources` addresses
    and titles."""

    words: str
    thoughts: str
    calls: tuple[tuple[str, str, str], ...]
    signed: tuple[Signature | None, ...]
    sources: frozenset[tuple[str, str]]
    pictures: tuple[str, ...]
    finish: FinishReason
    stopped_by: str | None
    refused: bool
    """The model said in a part of its own that it will not answer."""


def sayings(response: Response) -> list[Saying]:
    """What each of the answers says."""
    return [_saying(candidate) for candidate in response.candidates]


def _saying(candidate: Candidate) -> Saying:
    parts = candidate.parts
    words = "".join(_words(part) for part in parts)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    pictures = [part.source.data or "" for part in parts if isinstance(part, Image)]
    return Saying(
        words=_PICTURE.sub("", words).strip(),
        thoughts="".join(part.text for part in parts if isinstance(part, Reasoning)),
        calls=tuple((call.id, call.name, arguments(call)) for call in calls),
        signed=tuple(call.signature for call in calls),
        sources=frozenset(
            (citation.url, citation.title or "")
            for part in parts
            if isinstance(part, Text)
            for citation in part.citations
            if citation.url
        ),
        pictures=(*pictures, *_PICTURE.findall(words)),
        finish=candidate.finish,
        stopped_by=candidate.stop_sequence,
        refused=any(isinstance(part, Refusal) for part in parts),
    )


def _words(part: Any) -> str:
    match part:
        case Text() | Refusal():
            return part.text
        case Audio():
            return part.transcript or ""
        case _:
            return ""


def arguments(call: ToolCall) -> str:
    """A call's arguments with their members in one order. Free text is in its agreed form; what a model left
    unfinished stands as it is under whatever name a protocol that wants an object gives it."""
    written = wrap(call.arguments) if call.custom else call.arguments.strip() or "{}"
    try:
        value = msgspec.json.decode(written)
    except msgspec.DecodeError:
        return written
    if value is None:
        return "{}"
    if isinstance(value, dict) and list(value) in (["arguments"], ["_raw_arguments"]):
        (value,) = value.values()
        return value.strip() if isinstance(value, str) else msgspec.json.encode(value, order="deterministic").decode()
    return msgspec.json.encode(value, order="deterministic").decode()


def expected(said: list[Saying], target: ProtocolName) -> list[Saying]:
    """What is left of it in protocol `target`."""
    kept = said if target in SEVERAL else said[:1]
    return [
        replace(
            one,
            finish=_ending(one, target),
            stopped_by=one.stopped_by if target in _STOPS else None,
            refused=one.refused and target in _REFUSALS,
        )
        for one in kept
    ]


_STOPS = frozenset({"anthropic_messages", "openai_chat"})
"""Who tells which stop sequence was met."""
_REFUSALS = frozenset({"openai_chat", "openai_responses"})
"""Who has a part for a refusal; elsewhere it is text."""


def _ending(said: Saying, target: ProtocolName) -> FinishReason:
    if said.calls and target != "anthropic_messages" and said.finish == "stop":
        return "tool_calls"  # Anthropic alone can end its turn with a call that its own code made.
    if said.finish == "refusal" and said.refused and target in _REFUSALS:
        return "refusal"
    return ENDINGS[target].get(said.finish, said.finish)


def counted(usage: Usage | None, target: ProtocolName) -> Usage:
    """The usage as protocol `target` can tell it: sums stay exact, kinds that it does not tell apart are added up."""
    found = usage or Usage()
    heard = found.audio_in + found.image_in + found.video_in
    cached = found.audio_cache_read + found.image_cache_read
    match target:
        case "openai_chat":
            return replace(found, images=0)
        case "anthropic_messages":
            merged = replace(found, input=found.input + heard, output=found.output + found.audio_out + found.image_out)
            merged = replace(merged, cache_read=found.cache_read + cached, images=0)
        case "openai_responses":
            written = found.cache_write_5m + found.cache_write_1h
            merged = replace(found, input=found.input + heard, output=found.output + found.audio_out + found.image_out)
            merged = replace(merged, cache_read=found.cache_read + cached, cache_write_5m=written, cache_write_1h=0)
            merged = replace(merged, images=0)
        case "gemini_generate":
            written = found.cache_write_5m + found.cache_write_1h
            merged = replace(found, input=found.input + written, cache_write_5m=0, cache_write_1h=0, images=0)
            return replace(merged, web_searches=0)
    return replace(
        merged, audio_in=0, image_in=0, video_in=0, audio_cache_read=0, image_cache_read=0, audio_out=0, image_out=0
    )
