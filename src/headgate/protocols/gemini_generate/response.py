"""A whole answer to canonical form, and back."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json, Part, Reasoning, ServerToolCall, ServerToolResult, Text, ToolResult
from headgate.canonical.request import Request
from headgate.canonical.stream import Candidate, Failed, Finished, Response, assemble
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate.answer import AnswerReader
from headgate.protocols.gemini_generate.finish import MESSAGES, encode_finish
from headgate.protocols.gemini_generate.grounding import Grounding, Placed
from headgate.protocols.gemini_generate.logprobs import encode_logprobs
from headgate.protocols.gemini_generate.parts import TOOL_NAMES, encode_code, encode_part
from headgate.protocols.gemini_generate.signatures import NAME, pack, pack_thought
from headgate.protocols.gemini_generate.tiers import to_wire
from headgate.protocols.gemini_generate.usage import write_usage

_TOOL_TYPES = {name: kind for kind, name in TOOL_NAMES.items()}


def decode_response(body: bytes) -> Response:
    """A `GenerateContentResponse`.

    Raises:
        Refused: where it cannot be read, or is an error (blame: upstream).
    """
    reader = AnswerReader(whole=True)
    events = reader.read(body)
    if events and isinstance(events[-1], Failed):
        raise Refused(events[-1].failure)
    response = assemble([*events, *reader.close()])
    numbers = reader.numbers
    if not numbers:
        return response
    cited = (
        replace(candidate, parts=_cite(candidate.parts, reader.citations(number)))
        for number, candidate in zip(numbers, response.candidates, strict=True)
    )
    return replace(response, candidates=tuple(cited))


def _cite(parts: tuple[Part, ...], citations: list[Placed]) -> tuple[Part, ...]:
    """Citations given to their texts; those whose place is unknown go to the last text."""
    places = [place for place, part in enumerate(parts) if isinstance(part, Text)]
    if not citations or not places:
        return parts
    out = list(parts)
    for number, citation in citations:
        place = places[-1 if number is None else number]
        part = out[place]
        if isinstance(part, Text):
            out[place] = replace(part, citations=(*part.citations, citation))
    return tuple(out)


def encode_response(response: Response, request: Request) -> bytes:
    """A `GenerateContentResponse`. Nothing in it echoes the request."""
    said = feedback(response.provider_data.get(NAME, {}))
    blocked = blocks(said) and not any(candidate.parts for candidate in response.candidates)
    out: dict[str, Json] = {}
    candidates = [_candidate(candidate, number) for number, candidate in enumerate(response.candidates)]
    if candidates and not blocked:
        out["candidates"] = list(candidates)
    out.update(said)
    if response.usage is not None:
        out["usageMetadata"] = usage_metadata(response.usage, response.service_tier)
    out.update(identity(response.id, response.model))
    return msgspec.json.encode(out)


def _candidate(candidate: Candidate, number: int) -> dict[str, Json]:
    grounding = Grounding()
    parts: list[Json] = []
    for part in candidate.parts:
        if isinstance(part, Text):
            grounding.text(part.text, part.citations)
        parts += answer_part(part, grounding)
    end = Finished(reason=candidate.finish, provider_data=candidate.provider_data)
    content: Json = {"parts": parts, "role": "model"}
    out: dict[str, Json] = {"content": content, **candidate_end(end, grounding)}
    odds = encode_logprobs(candidate.logprobs)
    if odds:
        out["logprobsResult"] = odds
    out["index"] = number
    return out


def answer_part(part: Part, grounding: Grounding) -> list[dict[str, Json]]:
    """The wire parts that a whole part becomes. Searches and fetches become the candidate's metadata instead."""
    match part:
        case Text() if not part.text and part.signature is None and NAME not in part.provider_data:
            return []
        case Reasoning():
            return [_thought(part)]
        case ServerToolCall() | ServerToolResult() if NAME not in part.provider_data:
            if grounding.tool(part):
                return []
            return [encode_code(part) or _other_tool(part)]
        case ToolResult():
            return []
        case _:
            encoded = encode_part(part, pack)
            return [encoded] if encoded is not None else []


def _thought(part: Reasoning) -> dict[str, Json]:
    own = part.provider_data.get(NAME)
    out: dict[str, Json] = {**(own or {"text": part.text}), "thought": True}
    signature = pack_thought(part)
    return {**out, "thoughtSignature": signature} if signature else out


def _other_tool(part: ServerToolCall | ServerToolResult) -> dict[str, Json]:
    """A tool that Google does not have, in the form its own tools have."""
    kind = _TOOL_TYPES.get(part.name, part.name.upper())
    if isinstance(part, ServerToolCall):
        try:
            args: Json = msgspec.json.decode(part.input or "{}")
        except (msgspec.DecodeError, RecursionError):
            args = None
        found: Json = args if isinstance(args, dict) else {"input": part.input}
        return {"toolCall": {"id": part.id, "toolType": kind, "args": found}}
    response: dict[str, Json] = {}
    if part.results:
        response["results"] = [{"url": row.url, "title": row.title or ""} for row in part.results]
    if part.output is not None:
        response["output"] = part.output
    if part.error:
        response["error"] = part.error
    return {"toolResponse": {"id": part.call_id, "toolType": kind, "response": response}}


def candidate_end(finish: Finished | None, grounding: Grounding) -> dict[str, Json]:
    """How a candidate ended and on what it rests: in Google's own words where they are known."""
    finish = finish or Finished(reason="error")
    own = finish.provider_data.get(NAME)
    if own:
        return dict(own)
    out: dict[str, Json] = {"finishReason": encode_finish(finish.reason)}
    if finish.reason in MESSAGES:
        out["finishMessage"] = MESSAGES[finish.reason]
    return {**out, **grounding.metadata()}


def feedback(own: Mapping[str, Json]) -> dict[str, Json]:
    """What Google said of the prompt (why it was blocked), and its other words beside the candidates."""
    return {name: own[name] for name in ("promptFeedback", "createTime", "modelStatus") if name in own}


def blocks(said: Mapping[str, Json]) -> bool:
    """Whether what was said of the prompt is that it was blocked: then there is no candidate."""
    found = said.get("promptFeedback")
    return isinstance(found, dict) and bool(found.get("blockReason"))


def identity(answer_id: str, model: str) -> dict[str, Json]:
    found = {"modelVersion": model, "responseId": answer_id}
    return {name: value for name, value in found.items() if value}


def usage_metadata(usage: Usage, service_tier: str | None) -> dict[str, Json]:
    out = write_usage(usage)
    if service_tier:
        out["serviceTier"] = to_wire(service_tier) or service_tier
    return out
