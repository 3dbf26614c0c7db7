"""A whole answer, in both directions, and the words for why it ended."""

from typing import assert_never

from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    File,
    Image,
    Part,
    ProviderData,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.request import Request
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.protocols.anthropic_messages.blocks import (
    decode_answer_block,
    kept_block,
    redacted_block,
    server_use_block,
    tool_input,
)
from headgate.protocols.anthropic_messages.citations import encode_citation
from headgate.protocols.anthropic_messages.errors import decode_stream_error
from headgate.protocols.anthropic_messages.ids import wire_id, wrap
from headgate.protocols.anthropic_messages.thinking import seal
from headgate.protocols.anthropic_messages.usage import encode_usage, read_usage, unnest
from headgate.protocols.anthropic_messages.wire import (
    Obj,
    bag,
    dump,
    field,
    load_answer,
    objects,
    optional,
    own,
    rest,
    unreadable,
)

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_length",
}
_WORDS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context_length": "model_context_window_exceeded",
    "error": "max_tokens",
}
"""An answer that its model failed to finish (`error`) was cut short: `max_tokens` is the only word that says so."""

_TIERS_IN = {"standard": "default"}
_TIERS_OUT = {"default": "standard", "priority": "priority", "batch": "batch"}
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation",
    "output_tokens_details",
    "server_tool_use",
    "service_tier",
)
_SERVER_NAMES = frozenset({"web_search", "web_fetch", "code_execution"})


def read_reason(word: str | None) -> FinishReason:
    """A reason this codec does not know is taken for a natural end."""
    return _REASONS.get(word or "", "stop")


def finish_extras(word: str | None, delta: Obj) -> Obj:
    """What stands beside the stop reason, and the reason itself where it is not known here."""
    extra = {key: value for key, value in delta.items() if value is not None}
    return {**extra, "stop_reason": word} if word and word not in _REASONS else extra


def finish_word(reason: FinishReason, *, called: bool) -> str:
    """The stop reason to tell. Clients run tools only where it says so, and some vendors call it a natural end; an
    answer `called` if a tool call is the last thing in it."""
    return "tool_use" if called and reason == "stop" else _WORDS[reason]


def read_tier(usage: Obj) -> str | None:
    tier = usage.get("service_tier")
    return _TIERS_IN.get(tier, tier) if isinstance(tier, str) else None


def usage_extras(usage: Obj) -> Obj:
    """What a usage object says beyond the counts (region, speed, iterations, web fetches), to be told again."""
    extra = {key: value for key, value in rest(usage, *_COUNTS).items() if value is not None}
    served = usage.get("server_tool_use")
    if isinstance(served, dict):
        others = {key: value for key, value in rest(served, "web_search_requests").items() if value}
        extra.update({"server_tool_use": others} if others else {})
    return {"usage": extra} if extra else {}


def decode_response(body: bytes) -> Response:
    """A whole answer.

    Raises:
        Refused: blaming the upstream, where the body is no Messages answer.
    """
    obj = load_answer(body)
    if obj.get("type") == "error":
        raise Refused(decode_stream_error(obj))
    try:
        return _decode(obj)
    except Refused as refused:
        raise unreadable(refused) from None


def _decode(obj: Obj) -> Response:
    usage = optional(obj, "usage", dict, "")
    counts = read_usage(usage)
    blocks = objects(obj, "content", "") if field(obj, "content", list, "") else []
    reason = optional(obj, "stop_reason", str, "")
    beside = rest(obj, "id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence")
    candidate = Candidate(
        parts=tuple(decode_answer_block(block, f"content.{position}") for position, block in enumerate(blocks)),
        finish=read_reason(reason),
        stop_sequence=optional(obj, "stop_sequence", str, ""),
        provider_data=bag(finish_extras(reason, beside)),
    )
    return Response(
        id=optional(obj, "id", str, "") or "",
        model=optional(obj, "model", str, "") or "",
        candidates=(candidate,),
        usage=unnest(counts) if counts else None,
        service_tier=read_tier(usage or {}),
        provider_data=bag(usage_extras(usage or {})),
    )


def encode_response(response: Response, request: Request) -> bytes:
    """A whole answer for a client of this protocol. It has room for one candidate."""
    candidate = response.candidates[0] if response.candidates else Candidate()
    called = bool(candidate.parts) and isinstance(candidate.parts[-1], ToolCall)
    refused = any(isinstance(part, Refusal) for part in candidate.parts)
    word = "refusal" if refused else finish_word(candidate.finish, called=called)
    blocks = (encode_part(part) for part in candidate.parts)
    message: Obj = {
        "id": response.id or "msg_",
        "type": "message",
        "role": "assistant",
        "model": response.model or request.model,
        "content": [block for block in blocks if block is not None],
        "stop_reason": word,
        "stop_sequence": candidate.stop_sequence,
        **own(candidate.provider_data),
    }
    extra = {**kept_usage(response.provider_data), **kept_usage(candidate.provider_data)}
    message["usage"] = encode_usage(response.usage, {**extra, **tier_field(response.service_tier)})
    return dump(message)


def kept_usage(provider_data: ProviderData) -> Obj:
    """What `usage_extras` put into a bag."""
    extra = own(provider_data).get("usage")
    return extra if isinstance(extra, dict) else {}


def tier_field(tier: str | None) -> Obj:
    word = _TIERS_OUT.get(tier or "")
    return {"service_tier": word} if word else {}


def encode_part(part: Part) -> Obj | None:
    """A part of an answer as a whole block; None for one that an answer of this protocol has no block for."""
    match part:
        case Text():
            return _text(part)
        case Refusal():
            return {"type": "text", "text": part.text} if part.text else None
        case Reasoning():
            return encode_thought(part)
        case ToolCall():
            call_id = wire_id(part.id, part.signature)
            block: Obj = {"type": "tool_use", "id": call_id, "name": part.name, "input": tool_input(part)}
            return {**block, **own(part.provider_data)}
        case ServerToolCall():
            return encode_server_call(part)
        case ServerToolResult():
            return encode_server_result(part)
        case Image():
            return {"type": "text", "text": _picture(part)}
        case Audio():
            return {"type": "text", "text": part.transcript} if part.transcript else None
        case File():
            return kept_block(part) or None
        case ToolResult() | Video():
            return None
        case _:
            assert_never(part)


def _text(part: Text) -> Obj | None:
    cited = [one for one in map(encode_citation, part.citations) if one is not None]
    if not part.text and not cited:
        return None
    return {"type": "text", "text": part.text, **({"citations": cited} if cited else {}), **own(part.provider_data)}


def encode_thought(part: Reasoning) -> Obj:
    """An unsigned thought has an empty signature, which Anthropic's SDKs accept (and its API does not)."""
    if part.redacted and not part.text and not part.id and not part.provider_data:
        return redacted_block(part.redacted)
    return {"type": "thinking", "thinking": part.text, "signature": seal(part)}


def encode_server_call(part: ServerToolCall) -> Obj | None:
    if own(part.provider_data):
        return server_use_block(part)
    if part.name not in _SERVER_NAMES:
        return None
    return {**server_use_block(part), "id": wrap(part.id)}


def encode_server_result(part: ServerToolResult) -> Obj | None:
    """Another vendor's search or run, as Anthropic's clients know it; others have no block of their own."""
    kept = kept_block(part)
    if kept:
        return kept
    call_id = wrap(part.call_id)
    match part.name:
        case "web_search":
            return {"type": "web_search_tool_result", "tool_use_id": call_id, "content": _search_content(part)}
        case "code_execution":
            content: Obj = {
                "type": "code_execution_result",
                "stdout": part.output or "",
                "stderr": part.error or "",
                "return_code": 1 if part.error else 0,
                "content": [],
            }
            return {"type": "code_execution_tool_result", "tool_use_id": call_id, "content": content}
        case _:
            return None


def _search_content(part: ServerToolResult) -> object:
    if part.error:
        return {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    return [
        {
            "type": "web_search_result",
            "url": result.url,
            "title": result.title or result.url,
            "encrypted_content": "",
            "page_age": result.age,
        }
        for result in part.results
    ]


def _picture(part: Image) -> str:
    """An answer of this protocol has no image block: the picture is shown the way Markdown does."""
    source = part.source
    address = source.url or f"data:{source.media_type or 'image/png'};base64,{source.data or ''}"
    return f"![image]({address})"
