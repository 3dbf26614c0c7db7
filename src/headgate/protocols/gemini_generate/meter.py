"""Reading same-protocol answers as they pass.

Google marks no end. A stream has ended when every candidate seen has a finish reason, or the prompt was blocked; frames
after that are still read, for a later usage report counts more. Bytes are sent on frame by frame, unchanged.
"""

from io import StringIO

import msgspec
from msgspec import Raw

from headgate.canonical.codec import Delivered, Read
from headgate.canonical.failure import Failure, Refused
from headgate.canonical.usage import Usage
from headgate.protocols.framing import Frame
from headgate.protocols.gemini_generate.answer import unreadable
from headgate.protocols.gemini_generate.array import AnyFramer
from headgate.protocols.gemini_generate.errors import decode_error
from headgate.protocols.gemini_generate.finish import explains_emptiness
from headgate.protocols.gemini_generate.usage import UsageReader
from headgate.protocols.gemini_generate.wire import (
    BLOCK_NUMBERS,
    FINISH_NUMBERS,
    UNSPECIFIED,
    MeteredAnswer,
    MeteredPart,
    enum_name,
)

_answer = msgspec.json.Decoder(MeteredAnswer)
_call = msgspec.json.Decoder(dict[str, Raw])

# An image made is billed as so many tokens, up to 1024 pixels square: from the vendor's price list as remembered, not
# re-read.
_IMAGE_TOKENS = 1290
_AUDIO_BYTES = 2560  # base64 of 24 kHz 16-bit sound: 25 tokens a second, 64,000 characters a second
_BYTES_A_TOKEN = 3
_KEPT_CHARS = 65_536


class GeminiMeter:
    """`Meter` of this protocol, for either stream form."""

    def __init__(self, wants_usage: bool) -> None:
        self.usage: Usage | None = None
        self.tokens = 0
        self.begun = False
        self.ended = False
        self.finish: str | None = None
        self.failure: Failure | None = None
        self.model: str | None = None
        self._framer = AnyFramer()
        self._usage = UsageReader()
        self._finished: dict[int, bool] = {}
        self._said = _Said()

    def feed(self, data: bytes) -> bytes:
        return self._pass(self._framer.feed(data))

    def close(self) -> bytes:
        return self._pass(self._framer.close())

    def delivered(self) -> Delivered:
        return self._said.delivered()

    def _pass(self, frames: list[Frame]) -> bytes:
        passed: list[bytes] = []
        for frame in frames:
            if frame.data and frame.data != b"[DONE]" and self.failure is None:
                self._read(frame.data)
            if self.failure is not None:
                # What fails may name the upstream: the gateway tells it in its own words.
                break
            passed.append(frame.raw)
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def _read(self, data: bytes) -> None:
        try:
            answer = _answer.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Passed on all the same, so it was delivered: all of it is counted as if the model had said it.
            self._said.write(data.decode("utf-8", "replace"))
            self.begun = True
            return
        if answer.error:
            self.failure = decode_error(500, {}, data)
            return
        self.model = answer.model_version or self.model
        if self._usage.read(answer):
            self.usage = self._usage.usage
        for place, candidate in enumerate(answer.candidates or ()):
            number = place if candidate.index is None else candidate.index
            parts = candidate.content.parts if candidate.content else None
            for part in parts or ():
                self.begun = self._said.take(part) or self.begun
            reason = _reason(candidate.finish_reason, FINISH_NUMBERS)
            self._finished[number] = self._finished.get(number, False) or reason is not None
            self.finish = reason or self.finish
        blocked = _reason(answer.prompt_feedback.block_reason, BLOCK_NUMBERS) if answer.prompt_feedback else None
        self.finish = self.finish or blocked
        self.ended = self.ended or blocked is not None or (bool(self._finished) and all(self._finished.values()))
        self.tokens = max(self._said.tokens, self.usage.total_out if self.usage else 0)


class _Said:
    """What an answer brought: its text up to a bound, how long it was in all, and about how many tokens."""

    def __init__(self) -> None:
        self._text = StringIO()
        self._thought = StringIO()
        self._text_chars = 0
        self._thought_chars = 0
        self._bytes = 0
        self._media_tokens = 0

    def take(self, part: MeteredPart) -> bool:
        """Count a part; return whether it is worth sending."""
        if part.text:
            self.write(part.text, thought=bool(part.thought))
            return True
        for raw in (part.function_call, part.executable_code):
            if raw:
                self.write(_arguments(raw))
                return True
        if part.inline_data:
            sound = b'"audio/' in memoryview(part.inline_data)[:200].tobytes()
            self._media_tokens += len(part.inline_data) // _AUDIO_BYTES + 1 if sound else _IMAGE_TOKENS
            return True
        return bool(part.file_data or part.code_execution_result or part.tool_call or part.tool_response)

    def write(self, text: str, *, thought: bool = False) -> None:
        before = self._thought_chars if thought else self._text_chars
        if before < _KEPT_CHARS:
            (self._thought if thought else self._text).write(text[: _KEPT_CHARS - before])
        if thought:
            self._thought_chars += len(text)
        else:
            self._text_chars += len(text)
        self._bytes += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))

    @property
    def tokens(self) -> int:
        return self._bytes // _BYTES_A_TOKEN + self._media_tokens

    def delivered(self) -> Delivered:
        return Delivered(
            text=self._text.getvalue(),
            reasoning_text=self._thought.getvalue(),
            text_chars=self._text_chars,
            reasoning_chars=self._thought_chars,
        )


def _arguments(raw: Raw) -> str:
    """What a model wrote of a function call or a piece of code: name and arguments."""
    try:
        found = _call.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    fields = (found.get(name) for name in ("name", "args", "partialArgs", "code"))
    return " ".join(bytes(field).decode("utf-8", "replace") for field in fields if field is not None)


def _reason(value: object, numbers: tuple[str, ...]) -> str | None:
    name = enum_name(value, numbers)
    return None if name in UNSPECIFIED else name


def read(body: bytes) -> Read:
    """What a whole answer says. An answer without content is empty unless it was blocked or its limit was used up by
    thinking: to ask again would bring the same.

    Raises:
        Refused: where it cannot be read (blame: upstream).
    """
    answer = _whole(body)
    usage = UsageReader()
    usage.read(answer)
    finish: str | None = None
    said = False
    for candidate in answer.candidates or ():
        finish = _reason(candidate.finish_reason, FINISH_NUMBERS) or finish
        parts = candidate.content.parts if candidate.content else None
        said = any(_Said().take(part) for part in parts or ()) or said
    blocked = _reason(answer.prompt_feedback.block_reason, BLOCK_NUMBERS) if answer.prompt_feedback else None
    explained = blocked is not None or explains_emptiness(finish)
    return Read(
        usage=usage.usage,
        empty=not said and not explained,
        model=answer.model_version,
        finish=finish or blocked,
        response_id=answer.response_id,
    )


def read_delivered(body: bytes) -> Delivered:
    """What a whole answer brought, for counting where no usage came.

    Raises:
        Refused: where it cannot be read (blame: upstream).
    """
    said = _Said()
    for candidate in _whole(body).candidates or ():
        for part in candidate.content.parts or () if candidate.content else ():
            said.take(part)
    return said.delivered()


def _whole(body: bytes) -> MeteredAnswer:
    try:
        return _answer.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(unreadable(error)) from error
