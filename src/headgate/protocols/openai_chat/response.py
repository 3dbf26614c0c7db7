"""Whole answers, both ways, and what they share with streams: finish reasons, citations, log probabilities."""

from collections.abc import Sequence
from typing import Any

from headgate.canonical.custom_tools import unwrap
from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    Citation,
    Image,
    Json,
    Part,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.request import Request, Tool
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.protocols.openai_chat.content import inline_image
from headgate.protocols.openai_chat.errors import failure_of
from headgate.protocols.openai_chat.messages import (
    decode_call,
    decode_function_call,
    decode_images,
    decode_spoken,
    encode_signature,
    google_signature,
)
from headgate.protocols.openai_chat.reasoning import decode_thoughts, encode_thoughts
from headgate.protocols.openai_chat.usage import decode_usage, encode_usage
from headgate.protocols.openai_chat.wire import (
    UNREADABLE,
    JsonObject,
    bag,
    dump,
    own,
    read_object,
    unreadable_answer,
)

_FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",  # Together, earlier (recorded: together/basic)
    "length": "length",
    "model_length": "context_length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # Zhipu (docs.bigmodel.cn, chat completions)
    "error": "error",
}

_WORDS: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "context_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
    "error": "stop",
}

_TOP_KEPT = ("system_fingerprint", "citations", "search_results", "provider")


def decode_response(body: bytes) -> Response:
    """A whole answer.

    Raises:
        Refused: it is no JSON object, holds an error, or is not shaped as an answer (blame: upstream).
    """
    try:
        wire = read_object(body)
    except UNREADABLE as error:
        raise unreadable_answer() from error
    choices = wire.get("choices")
    if not isinstance(choices, list) or (not choices and wire.get("error")):
        if isinstance(wire.get("error"), dict):
            raise Refused(failure_of(wire["error"]))
        raise unreadable_answer()
    try:
        candidates = tuple(_decode_choice(choice, wire) for choice in choices)
    except (Refused, TypeError, AttributeError, ValueError) as error:
        raise unreadable_answer() from error
    return Response(
        id=_str(wire.get("id")),
        model=_str(wire.get("model")),
        created=_int(wire.get("created")),
        candidates=candidates,
        usage=usage_of(wire),
        service_tier=_str(wire.get("service_tier")) or None,
        provider_data=top_data(wire),
    )


def usage_of(wire: JsonObject) -> Any:
    """The usage of an answer or a chunk. Groq streams it under `x_groq`."""
    usage = wire.get("usage")
    x_groq = wire.get("x_groq")
    if not isinstance(usage, dict) and isinstance(x_groq, dict):
        usage = x_groq.get("usage")
    return decode_usage(usage if isinstance(usage, dict) else None, _str(wire.get("model")))


def top_data(wire: JsonObject) -> Any:
    """What only clients of this protocol ask for."""
    return bag({name: wire[name] for name in _TOP_KEPT if wire.get(name) is not None})


def _decode_choice(choice: JsonObject, wire: JsonObject) -> Candidate:
    message = choice.get("message") or choice.get("delta") or {}
    parts: list[Part] = list(decode_thoughts(message))
    spoken = decode_spoken(message.get("content"), "content")
    parts += _cite(spoken, [*citations_of(message), *(() if message.get("annotations") else sources_of(wire))])
    signature = google_signature(message)
    if signature is not None and parts and isinstance(parts[-1], Text):
        parts[-1] = Text(text=parts[-1].text, citations=parts[-1].citations, signature=signature)
    if message.get("refusal"):
        parts.append(Refusal(text=message["refusal"]))
    if isinstance(message.get("audio"), dict):
        parts.append(_decode_audio(message["audio"]))
    parts += decode_images(message.get("images"), "images")
    for place, call in enumerate(message.get("tool_calls") or ()):
        parts.append(decode_call(call, "tool_calls", f"call_{place}_{_str(wire.get('id'))[-12:]}"))
    if isinstance(message.get("function_call"), dict):
        call_id = f"call_0_{_str(wire.get('id'))[-12:]}"
        parts.append(decode_function_call(message["function_call"], "function_call", call_id))
    stop = choice.get("stop_reason")  # vLLM: the stop sequence that matched
    return Candidate(
        parts=tuple(parts),
        finish=finish_of(choice.get("finish_reason"), parts, stop),
        stop_sequence=stop if isinstance(stop, str) else None,
        logprobs=logprobs_of(choice),
    )


def _cite(parts: Sequence[Part], citations: Sequence[Citation]) -> list[Part]:
    """Citations belong to the answer's text."""
    cited = list(parts)
    for place, part in enumerate(cited):
        if isinstance(part, Text) and citations:
            cited[place] = Text(text=part.text, citations=tuple(citations), provider_data=part.provider_data)
            break
    return cited


def _decode_audio(audio: JsonObject) -> Audio:
    expires_at = audio.get("expires_at")
    return Audio(
        source=Source(data=_str(audio.get("data"))),
        transcript=_str(audio.get("transcript")) or None,
        id=_str(audio.get("id")) or None,
        expires_at=expires_at if isinstance(expires_at, int) else None,
    )


def finish_of(reason: object, parts: Sequence[Part], stop: object = None) -> FinishReason:
    """The finish reason. Providers that say "stop" after a tool call mean the call (OpenAI does, when the tool was
    forced)."""
    finish = _FINISHES.get(reason, "stop") if isinstance(reason, str) else "stop"
    if finish != "stop":
        return finish
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls"
    if any(isinstance(part, Refusal) for part in parts):
        return "refusal"
    return "stop_sequence" if isinstance(stop, str) and stop else "stop"


def finish_word(reason: FinishReason, *, refused: bool, legacy: bool) -> str:
    """A finish reason in this protocol's words: a refusal in words of its own ended by stopping."""
    if reason == "refusal" and refused:
        return "stop"
    if reason == "tool_calls" and legacy:
        return "function_call"
    return _WORDS[reason]


def logprobs_of(choice: JsonObject) -> tuple[Json, ...]:
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        return ()
    entries = logprobs.get("content") or logprobs.get("refusal") or ()
    return tuple(entries) if isinstance(entries, list) else ()


def encode_logprobs(entries: Sequence[Json], *, refused: bool) -> JsonObject | None:
    if not entries:
        return None
    mine, other = ("refusal", "content") if refused else ("content", "refusal")
    return {mine: list(entries), other: None}


def citations_of(message: JsonObject) -> list[Citation]:
    """`annotations` of a message or a delta. An address cited from the first character to the first is one that we had
    no place for."""
    found: list[Citation] = []
    annotations = message.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else ():
        cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if isinstance(cited, dict):
            start, end = cited.get("start_index"), cited.get("end_index")
            placed = isinstance(start, int) and isinstance(end, int) and (start, end) != (0, 0)
            found.append(
                Citation(
                    url=_str(cited.get("url")) or None,
                    title=_str(cited.get("title")) or None,
                    cited_text=_str(cited.get("content")) or None,
                    start=start if placed else None,
                    end=end if placed else None,
                )
            )
    return found


def sources_of(wire: JsonObject) -> list[Citation]:
    """The list of addresses that Perplexity and xAI put beside the choices, with titles where Perplexity gives them
    (recorded: perplexity/citations)."""
    urls, results = wire.get("citations"), wire.get("search_results")
    known = {
        result["url"]: result
        for result in (results if isinstance(results, list) else ())
        if isinstance(result, dict) and isinstance(result.get("url"), str)
    }
    found = []
    for url in urls if isinstance(urls, list) else known:
        if isinstance(url, str):
            result = known.get(url, {})
            title, snippet = _str(result.get("title")) or None, _str(result.get("snippet")) or None
            found.append(Citation(url=url, title=title, cited_text=snippet))
    return found


def encode_citation(citation: Citation) -> JsonObject | None:
    """A citation as an annotation; None for a source without an address, which has no form here."""
    if citation.url is None:
        return None
    cited: JsonObject = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }
    if citation.cited_text is not None:
        cited["content"] = citation.cited_text
    return {"type": "url_citation", "url_citation": cited}


def encode_response(response: Response, request: Request) -> bytes:
    """A whole answer for the caller who asked `request`."""
    aside = own(response.provider_data)
    wire: JsonObject = {
        "id": response.id,
        "object": "chat.completion",
        "created": response.created,
        "model": response.model,
        "choices": [_encode_candidate(one, place, request) for place, one in enumerate(response.candidates)],
    }
    if response.usage is not None:
        wire["usage"] = encode_usage(response.usage)
    wire |= encode_tier(response.service_tier)
    wire["system_fingerprint"] = None
    if wants_list(request):
        wire["citations"] = cited_urls(response.candidates)
    return dump({**wire, **aside})


_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


def encode_tier(tier: str | None) -> JsonObject:
    """The service tier in OpenAI's words, which its SDK checks; other vendors' usual tier is the default one."""
    if tier in ("standard", "on_demand"):
        tier = "default"
    return {"service_tier": tier} if tier in _TIERS else {}


def wants_list(request: Request) -> bool:
    """Whether the caller asked for citations the way xAI's live search had it."""
    return bool(own(request.provider_data).get("list_citations"))


def cited_urls(candidates: Sequence[Candidate]) -> list[str]:
    texts = [part for one in candidates for part in one.parts if isinstance(part, Text)]
    return list(dict.fromkeys(citation.url for text in texts for citation in text.citations if citation.url))


def _encode_candidate(candidate: Candidate, place: int, request: Request) -> JsonObject:
    refused = any(isinstance(part, Refusal) for part in candidate.parts)
    legacy = answers_legacy(request)
    choice: JsonObject = {
        "index": place,
        "message": _encode_message(candidate.parts, request, legacy=legacy),
        "logprobs": encode_logprobs(candidate.logprobs, refused=refused),
        "finish_reason": finish_word(candidate.finish, refused=refused, legacy=legacy),
    }
    if candidate.stop_sequence is not None:
        choice["stop_reason"] = candidate.stop_sequence
    return choice


def answers_legacy(request: Request) -> bool:
    """Whether the caller speaks of functions, as in 2023, and knows no tool calls."""
    return bool(own(request.provider_data).get("functions"))


def custom_names(request: Request) -> frozenset[str]:
    """The caller's free-text tools, which a foreign upstream calls as functions."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, Tool) and tool.custom)


def _encode_message(parts: Sequence[Part], request: Request, *, legacy: bool) -> JsonObject:
    texts: list[str] = []
    annotations: list[JsonObject] = []
    calls: list[JsonObject] = []
    message: JsonObject = {"role": "assistant", "content": None, "refusal": None}
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    custom = custom_names(request)
    for part in parts:
        match part:
            case Text():
                offset = sum(map(len, texts))
                annotations += [note for one in part.citations if (note := encode_citation(_shift(one, offset)))]
                texts.append(part.text)
                message |= encode_signature(part.signature)
            case Image():
                texts.append(("\n\n" if texts else "") + inline_image(part))
            case Refusal():
                message["refusal"] = (message["refusal"] or "") + part.text
            case Audio():
                message["audio"] = _encode_audio(part)
            case ToolCall():
                calls.append(encode_call(part, custom))
            case _:
                pass  # thoughts are below; what the upstream's own tools did shows in the text and its citations
    if texts:
        message["content"] = "".join(texts)
    if annotations:
        message["annotations"] = annotations
    if calls and legacy:
        message["function_call"] = calls[0].get("function")
    elif calls:
        message["tool_calls"] = calls
    return message | encode_thoughts(thoughts)


def _shift(citation: Citation, offset: int) -> Citation:
    if citation.start is None or citation.end is None or not offset:
        return citation
    return Citation(
        url=citation.url,
        title=citation.title,
        cited_text=citation.cited_text,
        start=citation.start + offset,
        end=citation.end + offset,
    )


def _encode_audio(audio: Audio) -> JsonObject:
    return {
        "id": audio.id or "audio",
        "data": audio.source.data or "",
        "expires_at": audio.expires_at or 0,
        "transcript": audio.transcript or "",
    }


def encode_call(call: ToolCall, custom: frozenset[str]) -> JsonObject:
    """A tool call of an answer. A free-text tool that was called as a function is unwrapped."""
    if call.custom or call.name in custom:
        text = call.arguments if call.custom else unwrap(call.arguments)
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, **encode_signature(call.signature)}


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _int(value: object) -> int:
    """Unix seconds; some servers send a fraction."""
    return int(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0
