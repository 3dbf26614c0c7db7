"""Output items that grow while a stream is told: one small class a kind, each saying the events of its own life.

Events are pairs of a type (without `response.`) and members; the encoder numbers and writes them. `item` is what the
item is when it is done, and what the final event repeats.
"""

from collections.abc import Iterator
from typing import Protocol

from headgate.canonical.custom_tools import Unwrapper
from headgate.canonical.parts import Image, Json, Reasoning, Refusal, ServerToolCall, ServerToolResult, Text, ToolCall
from headgate.canonical.stream import PartDelta, grow
from headgate.protocols.openai_responses.content import encode_annotation
from headgate.protocols.openai_responses.parts import (
    Voice,
    call_head,
    call_item,
    encode_said,
    image_item,
    is_custom,
    message_item,
    native_of,
    reasoning_item,
    server_item,
)
from headgate.protocols.openai_responses.wire import Object, own_object

Told = Iterator[tuple[str, Object]]


class Growing(Protocol):
    """A part on its way. `begin` once, `grow` for each delta, `end` once."""

    def begin(self) -> Told: ...
    def grow(self, delta: PartDelta) -> Told: ...
    def end(self) -> Told: ...


class Message:
    """A message item: the parts that are said in it come one after the other, or at once."""

    def __init__(self, fields: Object, voice: Voice, place: int) -> None:
        self.contents: list[Json] = []
        self.item = message_item(fields, self.contents, voice, place)
        self.place = place
        self.open = 0

    def begin(self) -> Told:
        item: Object = {**self.item, "status": "in_progress", "content": []}
        yield "output_item.added", {"output_index": self.place, "item": item}

    def end(self) -> Told:
        yield "output_item.done", {"output_index": self.place, "item": self.item}


class Said:
    """A text or a refusal in a message."""

    def __init__(self, part: Text | Refusal, message: Message) -> None:
        self._part = part
        self._message = message
        self._logprobs: list[Json] = []
        self._citations = 0
        self._at: Object = {
            "item_id": message.item["id"],
            "output_index": message.place,
            "content_index": len(message.contents),
        }
        self._name = "refusal" if isinstance(part, Refusal) else "output_text"
        message.contents.append(None)
        message.open += 1

    @property
    def message(self) -> Message:
        return self._message

    def begin(self) -> Told:
        yield "content_part.added", {**self._at, "part": encode_said(self._part, [])}

    def grow(self, delta: PartDelta) -> Told:
        self._part = self._grown(delta)
        self._logprobs.extend(delta.logprobs)
        if delta.text:
            extra: Object = {} if self._name == "refusal" else {"logprobs": [*delta.logprobs]}
            yield f"{self._name}.delta", {**self._at, "delta": delta.text, **extra}
        if delta.citation is not None and isinstance(self._part, Text):
            annotation = encode_annotation(delta.citation, len(self._part.text))
            number, self._citations = self._citations, self._citations + 1
            yield "output_text.annotation.added", {**self._at, "annotation_index": number, "annotation": annotation}

    def _grown(self, delta: PartDelta) -> Text | Refusal:
        part = grow(self._part, delta)
        return part if isinstance(part, Text | Refusal) else self._part

    def end(self) -> Told:
        part = encode_said(self._part, self._logprobs)
        place = self._at["content_index"]
        if isinstance(place, int):
            self._message.contents[place] = part
        self._message.open -= 1
        extra: Object = {} if self._name == "refusal" else {"logprobs": self._logprobs}
        words = "refusal" if self._name == "refusal" else "text"
        yield f"{self._name}.done", {**self._at, words: self._part.text, **extra}
        yield "content_part.done", {**self._at, "part": part}


class Thought:
    """A thought. It is told as a summary, which every client of this API shows and sends back, unless it came from an
    upstream of this API that tells thoughts themselves."""

    def __init__(self, part: Reasoning, voice: Voice, place: int) -> None:
        self._part = part
        self._voice = voice
        self._place = place
        self._plain = not part.summary and own_object(part.provider_data, "item") is not None
        self._begun = False
        self.item = self._whole()

    def _whole(self) -> Object:
        item = reasoning_item(self._part, self._voice, [], self._place) or {}
        text = self._part.text
        if not text:
            return item
        if self._plain:
            return {**item, "content": item.get("content") or [{"type": "reasoning_text", "text": text}]}
        return {**item, "summary": item.get("summary") or [{"type": "summary_text", "text": text}]}

    @property
    def _at(self) -> Object:
        number = "content_index" if self._plain else "summary_index"
        return {"item_id": self.item["id"], "output_index": self._place, number: 0}

    def begin(self) -> Told:
        item: Object = {"id": self.item["id"], "type": "reasoning", "summary": []}
        yield "output_item.added", {"output_index": self._place, "item": item}

    def grow(self, delta: PartDelta) -> Told:
        part = grow(self._part, delta)
        self._part = part if isinstance(part, Reasoning) else self._part
        if not delta.text:
            return
        if not self._begun:
            self._begun = True
            yield self._frame("added", "")
        kind = "reasoning_text" if self._plain else "reasoning_summary_text"
        yield f"{kind}.delta", {**self._at, "delta": delta.text}

    def _frame(self, verb: str, text: str) -> tuple[str, Object]:
        name, kind = ("content_part", "reasoning_text") if self._plain else ("reasoning_summary_part", "summary_text")
        return f"{name}.{verb}", {**self._at, "part": {"type": kind, "text": text}}

    def end(self) -> Told:
        own_id = self.item["id"]
        self.item = {**self._whole(), "id": own_id}
        if self._begun:
            kind = "reasoning_text" if self._plain else "reasoning_summary_text"
            yield f"{kind}.done", {**self._at, "text": self._part.text}
            yield self._frame("done", self._part.text)
        yield "output_item.done", {"output_index": self._place, "item": self.item}


class Called:
    """A call of the caller's tool, as a function's arguments or as free text."""

    def __init__(self, part: ToolCall, voice: Voice, place: int) -> None:
        self._custom = is_custom(part, voice)
        self._wrapped = Unwrapper() if self._custom and not part.custom else None
        self._place = place
        self._written = ""
        self._name = "custom_tool_call_input" if self._custom else "function_call_arguments"
        self._member = "input" if self._custom else "arguments"
        self.item: Object = {**call_head(part, voice, place), self._member: ""}

    @property
    def _at(self) -> Object:
        return {"item_id": self.item["id"], "output_index": self._place}

    def begin(self) -> Told:
        item = {**self.item, "status": "in_progress"} if "status" in self.item else self.item
        yield "output_item.added", {"output_index": self._place, "item": item}

    def grow(self, delta: PartDelta) -> Told:
        yield from self._write(self._wrapped.feed(delta.text) if self._wrapped else delta.text)

    def _write(self, text: str) -> Told:
        if text:
            self._written += text
            yield f"{self._name}.delta", {**self._at, "delta": text}

    def end(self) -> Told:
        if self._wrapped is not None:
            yield from self._write(self._wrapped.close())
        if not self._written and not self._custom:
            yield from self._write("{}")
        self.item = {**self.item, self._member: self._written}
        named: Object = {} if self._custom else {"name": self.item["name"]}
        yield f"{self._name}.done", {**self._at, **named, self._member: self._written}
        yield "output_item.done", {"output_index": self._place, "item": self.item}


class CalledNatively:
    """A call of a tool whose form the API fixes: it can be told only when all of it is known."""

    def __init__(self, part: ToolCall, voice: Voice, place: int) -> None:
        self._part = part
        self._voice = voice
        self._place = place
        self.item: Object = {}

    def begin(self) -> Told:
        yield from ()

    def grow(self, delta: PartDelta) -> Told:
        part = grow(self._part, delta)
        self._part = part if isinstance(part, ToolCall) else self._part
        yield from ()

    def end(self) -> Told:
        self.item = call_item(self._part, self._voice, self._place)
        yield "output_item.added", {"output_index": self._place, "item": {**self.item, "status": "in_progress"}}
        yield "output_item.done", {"output_index": self._place, "item": self.item}


class Hosted:
    """What the upstream does by itself. It is done when its result is known, which comes as a part of its own."""

    _LIVES = {
        "web_search_call": ("in_progress", "searching"),
        "code_interpreter_call": ("in_progress", "interpreting"),
        "file_search_call": ("in_progress", "searching"),
        "mcp_call": ("in_progress",),
    }

    def __init__(self, part: ServerToolCall, voice: Voice, place: int) -> None:
        self._part = part
        self._voice = voice
        self._place = place
        self.ended = False
        self.item = self._whole(None)

    @property
    def call_id(self) -> str:
        return self._part.id

    @property
    def whole(self) -> bool:
        """Whether the part holds all of the item, its result included."""
        return own_object(self._part.provider_data, "item") is not None

    def _whole(self, result: ServerToolResult | None) -> Object:
        kept = own_object(self._part.provider_data, "item")
        return kept if kept is not None else server_item(self._part, result, self._voice, self._place)

    def begin(self) -> Told:
        yield "output_item.added", {"output_index": self._place, "item": {**self.item, "status": "in_progress"}}
        for step in self._LIVES.get(str(self.item["type"]), ()):
            yield f"{self.item['type']}.{step}", self._at

    @property
    def _at(self) -> Object:
        return {"item_id": str(self.item.get("id") or ""), "output_index": self._place}

    def grow(self, delta: PartDelta) -> Told:
        part = grow(self._part, delta)
        self._part = part if isinstance(part, ServerToolCall) else self._part
        yield from ()

    def end(self) -> Told:
        self.ended = True
        yield from ()

    def settle(self, result: ServerToolResult | None) -> Told:
        """The result is here, or none will come."""
        self.item = self._whole(result)
        kind = str(self.item["type"])
        if kind in self._LIVES:
            failed = kind == "mcp_call" and self.item.get("status") == "failed"
            yield f"{kind}.{'failed' if failed else 'completed'}", self._at
        yield "output_item.done", {"output_index": self._place, "item": self.item}


class Drawn:
    """A picture that the model makes."""

    def __init__(self, part: Image, voice: Voice, place: int) -> None:
        self._part = part
        self._voice = voice
        self._place = place
        self.item = self._whole()

    def _whole(self) -> Object:
        return image_item(self._part, self._voice, [], self._place) or {}

    @property
    def _at(self) -> Object:
        return {"item_id": self.item["id"], "output_index": self._place}

    def begin(self) -> Told:
        item: Object = {**self.item, "status": "in_progress", "result": None}
        yield "output_item.added", {"output_index": self._place, "item": item}
        yield "image_generation_call.in_progress", self._at
        yield "image_generation_call.generating", self._at

    def grow(self, delta: PartDelta) -> Told:
        part = grow(self._part, delta)
        self._part = part if isinstance(part, Image) else self._part
        yield from ()

    def end(self) -> Told:
        self.item = self._whole()
        yield "image_generation_call.completed", self._at
        yield "output_item.done", {"output_index": self._place, "item": self.item}


def called(part: ToolCall, voice: Voice, place: int) -> Called | CalledNatively:
    whole = own_object(part.provider_data, "whole") is not None
    return (CalledNatively if whole or native_of(part, voice) else Called)(part, voice, place)
