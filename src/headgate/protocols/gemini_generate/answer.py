"""Google's answers to canonical events. A stream is a row of answers, a whole answer a stream of one.

Google has no events for beginnings and ends: a part goes on as long as parts of its kind follow, and a finish reason
may be followed by more (Vertex repeats STOP in every frame, wire vertex/stream-citations). So parts end when another
kind begins, and candidates when the stream does.
"""

import base64
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.parts import (
    Audio,
    Json,
    Part,
    Reasoning,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
)
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
from headgate.protocols.gemini_generate.calls import Calls
from headgate.protocols.gemini_generate.errors import stream_failure
from headgate.protocols.gemini_generate.finish import decode_finish
from headgate.protocols.gemini_generate.grounding import Placed, cite, tool_parts
from headgate.protocols.gemini_generate.logprobs import decode_logprobs
from headgate.protocols.gemini_generate.media import standard_base64
from headgate.protocols.gemini_generate.partial import PartialArguments
from headgate.protocols.gemini_generate.parts import decode_part, dump
from headgate.protocols.gemini_generate.signatures import NAME, unpack
from headgate.protocols.gemini_generate.tiers import from_wire
from headgate.protocols.gemini_generate.usage import UsageReader
from headgate.protocols.gemini_generate.wire import (
    BLOCK_NUMBERS,
    FINISH_NUMBERS,
    UNSPECIFIED,
    MeteredAnswer,
    enum_name,
    integer,
    items,
    obj,
    text,
)

_read_metered = msgspec.json.Decoder(MeteredAnswer)
_read_plain = msgspec.json.Decoder()

# A candidate's fields that become canonical; the others are kept for its own protocol.
_CANDIDATE = frozenset({"content", "index", "logprobsResult", "tokenCount"})
_CITING = frozenset({"groundingMetadata", "citationMetadata"})
_OURS = frozenset({"groundingMetadata", "urlContextMetadata"})


def unreadable(error: Exception) -> Failure:
    """An upstream's answer that is not what it should be."""
    detail = error.failure.message if isinstance(error, Refused) else str(error).partition("\n")[0]
    message = f"The upstream sent an answer that cannot be read: {detail[:200]}"
    return Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM)


class AnswerReader:
    """Takes answers as JSON text; tells events. With `whole`, citations are left to `citations` at the end, where
    every text is known; else they go to the text that is still open."""

    def __init__(self, *, whole: bool = False) -> None:
        self.failed = False
        self.blocked = False
        self._whole = whole
        self._started = False
        self._model = ""
        self._id = ""
        self._usage = UsageReader()
        self._index = 0
        self._candidates: dict[int, _Candidate] = {}

    def read(self, data: bytes) -> list[StreamEvent]:
        """Events of one answer object."""
        if self.failed:
            return []
        try:
            answer = obj(_read_plain.decode(data), "answer")
            if answer.get("error") is not None:
                return self._fail(stream_failure(answer))
            changed = self._usage.read(_read_metered.decode(data))
            events = self._start(answer)
            if changed and self._usage.usage is not None:
                events.append(UsageReported(usage=self._usage.usage))
            for place, value in enumerate(items(answer.get("candidates"), "candidates")):
                events += self._candidate(obj(value, "candidate"), place)
        except (Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._fail(unreadable(error))
        return events

    def close(self) -> list[StreamEvent]:
        """The end: closes parts and candidates. A stream that never said why it ended has failed."""
        if self.failed:
            return []
        ended = self.blocked or (
            bool(self._candidates) and all(found.finish is not None for found in self._candidates.values())
        )
        if not ended and not self._whole:
            return self._fail(
                Failure(kind=Kind.UPSTREAM, message="The upstream's answer broke off.", blame=Blame.UPSTREAM)
            )
        events: list[StreamEvent] = []
        if self.blocked and not self._candidates:
            events.append(Finished(reason="content_filter"))
        for number, found in sorted(self._candidates.items()):
            events += () if self._whole else found.cite(last=True)
            events += found.end()
            events += self._tools(number, found)
            events.append(found.finished(number))
        return events

    def citations(self, number: int) -> list[Placed]:
        """The citations of candidate `number`, by number of its visible text."""
        return self._candidates[number].citations() if number in self._candidates else []

    @property
    def numbers(self) -> list[int]:
        """The candidates seen, in order."""
        return sorted(self._candidates)

    def _fail(self, failure: Failure) -> list[StreamEvent]:
        self.failed = True
        return [Failed(failure=failure)]

    def _start(self, answer: dict[str, Json]) -> list[StreamEvent]:
        feedback = obj(answer.get("promptFeedback"), "promptFeedback")
        reason = enum_name(feedback.get("blockReason"), BLOCK_NUMBERS)
        self.blocked = self.blocked or (reason is not None and reason not in UNSPECIFIED)
        if self._started:
            return []
        self._started = True
        self._id = text(answer.get("responseId"), "responseId") or ""
        self._model = text(answer.get("modelVersion"), "modelVersion") or ""
        own = {name: answer[name] for name in ("promptFeedback", "createTime", "modelStatus") if answer.get(name)}
        return [
            Started(
                id=self._id,
                model=self._model,
                service_tier=from_wire(self._usage.service_tier) if self._usage.service_tier else None,
                provider_data={NAME: own} if own else {},
            )
        ]

    def _candidate(self, value: dict[str, Json], place: int) -> list[StreamEvent]:
        index = integer(value.get("index"), "index")
        number = place if index is None else index
        found = self._candidates.get(number)
        if found is None:
            prefix = f"{self._id}_{number}" if number else self._id
            found = self._candidates[number] = _Candidate(number, Calls(prefix=prefix or self._model or "answer"), self)
        events = found.read(value)
        return events if self._whole else [*events, *found.cite()]

    def _tools(self, number: int, found: "_Candidate") -> list[StreamEvent]:
        """What the metadata tells of searches, unless the answer's parts told it already."""
        if found.told_tools:
            return []
        events: list[StreamEvent] = []
        prefix = f"{self._id}_{number}" if self._id else str(number)
        metadata, fetched = found.own.get("groundingMetadata"), found.own.get("urlContextMetadata")
        for part in tool_parts(metadata, fetched, prefix):
            events += found.tell(part)
        return events

    def next_index(self) -> int:
        self._index += 1
        return self._index - 1


class _Candidate:
    """One answer as it grows: which part is open, what was said, why it ended."""

    def __init__(self, number: int, calls: Calls, reader: AnswerReader) -> None:
        self.finish: str | None = None
        self.own: dict[str, Json] = {}
        self.told_tools = False
        self._number = number
        self._calls = calls
        self._reader = reader
        self._open: Part | None = None
        self._at = -1
        self._signed = False
        self._called = False
        self._texts: list[list[str]] = []
        self._audio_rest = b""
        self._partial: tuple[ToolCall, PartialArguments] | None = None
        self._cited: list[Placed] = []

    def read(self, value: dict[str, Json]) -> list[StreamEvent]:
        content = obj(value.get("content"), "content")
        events: list[StreamEvent] = []
        for place, part in enumerate(items(content.get("parts"), "content.parts")):
            events += self._part(obj(part, f"parts[{place}]"), f"parts[{place}]")
        events += self._logprobs(decode_logprobs(value.get("logprobsResult")))
        for name, item in value.items():
            if name not in _CANDIDATE and item is not None and not (name in _OURS and item == {}):
                self.own[name] = _more(self.own.get(name), item) if name == "citationMetadata" else item
        reason = enum_name(value.get("finishReason"), FINISH_NUMBERS)
        if reason is not None and reason not in UNSPECIFIED:
            self.finish = reason
            self.own["finishReason"] = reason
        else:
            self.own.pop("finishReason", None)
        return events

    def _part(self, part: dict[str, Json], where: str) -> list[StreamEvent]:
        call = part.get("functionCall")
        if isinstance(call, dict) and (self._partial is not None or call.get("willContinue") or "partialArgs" in call):
            return self._piece(part, call, where)
        found = decode_part(part, where, self._calls)
        match found:
            case None:
                return []
            case Text():
                return self._text(found)
            case Reasoning() if found.redacted is None and not found.provider_data:
                return self._thought(found)
            case Audio() if found.source.data is not None:
                return self._sound(found)
            case ToolCall() | ServerToolCall():
                self._called = self._called or isinstance(found, ToolCall)
                self.told_tools = self.told_tools or "toolCall" in part
                return self.tell(found)
            case _:
                return self.tell(found)

    def _begin(self, part: Part) -> list[StreamEvent]:
        events = self.end()
        self._open, self._at, self._signed = part, self._reader.next_index(), False
        return [*events, PartStarted(index=self._at, part=part, candidate=self._number)]

    def end(self) -> list[StreamEvent]:
        """Close the open part."""
        events: list[StreamEvent] = []
        if self._partial is not None:
            call, built = self._partial
            self._partial = None
            events += self.tell(replace(call, arguments=dump(built.value)))
        if self._open is None:
            return events
        if self._audio_rest:
            events.append(PartDelta(index=self._at, data=base64.b64encode(self._audio_rest).decode()))
            self._audio_rest = b""
        self._open = None
        return [*events, PartEnded(index=self._at)]

    def _text(self, part: Text) -> list[StreamEvent]:
        going_on = isinstance(self._open, Text) and not self._signed
        if not part.text and part.signature is None and not part.provider_data:
            return []
        events: list[StreamEvent] = []
        if not going_on:
            events += self._begin(Text(provider_data=part.provider_data))
            self._texts.append([])
        if part.text:
            self._texts[-1].append(part.text)
            events.append(PartDelta(index=self._at, text=part.text))
        return events + self._sign(part.signature)

    def _thought(self, part: Reasoning) -> list[StreamEvent]:
        going_on = isinstance(self._open, Reasoning) and not self._signed
        if not part.text and part.signature is None:
            return []
        events = [] if going_on else self._begin(Reasoning(id=part.id))
        if part.text:
            events.append(PartDelta(index=self._at, text=part.text))
        return events + self._sign(part.signature)

    def _sign(self, signature: Signature | None) -> list[StreamEvent]:
        if signature is None:
            return []
        self._signed = True
        return [PartDelta(index=self._at, signature=signature)]

    def _sound(self, part: Audio) -> list[StreamEvent]:
        """Sound comes in chunks of padded base64; what is told can be joined: a chunk's last bytes wait until they
        fill a group of three."""
        data = self._audio_rest + base64.b64decode(standard_base64(part.source.data or "", "inlineData.data"))
        self._audio_rest = b""
        kind = part.source.media_type
        same = isinstance(self._open, Audio) and self._open.source.media_type == kind
        events = [] if same else self._begin(replace(part, source=Source(media_type=kind)))
        whole = len(data) - len(data) % 3
        self._audio_rest = data[whole:]
        if whole:
            events.append(PartDelta(index=self._at, data=base64.b64encode(data[:whole]).decode()))
        return events

    def tell(self, part: Part) -> list[StreamEvent]:
        """A part that comes at once: begin, say, end."""
        match part:
            case ToolCall():
                begin, written = self._begin(replace(part, arguments="")), part.arguments
            case ServerToolCall():
                begin, written = self._begin(replace(part, input="")), part.input
            case _:
                return [*self._begin(part), *self.end()]
        return [*begin, PartDelta(index=self._at, text=written), *self.end()]

    def _piece(self, part: dict[str, Json], call: dict[str, Json], where: str) -> list[StreamEvent]:
        """A piece of a function call: the first names it, the last has no `willContinue`."""
        name = text(call.get("name"), f"{where}.functionCall.name")
        events: list[StreamEvent] = []
        if name and self._partial is not None:
            events += self.end()
        if self._partial is None:
            signature = text(part.get("thoughtSignature"), f"{where}.thoughtSignature")
            made = self._calls.made(name or "", text(call.get("id"), f"{where}.functionCall.id"))
            signed = unpack(signature) if signature else None
            self._partial = ToolCall(id=made, name=name or "", signature=signed), PartialArguments()
            self._called = True
        built = self._partial[1]
        built.value.update(obj(call.get("args"), f"{where}.functionCall.args"))
        for piece in items(call.get("partialArgs"), f"{where}.functionCall.partialArgs"):
            built.take(piece)
        return events if call.get("willContinue") else events + self.end()

    def _logprobs(self, entries: tuple[Json, ...]) -> list[StreamEvent]:
        if not entries:
            return []
        events = [] if isinstance(self._open, Text) else self._begin(Text())
        if events:
            self._texts.append([])
        return [*events, PartDelta(index=self._at, logprobs=entries)]

    def citations(self) -> list[Placed]:
        return cite(
            self.own.get("groundingMetadata"),
            self.own.get("citationMetadata"),
            ["".join(pieces) for pieces in self._texts],
        )

    def cite(self, *, last: bool = False) -> Sequence[StreamEvent]:
        """Citations for the text that is open, each once. Offsets into an earlier text are left out: it has been told.
        A citation whose stretch has not come yet waits, unless this is the `last` chance."""
        if not isinstance(self._open, Text):
            return []
        events: list[StreamEvent] = []
        for placed in self.citations() if self.own.keys() & _CITING else ():
            number, citation = placed
            if placed not in self._cited and (last or number is not None):
                self._cited.append(placed)
                told = citation if number == len(self._texts) - 1 else replace(citation, start=None, end=None)
                events.append(PartDelta(index=self._at, citation=told))
        return events

    def finished(self, number: int) -> Finished:
        reason = decode_finish(self.finish or "STOP", called=self._called)
        return Finished(reason=reason, candidate=number, provider_data={NAME: self.own} if self.own else {})


def _more(before: Json, after: Json) -> Json:
    """`citationMetadata` of a later frame added to that of earlier ones."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    out = dict(after)
    for name, rows in before.items():
        later = after.get(name)
        if isinstance(rows, list):
            out[name] = [*rows, *(row for row in later if row not in rows)] if isinstance(later, list) else rows
    return out
