"""One chat answer, whole or as events. `assemble` and `disassemble` are each other's inverse."""

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from headgate.canonical.failure import Failure, Refused
from headgate.canonical.parts import (
    Audio,
    Citation,
    Image,
    Json,
    Part,
    ProviderData,
    Reasoning,
    Refusal,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.usage import Usage

FinishReason = Literal[
    "stop", "stop_sequence", "length", "tool_calls", "content_filter", "refusal", "pause", "context_length", "error"
]


class Candidate(Struct, frozen=True, kw_only=True):
    """One of the `n` answers. `logprobs` is in OpenAI's chat form: a list of token entries, as JSON values."""

    parts: tuple[Part, ...] = ()
    finish: FinishReason = "stop"
    stop_sequence: str | None = None
    logprobs: tuple[Json, ...] = ()
    provider_data: ProviderData = {}


class Response(Struct, frozen=True, kw_only=True):
    """A whole answer. `created` is in Unix seconds; `usage` is None where the upstream reported none."""

    id: str
    model: str
    created: int = 0
    candidates: tuple[Candidate, ...] = ()
    usage: Usage | None = None
    service_tier: str | None = None
    provider_data: ProviderData = {}


class Started(Struct, frozen=True, kw_only=True):
    id: str
    model: str
    created: int = 0
    usage: Usage | None = None
    """What the upstream knows of the input already (Anthropic's `message_start`)."""
    service_tier: str | None = None
    provider_data: ProviderData = {}


class PartStarted(Struct, frozen=True, kw_only=True):
    """Part number `index` of answer number `candidate` begins. Parts of a kind that comes at once (image, server-tool
    result, redacted reasoning) are whole here; the others are empty and grow by deltas."""

    index: int
    part: Part
    candidate: int = 0


class PartDelta(Struct, frozen=True, kw_only=True):
    """The part grows: by text (of a text, refusal, reasoning, tool call's arguments, server tool's input, audio
    transcript), by base64 `data` (audio, image), a citation, or the signature that closes a thought."""

    index: int
    text: str = ""
    data: str = ""
    citation: Citation | None = None
    signature: Signature | None = None
    logprobs: tuple[Json, ...] = ()
    provider_data: ProviderData = {}


class PartEnded(Struct, frozen=True, kw_only=True):
    index: int


class UsageReported(Struct, frozen=True, kw_only=True):
    """The usage of the whole answer so far; a later report supersedes an earlier one."""

    usage: Usage


class Finished(Struct, frozen=True, kw_only=True):
    reason: FinishReason
    candidate: int = 0
    stop_sequence: str | None = None
    provider_data: ProviderData = {}


class Failed(Struct, frozen=True, kw_only=True):
    """The upstream broke off in mid-answer. Nothing follows."""

    failure: Failure


StreamEvent = Started | PartStarted | PartDelta | PartEnded | UsageReported | Finished | Failed


def grow(part: Part, delta: PartDelta) -> Part:
    """The part after the delta."""
    match part:
        case Text():
            citations = (*part.citations, delta.citation) if delta.citation else part.citations
            return replace(
                part,
                text=part.text + delta.text,
                citations=citations,
                signature=delta.signature or part.signature,
                provider_data=delta.provider_data or part.provider_data,
            )
        case Refusal():
            return replace(part, text=part.text + delta.text)
        case Reasoning():
            return replace(
                part,
                text=part.text + delta.text,
                signature=delta.signature or part.signature,
                provider_data=delta.provider_data or part.provider_data,
            )
        case ToolCall():
            return replace(part, arguments=part.arguments + delta.text, signature=delta.signature or part.signature)
        case ServerToolCall():
            return replace(part, input=part.input + delta.text)
        case Audio():
            return replace(
                part,
                transcript=(part.transcript or "") + delta.text if delta.text else part.transcript,
                source=replace(part.source, data=(part.source.data or "") + delta.data),
                provider_data=delta.provider_data or part.provider_data,
            )
        case Image():
            return replace(part, source=replace(part.source, data=(part.source.data or "") + delta.data))
        case _:
            raise TypeError(f"a {type(part).__name__} part does not grow")


def assemble(events: Iterable[StreamEvent]) -> Response:
    """Fold a whole stream into the answer it tells.

    Raises:
        Refused: when the stream ends in a failure.
    """
    started = Started(id="", model="")
    parts: dict[int, Part] = {}
    owner: dict[int, int] = {}
    logprobs: dict[int, list[Json]] = {}
    finishes: dict[int, Finished] = {}
    usage: Usage | None = None
    for event in events:
        match event:
            case Started():
                started, usage = event, event.usage or usage
            case PartStarted():
                parts[event.index], owner[event.index] = event.part, event.candidate
            case PartDelta():
                parts[event.index] = grow(parts[event.index], event)
                logprobs.setdefault(owner[event.index], []).extend(event.logprobs)
            case PartEnded():
                pass
            case UsageReported():
                usage = event.usage
            case Finished():
                finishes[event.candidate] = event
            case Failed():
                raise Refused(event.failure)
    numbers = sorted({*owner.values(), *finishes})
    candidates = []
    for number in numbers:
        finish = finishes.get(number, Finished(reason="error"))
        candidates.append(
            Candidate(
                parts=tuple(parts[index] for index in sorted(parts) if owner[index] == number),
                finish=finish.reason,
                stop_sequence=finish.stop_sequence,
                logprobs=tuple(logprobs.get(number, ())),
                provider_data=finish.provider_data,
            )
        )
    return Response(
        id=started.id,
        model=started.model,
        created=started.created,
        candidates=tuple(candidates),
        usage=usage,
        service_tier=started.service_tier,
        provider_data=started.provider_data,
    )


def disassemble(response: Response) -> Iterator[StreamEvent]:
    """Tell a whole answer as a stream would have."""
    yield Started(
        id=response.id,
        model=response.model,
        created=response.created,
        service_tier=response.service_tier,
        provider_data=response.provider_data,
    )
    index = 0
    for number, candidate in enumerate(response.candidates):
        for position, part in enumerate(candidate.parts):
            logprobs = candidate.logprobs if position == 0 else ()
            yield from _tell(part, index, number, logprobs)
            index += 1
        yield Finished(
            reason=candidate.finish,
            candidate=number,
            stop_sequence=candidate.stop_sequence,
            provider_data=candidate.provider_data,
        )
    if response.usage is not None:
        yield UsageReported(usage=response.usage)


def _tell(part: Part, index: int, candidate: int, logprobs: tuple[Json, ...]) -> Iterator[StreamEvent]:
    match part:
        case Text():
            yield PartStarted(
                index=index, candidate=candidate, part=replace(part, text="", citations=(), signature=None)
            )
            yield PartDelta(index=index, text=part.text, logprobs=logprobs)
            for citation in part.citations:
                yield PartDelta(index=index, citation=citation)
            if part.signature:
                yield PartDelta(index=index, signature=part.signature)
        case Refusal():
            yield PartStarted(index=index, candidate=candidate, part=replace(part, text=""))
            yield PartDelta(index=index, text=part.text, logprobs=logprobs)
        case Reasoning() if part.redacted is None:
            yield PartStarted(index=index, candidate=candidate, part=replace(part, text="", signature=None))
            if part.text:
                yield PartDelta(index=index, text=part.text)
            if part.signature:
                yield PartDelta(index=index, signature=part.signature)
        case ToolCall():
            yield PartStarted(index=index, candidate=candidate, part=replace(part, arguments=""))
            yield PartDelta(index=index, text=part.arguments)
        case ServerToolCall():
            yield PartStarted(index=index, candidate=candidate, part=replace(part, input=""))
            yield PartDelta(index=index, text=part.input)
        case Audio():
            empty = replace(part, transcript=None, source=Source(media_type=part.source.media_type))
            yield PartStarted(index=index, candidate=candidate, part=empty)
            yield PartDelta(index=index, text=part.transcript or "", data=part.source.data or "")
        case _:
            yield PartStarted(index=index, candidate=candidate, part=part)
    yield PartEnded(index=index)
