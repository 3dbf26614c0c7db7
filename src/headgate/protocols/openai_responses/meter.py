"""Reading a stream of the caller's own protocol as it passes, byte for byte.

From an in-stream error on nothing is passed: its frame may name the upstream, so the gateway writes the error itself.
"""

import msgspec
from msgspec import Raw, Struct

from headgate.canonical.codec import Delivered
from headgate.canonical.failure import Blame, Failure, Kind
from headgate.canonical.parts import Json
from headgate.canonical.sample import Sample
from headgate.canonical.usage import Usage
from headgate.protocols.framing import Frame, SseFramer
from headgate.protocols.openai_responses.errors import failure_of
from headgate.protocols.openai_responses.response import item_words
from headgate.protocols.openai_responses.usage import decode_usage
from headgate.protocols.openai_responses.wire import UNREADABLE, Object, read_object


class Event(Struct):
    """One event, as far as metering reads it. `item` and `response` are read only where they matter."""

    type: str = ""
    delta: str | None = None
    item: Raw = Raw()
    response: Raw = Raw()
    error: Raw = Raw()
    code: str | int | None = None
    message: str | None = None
    param: str | None = None


class ItemKind(Struct):
    type: str = ""


_read = msgspec.json.Decoder(Event).decode
_read_kind = msgspec.json.Decoder(ItemKind).decode

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
# Items whose usage is counted from the output where the vendor reports none.
_COUNTED = (b"web_search_call", b"x_search_call", b"image_generation_call")


class Meter:
    """See `canonical.codec.Meter`. `response_id` is the answer's id, by which it can be fetched again."""

    def __init__(self, wants_usage: bool = True) -> None:
        self.usage: Usage | None = None
        self.tokens = 0
        self.begun = False
        self.ended = False
        self.finish: str | None = None
        self.failure: Failure | None = None
        self.model: str | None = None
        self.response_id: str | None = None
        self._framer = SseFramer()
        self._said = Sample()
        self._thought = Sample()
        self._items: list[Json] = []
        self._streamed = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes as received; return the whole frames among them, unchanged."""
        return self._pass(self._framer.feed(data))

    def close(self) -> bytes:
        """The upstream has ended; what it left without its end is sent on as it is."""
        return self._pass(self._framer.close())

    def delivered(self) -> Delivered:
        """What was delivered, for counting."""
        said, thought = self._said, self._thought
        return Delivered(
            text=said.text, reasoning_text=thought.text, text_chars=said.chars, reasoning_chars=thought.chars
        )

    def _pass(self, frames: list[Frame]) -> bytes:
        passed: list[bytes] = []
        for frame in frames:
            self._look(frame)
            if self.failure is None:
                passed.append(frame.raw)
        return b"".join(passed)

    def _look(self, frame: Frame) -> None:
        if not frame.data or frame.data == b"[DONE]":
            return
        try:
            event = _read(frame.data)
        except UNREADABLE:
            return
        if event.delta is not None and event.type.endswith(".delta"):
            self._count(event.type, event.delta)
        elif event.type == "response.output_item.done":
            self._keep(event.item)
        elif event.type in _TERMINAL:
            self._end(event)
        elif event.type == "error" or (not event.type and bytes(event.error) not in (b"", b"null")):
            self._fail(event)
        elif event.type == "response.output_item.added":
            # A message is empty so far, and a thought may never come to its end.
            self.begun = self.begun or _kind(event.item) not in ("reasoning", "message", "")
        elif event.type == "response.created":
            self._begin(event.response)

    def _count(self, kind: str, delta: str) -> None:
        self.begun = self.begun or bool(delta)
        self._streamed = True
        wide = 0 if delta.isascii() else (len(delta.encode()) - len(delta)) // 2
        self.tokens += max(1, (len(delta) - wide) // 4 + wide)
        sample = self._thought if kind.startswith("response.reasoning") else self._said
        sample.add(delta)

    def _keep(self, item: Raw) -> None:
        kind = _kind(item)
        self.begun = self.begun or kind not in ("message", "")
        if not self._streamed and kind != "reasoning":
            for words in item_words(_object(item)):
                self._count("", words)
        self._streamed = False
        if kind.encode() in _COUNTED:
            fields = _object(item)
            if fields.get("result"):
                fields["result"] = "made"  # an image is megabytes
            self._items.append(fields)

    def _begin(self, response: Raw) -> None:
        fields = _object(response)
        model, id_ = fields.get("model"), fields.get("id")
        self.model = model if isinstance(model, str) else self.model
        self.response_id = id_ if isinstance(id_, str) else self.response_id

    def _end(self, event: Event) -> None:
        self.ended = True
        self._begin(event.response)
        fields = _object(event.response)
        self.usage = decode_usage(fields, self._items or None) or self.usage
        details, status = fields.get("incomplete_details"), fields.get("status")
        reason = details.get("reason") if isinstance(details, dict) else None
        finish = reason or status or event.type.removeprefix("response.")
        self.finish = finish if isinstance(finish, str) else None
        error = fields.get("error")
        if event.type == "response.failed" and self.failure is None:
            self.failure = failure_of(error if isinstance(error, dict) else {})
        elif event.type == "response.cancelled" and self.failure is None:
            self.failure = Failure(kind=Kind.UPSTREAM, message="the answer was cancelled", blame=Blame.UPSTREAM)

    def _fail(self, event: Event) -> None:
        """An error event ends the answer, though `response.failed` may follow (recorded: openai/error-in-stream)."""
        self.ended = True
        if self.failure is None:
            nested = _object(event.error)
            flat: Object = {"code": event.code, "message": event.message, "param": event.param}
            self.failure = failure_of(nested or flat)


def _kind(item: Raw) -> str:
    try:
        return _read_kind(item).type
    except UNREADABLE:
        return ""


def _object(raw: Raw) -> Object:
    if not memoryview(raw).nbytes or bytes(memoryview(raw)[:1]) != b"{":
        return {}
    try:
        return read_object(raw)
    except UNREADABLE:
        return {}
