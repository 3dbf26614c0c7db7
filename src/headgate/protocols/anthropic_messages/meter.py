"""Reading answers of this protocol as they pass through, without changing a byte.

Frames are decoded into the few fields that count. Half an event at a broken end is not passed on: a client could not
read it, and an error event must be able to follow.
"""

import msgspec
from msgspec import Struct

from headgate.canonical.codec import Delivered, Read
from headgate.canonical.failure import Failure, Refused, refuse
from headgate.canonical.sample import Sample
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages.errors import decode_stream_error
from headgate.protocols.anthropic_messages.usage import WireUsage, supersede, unnest
from headgate.protocols.anthropic_messages.wire import Obj, complaint, unreadable
from headgate.protocols.framing import Frame, SseFramer

_BYTES_PER_TOKEN = 3
"""Low, so that text of many tokens (Chinese, code, JSON) is not estimated far too small."""


class _Delta(Struct):
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Block(Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Head(Struct):
    model: str | None = None
    usage: WireUsage | None = None


class _Event(Struct):
    type: str = ""
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Head | None = None
    usage: WireUsage | None = None
    error: Obj | str | None = None


_EVENT = msgspec.json.Decoder(_Event)
_SILENT = frozenset({"text", "thinking"})
_UNFINISHED = frozenset({None, "end_turn", "tool_use"})
"""Ends that come only after content: an answer of none that ended so is empty. A refusal, a stop sequence or a limit
(of 0, to warm the cache) may well leave nothing to say."""


class MessagesMeter:
    """`canonical.codec.Meter` for a Messages stream."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.tokens = 0
        self.begun = False
        self.ended = False
        self.finish: str | None = None
        self.failure: Failure | None = None
        self.model: str | None = None
        self._framer = SseFramer()
        self._counts: WireUsage | None = None
        self._bytes = 0
        self._said = Sample()
        self._thought = Sample()

    def feed(self, data: bytes) -> bytes:
        if self.failure is not None:
            return b""
        try:
            frames = self._framer.feed(data)
        except Refused as refused:
            self.failure = refused.failure
            return b""
        passed: list[bytes] = []
        for frame in frames:
            self._read(frame)
            if self._failed():
                break
            passed.append(frame.raw)
        return b"".join(passed)

    def _failed(self) -> bool:
        return self.failure is not None

    def close(self) -> bytes:
        passed = b""
        for frame in self._framer.close():
            if not frame.data:
                passed += frame.raw
            elif self._read(frame) and self.failure is None:
                passed += frame.raw.rstrip(b"\r\n") + b"\n\n"
        return passed

    def delivered(self) -> Delivered:
        said, thought = self._said, self._thought
        return Delivered(
            text=said.text, reasoning_text=thought.text, text_chars=said.chars, reasoning_chars=thought.chars
        )

    def _read(self, frame: Frame) -> bool:
        """Note what the frame says; False where it cannot be read. Unknown events are somebody else's business."""
        if not frame.data.startswith(b"{"):
            return frame.data == b"[DONE]"
        try:
            event = _EVENT.decode(frame.data)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return False
        match event.type:
            case "content_block_delta":
                self._grow(event.delta)
            case "content_block_start":
                self._start(event.content_block)
            case "message_start" if event.message is not None:
                self.model = event.message.model
                self._report(event.message.usage)
            case "message_delta":
                self._report(event.usage)
                self._stop(event.delta)
            case "message_stop":
                self.ended = True
            case "error":
                self.failure = _failure(event.error)
            case _:
                pass
        return True

    def _grow(self, delta: _Delta | None) -> None:
        self.begun = True
        if delta is None:
            return
        if delta.thinking:
            self._thought.add(delta.thinking)
            self._count(delta.thinking)
            return
        said = delta.text or delta.partial_json
        if said:
            self._said.add(said)
            self._count(said)

    def _start(self, block: _Block | None) -> None:
        if block is None:
            return
        if block.type not in _SILENT or block.text or block.thinking:
            self._grow(_Delta(text=block.text, thinking=block.thinking))

    def _stop(self, delta: _Delta | None) -> None:
        if delta is not None and delta.stop_reason is not None:
            self.finish = delta.stop_reason
            self.begun = self.begun or self.finish not in _UNFINISHED

    def _count(self, text: str) -> None:
        self._bytes += len(text) if text.isascii() else len(text.encode())
        self.tokens = max(self.tokens, -(-self._bytes // _BYTES_PER_TOKEN))

    def _report(self, counts: WireUsage | None) -> None:
        if counts is None:
            return
        self._counts = supersede(self._counts, counts)
        self.usage = unnest(self._counts)
        self.tokens = max(self.tokens, self.usage.total_out)


def meter(asked_usage: bool) -> MessagesMeter:
    """A fresh meter."""
    return MessagesMeter()


def _failure(error: Obj | str | None) -> Failure:
    return decode_stream_error({"error": error if isinstance(error, dict) else {"message": error}})


class _AnswerBlock(Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    input: msgspec.Raw = msgspec.Raw(b"")


class _Answer(Struct):
    content: list[_AnswerBlock] | None = None
    error: Obj | str | None = None
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def read(body: bytes) -> Read:
    """What a whole answer says, for metering.

    Raises:
        Refused: blaming the upstream, where the body is no Messages answer, or an error with status 200.
    """
    answer = _parse(body)
    silent = not any(block.type not in _SILENT or block.text or block.thinking for block in answer.content or ())
    return Read(
        usage=unnest(answer.usage) if answer.usage else None,
        empty=silent and answer.stop_reason in _UNFINISHED,
        model=answer.model,
        finish=answer.stop_reason,
        response_id=answer.id,
    )


def read_delivered(body: bytes) -> Delivered:
    """What a whole answer delivered, for counting.

    Raises:
        Refused: as `read` does.
    """
    blocks = _parse(body).content or []
    said = [block.text or bytes(block.input).decode() for block in blocks]
    return Delivered(text="".join(said), reasoning_text="".join(block.thinking or "" for block in blocks))


def _parse(body: bytes) -> _Answer:
    try:
        answer = _ANSWER.decode(body)
    except msgspec.ValidationError as error:
        raise unreadable(complaint(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise unreadable(refuse(f"not valid JSON: {error}")) from None
    if answer.content is not None:
        return answer
    if answer.error is not None:
        raise Refused(_failure(answer.error))
    raise unreadable(refuse("field content is required"))
