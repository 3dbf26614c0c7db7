"""Canonical events to a stream of the Responses API, in its complete grammar.

The final event is written on `close`, since usage may come after the reason for which the answer ended.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from headgate.canonical.failure import Blame, Failure, Kind
from headgate.canonical.parts import (
    Audio,
    Image,
    Json,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
)
from headgate.canonical.request import Request
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Response,
    Started,
    StreamEvent,
    UsageReported,
)
from headgate.canonical.usage import Usage
from headgate.protocols.framing import encode_event
from headgate.protocols.openai_responses.errors import encode_failed
from headgate.protocols.openai_responses.growing import (
    Called,
    CalledNatively,
    Drawn,
    Growing,
    Hosted,
    Message,
    Said,
    Thought,
    Told,
    called,
)
from headgate.protocols.openai_responses.parts import Voice, declared_tools
from headgate.protocols.openai_responses.response import echo, ending, head, tier, usage_fields
from headgate.protocols.openai_responses.wire import encode, own, own_object, stem

_AnyItem = Message | Thought | Called | CalledNatively | Hosted | Drawn


class StreamEncoder:
    """See `canonical.codec.StreamEncoder`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._tools = declared_tools(request)
        self._voice = Voice(declared=self._tools, stem="0")
        self._response: dict[str, object] = {}
        self._number = 0
        self._items: list[_AnyItem] = []
        self._growing: dict[int, Growing] = {}
        self._message: Message | None = None
        self._hosted: dict[str, Hosted] = {}
        self._usage: Usage | None = None
        self._finished: Finished | None = None
        self._over = False

    def feed(self, events: Sequence[StreamEvent]) -> bytes:
        """Tell events; return the bytes that say them."""
        written: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, PartStarted | Finished) and event.candidate:
                continue  # Nobody can ask for several answers here; the first is told, as in a whole answer.
            if not self._response and not isinstance(event, Started):
                written.append(self._start(Started(id="", model="")))
            written.append(self._tell(event))
        return b"".join(written)

    def close(self) -> bytes:
        """The end of the answer, with all of it once more."""
        if self._over:
            return b""
        if self._finished is None:
            message = "the upstream ended its answer before it was complete"
            return self.feed([Failed(failure=Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM))])
        written = self._write(self._end_all())
        self._over = True
        self._response.update(ending(self._finished.reason, [item.item for item in self._items]))
        self._response.update(usage_fields(Response(id="", model="", usage=self._usage)))
        return written + self._lifecycle(str(self._response["status"]))

    def _tell(self, event: StreamEvent) -> bytes:
        match event:
            case Started():
                return b"" if self._response else self._start(event)
            case PartStarted():
                return self._write(self._begin(event.index, event.part))
            case PartDelta():
                growing = self._growing.get(event.index)
                return self._write(growing.grow(event)) if growing else b""
            case PartEnded():
                return self._write(self._end(event.index))
            case UsageReported():
                self._usage = event.usage
                return b""
            case Finished():
                self._finished = event
                return b""
            case Failed():
                return self._fail(event.failure)

    def _start(self, started: Started) -> bytes:
        self._voice = Voice(declared=self._tools, stem=stem(started.id))
        self._response = {
            **head(started.id, started.model, started.created, self._request),
            **echo(self._request),
        }
        self._response["service_tier"] = tier(started.service_tier)
        self._usage = started.usage
        return self._lifecycle("created") + self._lifecycle("in_progress")

    def _lifecycle(self, verb: str) -> bytes:
        kind = f"response.{verb}"
        data = encode({"type": kind, "sequence_number": self._count(), "response": self._response})
        return encode_event(data, kind)

    def _count(self) -> int:
        number = self._number
        self._number += 1
        return number

    def _write(self, told: Told) -> bytes:
        written: list[bytes] = []
        for name, members in told:
            kind = f"response.{name}"
            written.append(encode_event(encode({"type": kind, "sequence_number": self._count(), **members}), kind))
        return b"".join(written)

    def _begin(self, index: int, part: Part) -> Told:
        if isinstance(part, ServerToolResult):
            yield from self._result(part)
            return
        if not isinstance(part, ServerToolCall):
            yield from self._settle()
        empty, text = _emptied(part)
        if isinstance(empty, Text | Refusal):
            yield from self._say(index, empty)
        else:
            yield from self._leave_message()
            item = self._item(empty)
            if item is None:
                return
            self._items.append(item)
            self._growing[index] = item
            if isinstance(item, Hosted):
                self._hosted[item.call_id] = item
            yield from item.begin()
        if text:
            yield from self._growing[index].grow(PartDelta(index=index, text=text))

    def _item(self, part: Part) -> Thought | Called | CalledNatively | Hosted | Drawn | None:
        """The item that tells a part, or None for what no item of this API can be (a document, a video)."""
        place = len(self._items)
        match part:
            case Reasoning():
                return Thought(part, self._voice, place)
            case ToolCall():
                return called(part, self._voice, place)
            case ServerToolCall():
                return Hosted(part, self._voice, place)
            case Image():
                return Drawn(part, self._voice, place)
            case _:
                return None

    def _say(self, index: int, part: Text | Refusal) -> Told:
        fields = own_object(part.provider_data, "item")
        if self._message is None or fields is not None:
            yield from self._leave_message()
            self._message = Message(fields or {}, self._voice, len(self._items))
            self._items.append(self._message)
            yield from self._message.begin()
        said = Said(part, self._message)
        self._growing[index] = said
        yield from said.begin()

    def _leave_message(self) -> Told:
        """Something else begins: the message is done, unless a part of it still grows."""
        message, self._message = self._message, None
        if message is not None and message.open == 0:
            yield from message.end()

    def _end(self, index: int) -> Told:
        growing = self._growing.pop(index, None)
        if growing is None:
            return
        yield from growing.end()
        if isinstance(growing, Hosted) and growing.whole:
            yield from self._hosted.pop(growing.call_id).settle(None)
        if isinstance(growing, Said) and growing.message is not self._message and growing.message.open == 0:
            yield from growing.message.end()

    def _result(self, result: ServerToolResult) -> Told:
        hosted = self._hosted.pop(result.call_id, None)
        if hosted is None:
            if own(result.provider_data).get("of_item"):
                return
            yield from self._leave_message()
            hosted = Hosted(ServerToolCall(id=result.call_id, name=result.name), self._voice, len(self._items))
            self._items.append(hosted)
            yield from hosted.begin()
        yield from hosted.settle(result)

    def _settle(self) -> Told:
        """Something else begins: no results will come for what the upstream did so far."""
        for call_id in [call_id for call_id, hosted in self._hosted.items() if hosted.ended]:
            yield from self._hosted.pop(call_id).settle(None)

    def _end_all(self) -> Told:
        for index in list(self._growing):
            yield from self._end(index)
        yield from self._settle()
        yield from self._leave_message()

    def _fail(self, failure: Failure) -> bytes:
        self._over = True
        response = {**self._response, "output": [item.item for item in self._done()]}
        return encode_failed(failure, "", response, self._count())

    def _done(self) -> Iterator[_AnyItem]:
        """Items that are whole; what was being said when it failed is not repeated."""
        broken = {id(item) for item in self._growing.values()}
        for item in self._items:
            content: Json = item.item.get("content")
            if id(item) not in broken and item.item and not (isinstance(content, list) and None in content):
                yield item


def _emptied(part: Part) -> tuple[Part, str]:
    """A part as it begins, and what it has already. Of speech, this API's items can hold the words."""
    match part:
        case Audio():
            return Text(), part.transcript or ""
        case Text() | Refusal() | Reasoning() if part.text:
            return replace(part, text=""), part.text
        case ToolCall() if part.arguments and own_object(part.provider_data, "whole") is None:
            return replace(part, arguments=""), part.arguments
        case ServerToolCall() if part.input:
            return replace(part, input=""), part.input
        case _:
            return part, ""
