"""Translated streams: Google's frames to events, events to Google's frames. Frames are server-sent events without
names; the last one has a finish reason, nothing marks the end."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from headgate.canonical.failure import Refused
from headgate.canonical.parts import Audio, Citation, Json, Part, Reasoning, ServerToolCall, Signature, Text, ToolCall
from headgate.canonical.request import Request
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
    UsageReported,
    grow,
)
from headgate.canonical.usage import Usage
from headgate.protocols.framing import Frame
from headgate.protocols.gemini_generate.answer import AnswerReader
from headgate.protocols.gemini_generate.array import AnyFramer
from headgate.protocols.gemini_generate.errors import encode_stream_error
from headgate.protocols.gemini_generate.grounding import Grounding
from headgate.protocols.gemini_generate.logprobs import encode_logprobs
from headgate.protocols.gemini_generate.response import (
    answer_part,
    blocks,
    candidate_end,
    feedback,
    identity,
    usage_metadata,
)
from headgate.protocols.gemini_generate.signatures import NAME, pack, pack_thought


class GeminiDecoder:
    """`StreamDecoder` of this protocol. Reads server-sent events, and the row form from an upstream that sends it."""

    def __init__(self) -> None:
        self._framer = AnyFramer()
        self._reader = AnswerReader()

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        try:
            return self._read(self._framer.feed(data))
        except Refused as error:
            return self._refused(error)

    def close(self) -> Sequence[StreamEvent]:
        try:
            return [*self._read(self._framer.close()), *self._reader.close()]
        except Refused as error:
            return self._refused(error)

    def _read(self, frames: Sequence[Frame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if frame.data and frame.data != b"[DONE]":
                events += self._reader.read(frame.data)
        return events

    def _refused(self, error: Refused) -> list[StreamEvent]:
        if self._reader.failed:
            return []
        self._reader.failed = True
        return [Failed(failure=error.failure)]


class _Answer:
    """One candidate as it is written."""

    def __init__(self) -> None:
        self.grounding = Grounding()
        self.finish: Finished | None = None
        self.said = False


class _Open:
    """A part as it is written: what began, and what came since. Sound and thoughts are sent and not kept."""

    def __init__(self, candidate: int, part: Part) -> None:
        self.candidate = candidate
        self.part = part
        self._pieces: list[str] = []
        self._citations: list[Citation] = []
        self._grown = not isinstance(part, Text | Reasoning | ToolCall | ServerToolCall)

    def take(self, delta: PartDelta) -> None:
        if self._grown:
            self.part = grow(self.part, replace(delta, data="") if isinstance(self.part, Audio) else delta)
            return
        if delta.text and not isinstance(self.part, Reasoning):
            self._pieces.append(delta.text)
        if delta.citation is not None:
            self._citations.append(delta.citation)
        if delta.signature is not None and isinstance(self.part, ToolCall):
            self.part = replace(self.part, signature=delta.signature)

    def whole(self) -> Part:
        """The part with all that came."""
        came = "".join(self._pieces)
        match self.part:
            case Text():
                citations = (*self.part.citations, *self._citations)
                return replace(self.part, text=self.part.text + came, citations=citations)
            case ToolCall():
                return replace(self.part, arguments=self.part.arguments + came)
            case ServerToolCall():
                return replace(self.part, input=self.part.input + came)
            case _:
                return self.part


class GeminiEncoder:
    """`StreamEncoder` of this protocol. Text, thoughts and sound go out as they come; a function call, a picture, a
    result of Google's kind of tools when it is whole; the finish reason, the sources and the last usage in the last
    frame."""

    def __init__(self, request: Request) -> None:
        self._identity: dict[str, Json] = {}
        self._blocked = False
        self._tier: str | None = None
        self._tail: dict[str, Json] = {}
        self._open: dict[int, _Open] = {}
        self._answers: dict[int, _Answer] = {}
        self._over = False

    def feed(self, events: Sequence[StreamEvent]) -> bytes:
        out = bytearray()
        for event in events:
            if not self._over:
                out += self._event(event)
        return bytes(out)

    def close(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        out = bytearray()
        for number, answer in sorted(self._answers.items()):
            if self._blocked and not answer.said:
                continue
            content: Json = {"parts": [{"text": ""}], "role": "model"}
            end = candidate_end(answer.finish, answer.grounding)
            out += self._write({"candidates": [{"content": content, **end, "index": number}]})
        return bytes(out) or self._write({})

    def _event(self, event: StreamEvent) -> bytes:
        match event:
            case Started():
                return self._start(event)
            case PartStarted():
                return self._part_started(event)
            case PartDelta():
                return self._delta(event)
            case PartEnded():
                return self._part_ended(event)
            case UsageReported():
                self._know(event.usage)
                return b""
            case Finished():
                self._answer(event.candidate).finish = event
                return b""
            case Failed():
                self._over = True
                return encode_stream_error(event.failure, "")

    def _answer(self, number: int) -> _Answer:
        return self._answers.setdefault(number, _Answer())

    def _start(self, event: Started) -> bytes:
        self._tier = event.service_tier
        self._identity = identity(event.id, event.model)
        self._know(event.usage)
        said = feedback(event.provider_data.get(NAME, {}))
        self._blocked = blocks(said)
        return self._write(said) if said else b""

    def _part_started(self, event: PartStarted) -> bytes:
        self._answer(event.candidate)
        self._open[event.index] = _Open(event.candidate, event.part)
        part = event.part
        if isinstance(part, Text | Reasoning) and part.text:
            return self._say(event.candidate, part, part.text)
        return b""

    def _delta(self, event: PartDelta) -> bytes:
        if event.index not in self._open:
            return b""
        opened = self._open[event.index]
        opened.take(event)
        number, part = opened.candidate, opened.part
        match part:
            case Text() | Reasoning():
                out = self._say(number, part, event.text, event.logprobs) if event.text or event.logprobs else b""
                return out + (self._sign(number, part, event.signature) if event.signature else b"")
            case Audio() if event.data:
                blob: Json = {"mimeType": part.source.media_type or "audio/pcm", "data": event.data}
                return self._parts(number, [{"inlineData": blob}])
            case _:
                return b""

    def _part_ended(self, event: PartEnded) -> bytes:
        if event.index not in self._open:
            return b""
        opened = self._open.pop(event.index)
        number, part = opened.candidate, opened.whole()
        grounding = self._answer(number).grounding
        match part:
            case Text():
                grounding.text(part.text, part.citations)
                return b""
            case Reasoning() if part.redacted is None and not part.provider_data:
                return b""
            case Audio() if not part.source.data and not part.source.url:
                return (
                    self._parts(number, [{"audioTranscription": {"text": part.transcript}}]) if part.transcript else b""
                )
            case _:
                return self._parts(number, answer_part(part, grounding))

    def _say(self, number: int, part: Text | Reasoning, written: str, logprobs: tuple[Json, ...] = ()) -> bytes:
        said: dict[str, Json] = {"text": written}
        if isinstance(part, Reasoning):
            said["thought"] = True
        odds = encode_logprobs(logprobs)
        return self._parts(number, [said], {"logprobsResult": odds} if odds else {})

    def _sign(self, number: int, part: Text | Reasoning, signature: Signature) -> bytes:
        if isinstance(part, Text):
            return self._parts(number, [{"text": "", "thoughtSignature": pack(signature)}])
        signed = pack_thought(replace(part, signature=signature))
        return self._parts(number, [{"text": "", "thought": True, "thoughtSignature": signed}])

    def _parts(self, number: int, parts: list[dict[str, Json]], extra: dict[str, Json] | None = None) -> bytes:
        if not parts:
            return b""
        self._answer(number).said = True
        content: Json = {"parts": list(parts), "role": "model"}
        return self._write({"candidates": [{"content": content, "index": number, **(extra or {})}]})

    def _write(self, answer: dict[str, Json]) -> bytes:
        return b"data: " + msgspec.json.encode({**answer, **self._tail}) + b"\r\n\r\n"

    def _know(self, usage: Usage | None) -> None:
        """Every frame ends with the usage so far and with whose answer it is."""
        told: dict[str, Json] = {"usageMetadata": usage_metadata(usage, self._tier)} if usage else {}
        self._tail = {**told, **self._identity}
