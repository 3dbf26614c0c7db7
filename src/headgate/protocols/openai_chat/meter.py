"""Reading answers of the caller's own protocol as they pass: what they used, what they delivered, how they ended.

Frames go on byte for byte, except the usage chunk that only metering asked for. A stream ends at `data: [DONE]`; some
providers just close after the finish reason, which counts as ended once the upstream has closed. From an in-stream
error on nothing is passed: its frame may name the upstream, so the gateway writes the error itself, in its own words.
"""

from collections.abc import Iterator

from msgspec import Raw

from headgate.canonical.codec import Delivered, Read
from headgate.canonical.failure import Failure, Refused
from headgate.canonical.sample import Sample
from headgate.canonical.usage import Usage
from headgate.protocols.framing import Frame, SseFramer
from headgate.protocols.openai_chat.errors import failure_of
from headgate.protocols.openai_chat.usage import decode_usage
from headgate.protocols.openai_chat.wire import (
    UNREADABLE,
    Choice,
    Chunk,
    Delta,
    JsonObject,
    LooseChunk,
    present,
    read_chunk,
    read_loose_chunk,
    read_object,
    unreadable_answer,
)

EXPLAINED = frozenset({"length", "content_filter"})
"""Finish reasons that explain why an answer may say nothing: the caller's limit went into thoughts, or a filter acted.
Such an answer is an answer; trying again would buy the same."""


class ChatMeter:
    """The `Meter` of Chat Completions. `wants_usage`: whether the caller asked for the usage chunk itself."""

    def __init__(self, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._framer = SseFramer()
        self._text = Sample()
        self._reasoning = Sample()
        self._usage: JsonObject | None = None
        self._pieces = 0
        self._weight = 0
        self.begun = False
        self.ended = False
        self.finish: str | None = None
        self.failure: Failure | None = None
        self.model: str | None = None

    @property
    def usage(self) -> Usage | None:
        return decode_usage(self._usage, self.model)

    @property
    def tokens(self) -> int:
        """One for every three ASCII characters or every other character, and at least one a piece of text."""
        return max(self._pieces, self._weight // 3)

    def feed(self, data: bytes) -> bytes:
        """Take bytes as received; return the whole frames to send on."""
        try:
            return self._pass(self._framer.feed(data))
        except Refused as refused:
            self.failure = refused.failure
            return b""

    def close(self) -> bytes:
        """The upstream has ended. A last event that lacks only its blank line is sent on with one; half of one is
        not."""
        out = self._pass([frame for frame in self._framer.close() if _whole(frame.data)])
        self.ended = self.ended or (self.finish is not None and self.failure is None)
        return out and out + b"\n\n"

    def delivered(self) -> Delivered:
        return Delivered(
            text=self._text.text,
            reasoning_text=self._reasoning.text,
            text_chars=self._text.chars,
            reasoning_chars=self._reasoning.chars,
        )

    def _pass(self, frames: list[Frame]) -> bytes:
        out: list[bytes] = []
        for frame in frames:
            shown = self._see(frame.data)
            if shown:
                out.append(frame.raw)
        return b"".join(out)

    def _see(self, data: bytes) -> bool:
        """Take a frame's payload in; whether the caller is to see the frame."""
        if self.failure is not None:
            return False
        if not data:
            return True
        if data.startswith(b"[DONE]"):  # OpenRouter has sent a space after it (recorded: openrouter/stream-basic)
            self.ended = True
            return True
        try:
            chunk = read_chunk(data)
        except UNREADABLE:
            return self._see_loosely(data)
        if self.model is None:
            self.model = chunk.model
        for choice in chunk.choices or ():
            if choice.delta is not None:
                self._grow(choice.delta)
            if choice.finish_reason is not None:
                self.finish = choice.finish_reason
                self.begun = self.begun or self.finish in EXPLAINED
        if chunk.error is not None or chunk.x_groq is not None or self.finish == "error":
            self.failure = _failure(chunk, self.finish)
        elif chunk.usage is None:
            return True
        return self._account(_usage(chunk), hideable=chunk.choices == [])

    def _see_loosely(self, data: bytes) -> bool:
        """A payload whose insides are not what they should be still counts, by its size, and still goes on."""
        try:
            chunk = read_loose_chunk(data)
        except UNREADABLE:
            return True
        if chunk.error is not None:
            self.failure = failure_of(_object(chunk.error))
        if _holds_choices(chunk):
            self.begun = True
            self._pieces += 1
            self._weight += memoryview(chunk.choices).nbytes
        usage = chunk.usage if isinstance(chunk.usage, dict) else None
        return self._account(usage, hideable=chunk.choices == Raw(b"[]"))

    def _account(self, usage: JsonObject | None, *, hideable: bool) -> bool:
        if not usage:
            return self.failure is None
        self._usage = usage
        return self.failure is None and (self._wants_usage or not hideable)

    def _grow(self, delta: Delta) -> None:
        content = delta.content
        if content:
            if isinstance(content, str):
                self._add(self._text, content)
            else:
                for text, thought in _items(delta):
                    self._add(self._reasoning if thought else self._text, text)
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            self._add(self._reasoning, reasoning)
        if delta.tool_calls or delta.function_call or delta.refusal or delta.audio or delta.images:
            self.begun = True
            for text in _rare(delta):
                self._add(self._text, text)

    def _add(self, sample: Sample, text: str) -> None:
        self.begun = True
        self._pieces += 1
        self._weight += len(text) if text.isascii() else 3 * len(text)
        sample.add(text)


def read(body: bytes) -> Read:
    """What a whole answer says, for metering.

    Raises:
        Refused: the answer is no JSON object, or holds an error instead of an answer (HTTP 200 all the same).
    """
    chunk = _read_answer(body)
    choices = chunk.choices or []
    if not choices and chunk.error is not None:
        raise Refused(failure_of(_object(chunk.error)))
    finish = choices[0].finish_reason if choices else None
    messages = [choice.message for choice in choices if choice.message is not None]
    empty = finish not in EXPLAINED and not any(_says_something(message) for message in messages)
    return Read(
        usage=decode_usage(_usage(chunk), chunk.model),
        empty=empty,
        model=chunk.model,
        finish=finish,
        response_id=chunk.id,
    )


def read_delivered(body: bytes) -> Delivered:
    """What a whole answer delivered, for counting.

    Raises:
        Refused: the answer is no JSON object.
    """
    text, reasoning = Sample(), Sample()
    for choice in _read_answer(body).choices or ():
        message = choice.message
        if message is None:
            continue
        for piece, thought in _items(message):
            (reasoning if thought else text).add(piece)
        reasoning.add(message.reasoning_content or message.reasoning or "")
        for piece in _rare(message):
            text.add(piece)
    return Delivered(
        text=text.text, reasoning_text=reasoning.text, text_chars=text.chars, reasoning_chars=reasoning.chars
    )


def _read_answer(body: bytes) -> Chunk:
    """A whole answer. Where its insides are not what they should be, what it said is taken to be one text."""
    try:
        return read_chunk(body)
    except UNREADABLE:
        pass
    try:
        loose = read_loose_chunk(body)
    except UNREADABLE as error:
        raise unreadable_answer() from error
    said = memoryview(loose.choices).tobytes().decode("utf-8", "replace") if _holds_choices(loose) else ""
    choices = [Choice(message=Delta(content=said))] if said else []
    usage = loose.usage if isinstance(loose.usage, dict) else None
    return Chunk(choices=choices, usage=usage, error=loose.error)


def _usage(chunk: Chunk) -> JsonObject | None:
    """The usage of a chunk. Groq streams it under `x_groq` (recorded: groq/stream-basic)."""
    if chunk.usage or chunk.x_groq is None:
        return chunk.usage
    return chunk.x_groq.usage


def _failure(chunk: Chunk, finish: str | None) -> Failure | None:
    if chunk.error is not None:
        return failure_of(_object(chunk.error))
    if chunk.x_groq is not None and chunk.x_groq.error is not None:
        return failure_of(_object(chunk.x_groq.error))
    return failure_of({}) if finish == "error" else None


def _object(value: object) -> JsonObject:
    """An untyped member as an object; a text stands for its message."""
    if isinstance(value, dict):
        return value
    return {"message": value} if isinstance(value, str) else {}


def _holds_choices(chunk: LooseChunk) -> bool:
    return present(chunk.choices) and chunk.choices != Raw(b"[]")


def _items(delta: Delta) -> Iterator[tuple[str, bool]]:
    """The pieces of content, and whether each is a thought."""
    content = delta.content
    if isinstance(content, str):
        yield content, False
        return
    for item in content or ():
        if isinstance(item.thinking, str):
            yield item.thinking, True
        for thought in item.thinking or () if not isinstance(item.thinking, str) else ():
            yield thought.text or "", True
        yield item.text or "", False


def _rare(delta: Delta) -> Iterator[str]:
    """The texts of a delta beside content and reasoning."""
    for call in delta.tool_calls or ():
        if call.function is not None:
            yield (call.function.name or "") + (call.function.arguments or "")
        if call.custom is not None:
            yield (call.custom.name or "") + (call.custom.input or "")
    if delta.function_call is not None:
        yield (delta.function_call.name or "") + (delta.function_call.arguments or "")
    if delta.refusal:
        yield delta.refusal
    if delta.audio is not None and delta.audio.transcript:
        yield delta.audio.transcript


def _says_something(message: Delta) -> bool:
    if isinstance(message.content, str) and message.content:
        return True
    if message.audio is not None or message.images or message.tool_calls or message.function_call:
        return True
    if message.refusal or message.reasoning_content or message.reasoning:
        return True
    return any(text for text, _ in _items(message))


def _whole(data: bytes) -> bool:
    if data.startswith(b"[DONE]"):
        return True
    try:
        read_object(data)
    except UNREADABLE:
        return False
    return True
