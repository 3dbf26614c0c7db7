"""Whole answers: both ways, and read for metering."""

from collections.abc import Mapping, Sequence

from msgspec import Raw

from headgate.canonical.codec import Delivered, Read
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.canonical.parts import Json, Part, Refusal, Text, ToolCall
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.protocols.openai_responses.errors import failure_of
from headgate.protocols.openai_responses.items import decode_item
from headgate.protocols.openai_responses.knobs import TIERS, encode_format
from headgate.protocols.openai_responses.parts import Voice, declared_tools, encode_parts
from headgate.protocols.openai_responses.tools import encode_choice, encode_tools
from headgate.protocols.openai_responses.usage import decode_usage, encode_tool_usage, encode_usage
from headgate.protocols.openai_responses.wire import (
    Object,
    encode,
    own,
    read_answer,
    response_id,
    stem,
    take_list,
    take_objects,
    take_str,
    unreadable_answer,
)

_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "max_messages": "pause",
    "steered": "pause",
}
_REASONS: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_length": "max_output_tokens",
    "content_filter": "content_filter",
    "pause": "max_messages",
}


def decode_response(body: bytes) -> Response:
    """An upstream's whole answer.

    Raises:
        Refused: it is not a response object, or one that failed, was cancelled or is not finished (blame: upstream).
    """
    fields = read_answer(body)
    try:
        return _decode_response(fields)
    except Refused as refused:
        if refused.failure.blame is Blame.UPSTREAM:
            raise
        raise unreadable_answer(f"has an unknown form: {refused.failure.message}") from refused


def _decode_response(fields: Object) -> Response:
    failure = answer_failure(fields)
    if failure is not None:
        raise Refused(failure)
    parts: list[Part] = []
    for item in take_objects(fields, "output"):
        parts.extend(decode_item(item))
    return Response(
        id=take_str(fields, "id") or "",
        model=take_str(fields, "model") or "",
        created=created(fields),
        candidates=(Candidate(parts=tuple(parts), finish=finish_of(fields, parts), logprobs=_logprobs(fields)),),
        usage=decode_usage(fields),
        service_tier=take_str(fields, "service_tier"),
    )


def answer_failure(fields: Object) -> Failure | None:
    """What went wrong, of a response object that is no answer."""
    error = fields.get("error")
    status = fields.get("status")
    if isinstance(error, dict) and status != "completed":
        return failure_of(error)
    if fields.get("object") != "response" and "output" not in fields:
        return unreadable_answer("is not a response object").failure
    if status in ("failed", "cancelled", "queued", "in_progress"):
        message = f"the upstream's answer ended as '{status}'"
        return Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM)
    return None


def created(fields: Mapping[str, Json]) -> int:
    value = fields.get("created_at")
    return int(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0


def finish_of(fields: Mapping[str, Json], parts: Sequence[Part]) -> FinishReason:
    """Why the answer ended."""
    if fields.get("status") == "incomplete":
        details = fields.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return _INCOMPLETE.get(str(reason), "length")
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls"
    said = [part for part in parts if isinstance(part, Text | Refusal)]
    return "refusal" if said and isinstance(said[-1], Refusal) else "stop"


def _logprobs(fields: Object) -> tuple[Json, ...]:
    found: list[Json] = []
    for item in take_objects(fields, "output"):
        if item.get("type") == "message":
            for part in take_objects(item, "content"):
                found.extend(take_list(part, "logprobs"))
    return tuple(found)


def encode_response(response: Response, request: Request) -> bytes:
    """A whole answer for the caller, with the fields of the request that the API echoes."""
    candidate = response.candidates[0] if response.candidates else Candidate()
    voice = Voice(declared=declared_tools(request), stem=stem(response.id))
    items = encode_parts(candidate.parts, voice, [], candidate.logprobs)
    wire = {**head(response.id, response.model, response.created, request), **echo(request)}
    wire.update(ending(candidate.finish, items))
    wire.update(usage_fields(response))
    wire["service_tier"] = tier(response.service_tier)
    return encode(wire)


def head(upstream_id: str, model: str, created_at: int, request: Request) -> dict[str, object]:
    """The first members of a response object."""
    return {
        "id": response_id(upstream_id),
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model or request.model,
        "output": [],
        "usage": None,
    }


def ending(finish: FinishReason, items: Sequence[Object]) -> dict[str, object]:
    """The members that tell how an answer ended."""
    if finish == "error":
        error = {"code": "server_error", "message": "the upstream broke off its answer"}
        return {"status": "failed", "error": error, "output": items}
    reason = _REASONS.get(finish)
    if finish == "refusal" and not _says_refusal(items):
        # Another vendor's model that was stopped without words of its own.
        reason = "content_filter"
    if reason is None:
        return {"status": "completed", "output": items}
    unfinished = [*items[:-1], _cut_off(items[-1])] if items else []
    return {"status": "incomplete", "incomplete_details": {"reason": reason}, "output": unfinished}


def _says_refusal(items: Sequence[Object]) -> bool:
    contents = [item.get("content") for item in items if item.get("type") == "message"]
    said = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(part, dict) and part.get("type") == "refusal" for part in said)


def _cut_off(item: Object) -> Object:
    return {**item, "status": "incomplete"} if item.get("type") in ("message", "function_call") else item


def tier(name: str | None) -> str | None:
    """The service tier, where it is one of this API's."""
    return name if name in TIERS else None


def usage_fields(response: Response) -> dict[str, object]:
    if response.usage is None:
        return {}
    return {"usage": encode_usage(response.usage), "tool_usage": encode_tool_usage(response.usage)}


def echo(request: Request) -> dict[str, object]:
    """The members of a response object that repeat the request, with the API's defaults where it says nothing. Tools,
    which may be large, are encoded once for all events of a stream."""
    unnamed: list[str] = []
    quirks = Quirks()
    tools = encode_tools(request.tools, quirks, unnamed, strict=True)
    control = request.reasoning
    form = request.response_format
    return {
        "instructions": _instructions(request),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.extensions.get("max_tool_calls"),
        "metadata": dict(request.metadata or {}),
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {"effort": control.effort if control else None, "summary": control.summary if control else None},
        "safety_identifier": request.safety_identifier,
        "service_tier": None,
        "store": request.store is not False,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {
            "format": encode_format(form, quirks) if form else {"type": "text"},
            "verbosity": request.verbosity or "medium",
        },
        "tool_choice": encode_choice(request, tools, unnamed) or "auto",
        "tools": Raw(encode(tools)),
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": request.extensions.get("truncation") or "disabled",
        "user": request.user,
    }


def _instructions(request: Request) -> str | None:
    first = request.messages[0] if request.messages else None
    if first is None or not own(first.provider_data).get("instructions"):
        return None
    part = first.parts[0]
    return part.text if isinstance(part, Text) else None


def read(body: bytes) -> Read:
    """What a whole answer says, for metering. `finish` is the status, or why the answer is incomplete.

    Raises:
        Refused: the body is not a JSON object (blame: upstream).
    """
    fields = read_answer(body)
    output = fields.get("output")
    items = output if isinstance(output, list) else []
    status, details = fields.get("status"), fields.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    # A background answer has yet to come; one whose limit was spent on thinking is an answer all the same.
    waiting = status in ("queued", "in_progress") or (status == "incomplete" and bool(items))
    model, id_, finish = fields.get("model"), fields.get("id"), reason or status
    return Read(
        usage=decode_usage(fields),
        empty=not waiting and not any(_has_content(item) for item in items),
        model=model if isinstance(model, str) else None,
        finish=finish if isinstance(finish, str) else None,
        response_id=id_ if isinstance(id_, str) else None,
    )


def _has_content(item: Json) -> bool:
    """A message with words, or anything the model did; a thought alone is no answer."""
    if not isinstance(item, dict) or item.get("type") == "reasoning":
        return False
    if item.get("type") != "message":
        return True
    content = item.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and bool(part.get("text") or part.get("refusal")) for part in content
    )


def read_delivered(body: bytes) -> Delivered:
    """The words of a whole answer, for counting.

    Raises:
        Refused: the body is not a JSON object (blame: upstream).
    """
    said: list[str] = []
    thought: list[str] = []
    for item in _loose_objects(read_answer(body).get("output")):
        if item.get("type") == "reasoning":
            for name in ("content", "summary"):
                thought.extend(_words(item.get(name)))
            continue
        said.extend(item_words(item))
    return Delivered(text="".join(said), reasoning_text="".join(thought))


def item_words(item: Object) -> list[str]:
    """What an item says: the words of a message, what was written into a call."""
    called = item.get("type") in ("function_call", "custom_tool_call")
    written = [text for name in ("arguments", "input") if called and isinstance(text := item.get(name), str)]
    return [*_words(item.get("content")), *written]


def _words(content: Json) -> list[str]:
    return [
        text
        for part in _loose_objects(content)
        for name in ("text", "refusal")
        if isinstance(text := part.get(name), str)
    ]


def _loose_objects(value: Json) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
