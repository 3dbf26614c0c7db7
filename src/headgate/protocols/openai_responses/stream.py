"""An upstream's stream of events to canonical events.

Items are told apart by their `output_index`, contents by their `content_index`: ids are not to be relied on (Copilot
gives a new `item_id` in every event; recorded: copilot/stream-reasoning). What was not streamed is told when its item
is done, so an unknown kind of event loses nothing. The final event's `output` is looked at only where no item came
before it (ChatGPT leaves it empty; recorded: chatgpt/stream-basic).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.parts import Json, Part, Reasoning, Refusal, ServerToolCall, Text, ToolCall
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
from headgate.protocols.framing import Frame, SseFramer
from headgate.protocols.openai_responses.content import decode_annotation
from headgate.protocols.openai_responses.errors import failure_of
from headgate.protocols.openai_responses.items import decode_call, decode_item, decode_reasoning, marker
from headgate.protocols.openai_responses.response import answer_failure, created, finish_of
from headgate.protocols.openai_responses.usage import decode_usage
from headgate.protocols.openai_responses.wire import (
    Object,
    bag,
    read_answer,
    rest,
    take_int,
    take_list,
    take_object,
    take_objects,
    take_str,
    unreadable_answer,
)

_STARTS = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_SAID = {"response.output_text": "text", "response.refusal": "refusal"}
_THOUGHT = {"response.reasoning_summary_text": True, "response.reasoning_text": False}
_WRITTEN = {"response.function_call_arguments": "arguments", "response.custom_tool_call_input": "input"}


@dataclass
class Content:
    """One growing part: its canonical number, and how much of it has been told."""

    index: int
    part: Part
    length: int = 0
    citations: int = 0
    ended: bool = False


@dataclass
class Item:
    """One output item: what it said of itself when it began, and its parts by their place in it."""

    fields: Object
    contents: dict[int, Content] = field(default_factory=dict)
    summarised: int = -1
    done: bool = False


class StreamDecoder:
    """See `canonical.codec.StreamDecoder`."""

    def __init__(self) -> None:
        self._framer = SseFramer()
        self._items: dict[int, Item] = {}
        self._done: list[Json] = []
        self._parts: list[Part] = []
        self._next = 0
        self._started = False
        self._over = False

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take bytes in any cut; return what they tell."""
        return self._read(self._framer.feed(data))

    def close(self) -> Sequence[StreamEvent]:
        """The upstream has ended."""
        events = self._read(self._framer.close())
        if not self._over:
            self._over = True
            message = "the upstream ended its answer before it was complete"
            events.append(Failed(failure=Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM)))
        return events

    def _read(self, frames: Sequence[Frame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if self._over:
                break
            if not frame.data or frame.data == b"[DONE]":
                continue
            try:
                events.extend(self._event(read_answer(frame.data)))
            except Refused as refused:
                failure = refused.failure
                if failure.blame is not Blame.UPSTREAM:
                    failure = unreadable_answer(f"has an unknown form: {failure.message}").failure
                self._over = True
                events.append(Failed(failure=failure))
        return events

    def _event(self, event: Object) -> Iterator[StreamEvent]:
        kind = take_str(event, "type")
        name, _, verb = (kind or "").rpartition(".")
        if kind in _STARTS:
            yield from self._start(take_object(event, "response") or {})
        elif kind in _ENDS:
            yield from self._end(take_object(event, "response") or {}, kind or "")
        elif kind == "error" or (kind is None and event.get("error") is not None):
            yield from self._fail(failure_of(take_object(event, "error") or rest(event, "type")))
        elif kind == "response.output_item.added":
            yield from self._item_added(_place(event), take_object(event, "item") or {})
        elif kind == "response.output_item.done":
            yield from self._item_done(_place(event), take_object(event, "item") or {})
        elif kind == "response.output_text.annotation.added":
            yield from self._cite(event)
        elif verb == "delta":
            yield from self._grow(name, event, take_str(event, "delta") or "")
        elif kind == "response.content_part.added":
            yield from self._content_added(event)

    def _start(self, response: Object) -> Iterator[StreamEvent]:
        if not self._started:
            self._started = True
            yield Started(
                id=take_str(response, "id") or "",
                model=take_str(response, "model") or "",
                created=created(response),
                service_tier=take_str(response, "service_tier"),
            )

    def _item_added(self, place: int, fields: Object) -> Iterator[StreamEvent]:
        item = Item(fields)
        self._items[place] = item
        if fields.get("type") in ("function_call", "custom_tool_call"):
            yield self._open(item, 0, decode_call(fields))

    def _content_added(self, event: Object) -> Iterator[StreamEvent]:
        item = self._items.get(_place(event))
        part = take_object(event, "part") or {}
        if item is None or item.fields.get("type") == "reasoning":
            return
        place = take_int(event, "content_index") or 0
        if place not in item.contents:
            yield self._open(item, place, Refusal() if part.get("type") == "refusal" else Text())

    def _open(self, item: Item, place: int, part: Part) -> PartStarted:
        """Begin a part. The first of a message remembers its item."""
        if not item.contents and item.fields.get("type") == "message":
            fields = {name: value for name, value in item.fields.items() if (name, value) != ("status", "in_progress")}
            part = marker(fields).put(part)
        content = Content(self._next, part)
        item.contents[place] = content
        self._next += 1
        self._parts.append(part)
        return PartStarted(index=content.index, part=part)

    def _grow(self, name: str, event: Object, delta: str) -> Iterator[StreamEvent]:
        item = self._items.get(_place(event))
        if item is None:
            return
        if name in _SAID:
            place = take_int(event, "content_index") or 0
            if place not in item.contents:
                yield self._open(item, place, Refusal() if name == "response.refusal" else Text())
            yield self._told(item.contents[place], delta, tuple(take_list(event, "logprobs")))
        elif name in _THOUGHT:
            yield from self._think(item, event, delta, summary=_THOUGHT[name])
        elif name in _WRITTEN and 0 in item.contents:
            yield self._told(item.contents[0], delta)

    def _think(self, item: Item, event: Object, delta: str, *, summary: bool) -> Iterator[StreamEvent]:
        """A thought is one part, whose kind its first words decide; the paragraphs of a summary are joined."""
        if 0 not in item.contents:
            yield self._open(
                item, 0, Reasoning(summary=summary, id=take_str(item.fields, "id"), provider_data=bag(item={}))
            )
        content = item.contents[0]
        if not isinstance(content.part, Reasoning) or content.part.summary is not summary:
            return
        number = (take_int(event, "summary_index") or 0) if summary else 0
        if item.summarised not in (-1, number) and content.length:
            yield self._told(content, "\n\n")
        item.summarised = number
        yield self._told(content, delta)

    def _told(self, content: Content, text: str, logprobs: tuple[Json, ...] = ()) -> PartDelta:
        content.length += len(text)
        return PartDelta(index=content.index, text=text, logprobs=logprobs)

    def _cite(self, event: Object) -> Iterator[StreamEvent]:
        item = self._items.get(_place(event))
        content = item.contents.get(take_int(event, "content_index") or 0) if item else None
        annotation = take_object(event, "annotation")
        if content is not None and annotation is not None:
            content.citations += 1
            yield PartDelta(index=content.index, citation=decode_annotation(annotation))

    def _item_done(self, place: int, fields: Object) -> Iterator[StreamEvent]:
        item = self._items.setdefault(place, Item(fields))
        if item.done:
            return
        item.done = True
        self._done.append(fields)
        if fields.get("type") == "reasoning":
            yield from self._thought_done(item, fields)
            return
        whole = decode_item(fields)
        for number, part in enumerate(whole):
            content = item.contents.get(number)
            if content is None:
                yield from self._tell(part)
            else:
                yield from self._complete(content, part)
        for content in item.contents.values():
            if not content.ended:
                content.ended = True
                yield PartEnded(index=content.index)

    def _thought_done(self, item: Item, fields: Object) -> Iterator[StreamEvent]:
        whole = decode_reasoning(fields)
        if 0 not in item.contents:
            empty = replace(whole, text="", signature=None) if whole.redacted is None else whole
            yield self._open(item, 0, empty)
        content = item.contents[0]
        content.ended = True
        if whole.redacted is None:
            text = whole.text if not content.length else ""
            yield PartDelta(
                index=content.index, text=text, signature=whole.signature, provider_data=whole.provider_data
            )
        yield PartEnded(index=content.index)

    def _complete(self, content: Content, whole: Part) -> Iterator[StreamEvent]:
        """What the item says more than was streamed of it."""
        content.ended = True
        untold = _text_of(whole)[content.length :]
        if untold:
            yield self._told(content, untold)
        if isinstance(whole, Text):
            for citation in whole.citations[content.citations :]:
                yield PartDelta(index=content.index, citation=citation)
        yield PartEnded(index=content.index)

    def _tell(self, part: Part) -> Iterator[StreamEvent]:
        """A part that comes at once."""
        index = self._next
        self._next += 1
        self._parts.append(part)
        text = _text_of(part)
        yield PartStarted(index=index, part=_emptied(part))
        if text:
            yield PartDelta(index=index, text=text)
        if isinstance(part, Text):
            for citation in part.citations:
                yield PartDelta(index=index, citation=citation)
        yield PartEnded(index=index)

    def _end(self, response: Object, kind: str) -> Iterator[StreamEvent]:
        yield from self._start(response)
        if kind in ("response.failed", "response.cancelled"):
            failure = answer_failure(response) or unreadable_answer("failed").failure
            yield from self._fail(failure)
            return
        if not self._items:
            for place, fields in enumerate(take_objects(response, "output")):
                yield from self._item_done(place, fields)
        for item in self._items.values():
            for content in item.contents.values():
                if not content.ended:
                    content.ended = True
                    yield PartEnded(index=content.index)
        self._over = True
        status = "incomplete" if kind == "response.incomplete" else response.get("status")
        yield Finished(reason=finish_of({**response, "status": status}, self._parts))
        usage = decode_usage(response, self._done)
        if usage is not None:
            yield UsageReported(usage=usage)

    def _fail(self, failure: Failure) -> Iterator[StreamEvent]:
        self._over = True
        yield Failed(failure=failure)


def _place(event: Mapping[str, Json]) -> int:
    return take_int(event, "output_index") or 0


def _text_of(part: Part) -> str:
    match part:
        case Text() | Refusal():
            return part.text
        case ToolCall():
            return part.arguments
        case ServerToolCall():
            return part.input
        case _:
            return ""


def _emptied(part: Part) -> Part:
    match part:
        case Text():
            return replace(part, text="", citations=())
        case Refusal():
            return replace(part, text="")
        case ToolCall():
            return replace(part, arguments="")
        case ServerToolCall():
            return replace(part, input="")
        case _:
            return part
