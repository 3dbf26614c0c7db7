"""A streamed answer: canonical events to wire frames."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from headgate.canonical.parts import Part, Reasoning, Refusal, ServerToolCall, Text, ToolCall
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
from headgate.protocols.anthropic_messages.citations import encode_citation
from headgate.protocols.anthropic_messages.errors import error_body
from headgate.protocols.anthropic_messages.response import (
    encode_part,
    encode_server_call,
    encode_thought,
    finish_word,
    kept_usage,
    tier_field,
)
from headgate.protocols.anthropic_messages.stream import BROKE_OFF
from headgate.protocols.anthropic_messages.thinking import seal
from headgate.protocols.anthropic_messages.usage import encode_usage
from headgate.protocols.anthropic_messages.wire import Obj, dump, dump_text, own
from headgate.protocols.framing import encode_event

_IN_DELTA = frozenset({"stop_details", "container", "stop_reason"})


class MessagesEncoder:
    """`canonical.codec.StreamEncoder`. One block is open at a time: parts that begin meanwhile wait for its end. The
    stop reason waits for `close`, because other vendors report usage after it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._usage: Usage | None = None
        self._finish: Finished | None = None
        self._called = False
        self._refused = False
        self._begun = False
        self._done = False
        self._index = 0
        self._live: int | None = None
        self._part: Part = Text()
        self._argued = False
        self._open = False
        self._waiting: dict[int, list[PartStarted | PartDelta | PartEnded]] = {}

    def feed(self, events: Sequence[StreamEvent]) -> bytes:
        return b"".join([frame for event in events if not self._done for frame in self._event(event)])

    def close(self) -> bytes:
        if self._done:
            return b""
        if self._finish is None:
            return self.feed([BROKE_OFF])
        frames = [*self._begin_message(Started(id="", model="")), *self._end_all(), *self._last(self._finish)]
        self._done = True
        return b"".join(frames)

    def _event(self, event: StreamEvent) -> Iterator[bytes]:
        match event:
            case PartDelta() if event.index == self._live:
                yield from self._grow(event)
            case PartStarted() if event.candidate == 0:
                yield from self._begin_message(Started(id="", model=""))
                if self._live is None:
                    yield from self._begin(event)
                else:
                    self._waiting[event.index] = [event]
            case PartEnded() if event.index == self._live:
                yield from self._end()
                yield from self._promote()
            case PartDelta() | PartEnded():
                if event.index in self._waiting:
                    self._waiting[event.index].append(event)
            case Started():
                yield from self._begin_message(event)
            case UsageReported():
                self._usage = event.usage
            case Finished() if event.candidate == 0:
                self._finish = event
            case Failed():
                self._done = True
                yield _frame(error_body(event.failure, None))
            case _:
                pass  # other candidates, for which this protocol has no room

    def _begin_message(self, started: Started) -> Iterator[bytes]:
        if self._begun:
            return
        self._begun = True
        self._usage = started.usage or self._usage
        extra = {**kept_usage(started.provider_data), **tier_field(started.service_tier)}
        message: Obj = {
            "id": started.id or "msg_",
            "type": "message",
            "role": "assistant",
            "model": started.model or self._request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(self._usage, extra),
        }
        yield _frame({"type": "message_start", "message": message})

    def _last(self, finish: Finished) -> Iterator[bytes]:
        beside = own(finish.provider_data)
        word = "refusal" if self._refused else finish_word(finish.reason, called=self._called)
        delta: Obj = {"stop_reason": word, "stop_sequence": finish.stop_sequence}
        delta.update({name: value for name, value in beside.items() if name in _IN_DELTA})
        around = {name: value for name, value in beside.items() if name not in _IN_DELTA and name != "usage"}
        usage = encode_usage(self._usage, kept_usage(finish.provider_data))
        yield _frame({"type": "message_delta", "delta": delta, "usage": usage, **around})
        yield _frame({"type": "message_stop"})

    def _begin(self, event: PartStarted) -> Iterator[bytes]:
        """Open a block for a part that grows; one that is told whole waits for its end."""
        self._live, self._part, self._argued = event.index, event.part, False
        block = _opening(event.part)
        self._open = block is not None
        if block is None:
            return
        self._called = isinstance(event.part, ToolCall)
        self._refused = self._refused or isinstance(event.part, Refusal)
        yield self._start(block)
        if isinstance(event.part, ToolCall) and event.part.custom:
            yield self._delta({"type": "input_json_delta", "partial_json": '{"input":"'})
        yield from self._grow(_said_already(event))

    def _grow(self, event: PartDelta) -> Iterator[bytes]:
        part = self._part
        if not self._open:
            self._part = grow(part, event)
            return
        if event.signature and isinstance(part, Reasoning):
            self._part = replace(part, signature=event.signature)
        if event.text and not self._says_nothing(part, event.text):
            yield self._delta(_text_delta(part, event.text))
        if event.citation and isinstance(part, Text):
            citation = encode_citation(event.citation)
            if citation is not None:
                yield self._delta({"type": "citations_delta", "citation": citation})

    def _says_nothing(self, part: Part, text: str) -> bool:
        """Whether a call's arguments are `null`, which Llama at Groq writes for a function without any (recorded:
        groq/stream-parallel-tools); an `input` is an object."""
        first, self._argued = not self._argued, True
        return first and text == "null" and isinstance(part, ToolCall) and not part.custom

    def _end(self) -> Iterator[bytes]:
        part = self._part
        self._live = None
        if self._open:
            if isinstance(part, Reasoning) and (signature := seal(part)):
                yield self._delta({"type": "signature_delta", "signature": signature})
            if isinstance(part, ToolCall) and part.custom:
                yield self._delta({"type": "input_json_delta", "partial_json": '"}'})
            yield self._stop()
            return
        block = encode_part(part)
        if block is None:
            return
        text = block["text"] if block["type"] == "text" else ""
        yield self._start({**block, "text": ""} if text else block)
        if text:
            yield self._delta({"type": "text_delta", "text": text})
        yield self._stop()

    def _promote(self) -> Iterator[bytes]:
        """Let waiting parts have their turn, until one is found that has not ended yet."""
        while self._live is None and self._waiting:
            for event in self._waiting.pop(next(iter(self._waiting))):
                match event:
                    case PartStarted():
                        yield from self._begin(event)
                    case PartDelta():
                        yield from self._grow(event)
                    case PartEnded():
                        yield from self._end()

    def _end_all(self) -> Iterator[bytes]:
        while self._live is not None:
            yield from self._end()
            yield from self._promote()

    def _start(self, block: Obj) -> bytes:
        return _frame({"type": "content_block_start", "index": self._index, "content_block": block})

    def _delta(self, delta: Obj) -> bytes:
        return _frame({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _stop(self) -> bytes:
        frame = _frame({"type": "content_block_stop", "index": self._index})
        self._index += 1
        return frame


def _frame(event: Obj) -> bytes:
    return encode_event(dump(event), event["type"])


def _opening(part: Part) -> Obj | None:
    """The block that begins a part which grows; None for a part that is told whole."""
    match part:
        case Text():
            return {"type": "text", "text": "", **own(part.provider_data)}
        case Refusal():
            return {"type": "text", "text": ""}
        case Reasoning():
            whole = encode_thought(part)["type"] == "redacted_thinking"
            return None if whole else {"type": "thinking", "thinking": "", "signature": ""}
        case ToolCall():
            return encode_part(replace(part, arguments="", custom=False))
        case ServerToolCall():
            return encode_server_call(replace(part, input=""))
        case _:
            return None


def _said_already(event: PartStarted) -> PartDelta:
    """What a part holds at its start, as the delta it could have been."""
    match event.part:
        case Text(text=text) | Refusal(text=text) | Reasoning(text=text):
            return PartDelta(index=event.index, text=text)
        case ToolCall(arguments=text) | ServerToolCall(input=text):
            return PartDelta(index=event.index, text=text)
        case _:
            return PartDelta(index=event.index)


def _text_delta(part: Part, text: str) -> Obj:
    match part:
        case Reasoning():
            return {"type": "thinking_delta", "thinking": text}
        case ToolCall(custom=True):
            return {"type": "input_json_delta", "partial_json": dump_text(text)[1:-1]}
        case ToolCall() | ServerToolCall():
            return {"type": "input_json_delta", "partial_json": text}
        case _:
            return {"type": "text_delta", "text": text}
