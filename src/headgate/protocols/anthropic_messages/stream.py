"""A streamed answer: wire frames to canonical events. The way back is in `stream_encoder`.

The wire's grammar: `message_start`, then blocks one after the other with rising index, each `content_block_start`,
`content_block_delta`..., `content_block_stop`, then `message_delta` with the stop reason and the usage, `message_stop`;
`ping` anywhere, `error` instead of the rest. Events this codec does not know are skipped, as Anthropic's versioning
rules ask of clients.
"""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.failure import Failure, Refused
from headgate.canonical.parts import Part, Reasoning, ServerToolCall, Signature, Text, ToolCall
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StreamEvent,
    UsageReported,
)
from headgate.protocols.anthropic_messages.blocks import decode_answer_block
from headgate.protocols.anthropic_messages.citations import decode_citation
from headgate.protocols.anthropic_messages.errors import decode_stream_error
from headgate.protocols.anthropic_messages.response import finish_extras, read_reason, read_tier, usage_extras
from headgate.protocols.anthropic_messages.usage import WireUsage, read_usage, supersede, unnest
from headgate.protocols.anthropic_messages.wire import (
    ORIGIN,
    Obj,
    bag,
    field,
    load_answer,
    optional,
    rest,
    unreadable,
    upstream_failure,
)
from headgate.protocols.framing import Frame, SseFramer


class _Delta(Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    citation: Obj | None = None


class _Event(Struct):
    type: str = ""
    index: int = -1
    delta: _Delta | None = None


_EVENT = msgspec.json.Decoder(_Event)
BROKE_OFF = Failed(failure=upstream_failure("the upstream ended its answer too early"))


class _Open(Struct):
    """A block that has begun. `arguments` is the input its start gave, told at its end if no delta brought any;
    `kept` a block that is told whole at its end."""

    part: Part | None
    arguments: str = ""
    kept: Obj | None = None


class MessagesDecoder:
    """`canonical.codec.StreamDecoder`. Nothing follows the end or a failure."""

    def __init__(self) -> None:
        self._framer = SseFramer()
        self._open: dict[int, _Open] = {}
        self._counts: WireUsage | None = None
        self._finish: Finished | None = None
        self._done = False

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        try:
            return [event for frame in self._framer.feed(data) for event in self._frame(frame)]
        except Refused as refused:
            return self._fail(refused.failure)

    def close(self) -> Sequence[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in self._framer.close():
            if frame.data.endswith(b"}"):
                events += self._frame(frame)
        if not self._done:
            self._done = True
            events.append(BROKE_OFF)
        return events

    def _fail(self, failure: Failure) -> list[StreamEvent]:
        self._done = True
        return [Failed(failure=failure)]

    def _frame(self, frame: Frame) -> Sequence[StreamEvent]:
        if self._done or not frame.data.startswith(b"{"):
            return ()
        try:
            event = _EVENT.decode(frame.data)
            return list(self._event(event, frame.data))
        except Refused as refused:
            return self._fail(unreadable(refused).failure)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return self._fail(upstream_failure(f"the upstream's answer cannot be read: {error}"))

    def _event(self, event: _Event, data: bytes) -> Iterator[StreamEvent]:
        match event.type:
            case "content_block_delta":
                yield from self._delta(event.index, event.delta or _Delta(), data)
            case "content_block_start":
                yield from self._start(event.index, field(load_answer(data), "content_block", dict, ""))
            case "content_block_stop":
                yield from self._end(event.index)
            case "message_start":
                yield self._begin(field(load_answer(data), "message", dict, ""))
            case "message_delta":
                yield from self._settle(load_answer(data))
            case "message_stop":
                for index in list(self._open):
                    yield from self._end(index)
                self._done = True
                yield self._finish or Finished(reason="stop")
            case "error":
                yield from self._fail(decode_stream_error(load_answer(data)))
            case _:
                pass

    def _begin(self, message: Obj) -> Started:
        usage = optional(message, "usage", dict, "message") or {}
        self._counts = read_usage(usage)
        return Started(
            id=optional(message, "id", str, "message") or "",
            model=optional(message, "model", str, "message") or "",
            usage=unnest(self._counts) if usage and self._counts else None,
            service_tier=read_tier(usage),
            provider_data=bag(usage_extras(usage)),
        )

    def _settle(self, obj: Obj) -> Iterator[StreamEvent]:
        """`message_delta`: the usage at once, the end when `message_stop` confirms it."""
        usage = optional(obj, "usage", dict, "") or {}
        counts = read_usage(usage)
        if usage and counts is not None:
            self._counts = supersede(self._counts, counts)
            yield UsageReported(usage=unnest(self._counts))
        delta = optional(obj, "delta", dict, "") or {}
        word = optional(delta, "stop_reason", str, "delta")
        beside = {**rest(obj, "type", "delta", "usage"), **rest(delta, "stop_reason", "stop_sequence")}
        beside.update(usage_extras(usage))
        self._finish = Finished(
            reason=read_reason(word),
            stop_sequence=optional(delta, "stop_sequence", str, "delta"),
            provider_data=bag(finish_extras(word, beside)),
        )

    def _start(self, index: int, block: Obj) -> Iterator[StreamEvent]:
        if index in self._open:
            raise Refused(upstream_failure(f"block {index} began twice"))
        part = decode_answer_block(block, f"content.{index}")
        match part:
            case Text():
                self._open[index] = _Open(part)
                yield PartStarted(index=index, part=replace(part, text="", citations=()))
                if part.text:
                    yield PartDelta(index=index, text=part.text)
                for citation in part.citations:
                    yield PartDelta(index=index, citation=citation)
            case Reasoning() if part.redacted is None:
                self._open[index] = _Open(part)
                yield PartStarted(index=index, part=replace(part, text="", signature=None))
                if part.text or part.signature:
                    yield PartDelta(index=index, text=part.text, signature=part.signature)
            case Reasoning():
                self._open[index] = _Open(part)
                yield PartStarted(index=index, part=part)
            case ToolCall():
                self._open[index] = _Open(part, part.arguments)
                yield PartStarted(index=index, part=replace(part, arguments=""))
            case ServerToolCall():
                self._open[index] = _Open(part, part.input)
                yield PartStarted(index=index, part=replace(part, input=""))
            case _:
                self._open[index] = _Open(None, kept=block)

    def _delta(self, index: int, delta: _Delta, data: bytes) -> Iterator[StreamEvent]:
        opened = self._open.get(index)
        if opened is None:
            raise Refused(upstream_failure(f"block {index} grew before it began"))
        if opened.kept is not None:
            grown = field(load_answer(data), "delta", dict, "")
            opened.kept = {**opened.kept, **rest(grown, "type")}
            return
        match delta.type:
            case "text_delta":
                yield PartDelta(index=index, text=delta.text)
            case "thinking_delta":
                yield PartDelta(index=index, text=delta.thinking)
            case "input_json_delta":
                if delta.partial_json:
                    opened.arguments = ""
                    yield PartDelta(index=index, text=delta.partial_json)
            case "signature_delta":
                if delta.signature:
                    yield PartDelta(index=index, signature=Signature(ORIGIN, delta.signature))
            case "citations_delta" if delta.citation is not None:
                yield PartDelta(index=index, citation=decode_citation(delta.citation, f"content.{index}"))
            case _:
                pass

    def _end(self, index: int) -> Iterator[StreamEvent]:
        opened = self._open.pop(index, None)
        if opened is None:
            return
        if opened.kept is not None:
            yield PartStarted(index=index, part=decode_answer_block(opened.kept, f"content.{index}"))
        elif opened.arguments:
            yield PartDelta(index=index, text=opened.arguments)
        yield PartEnded(index=index)
