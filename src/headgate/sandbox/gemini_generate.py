"""Gemini generateContent, streamGenerateContent (server-sent events and JSON array) and countTokens."""

from collections.abc import Iterator
from typing import Any

import orjson

from headgate.sandbox.counts import Counts, input_tokens
from headgate.sandbox.gemini_errors import GEMINI_JSON, HEADERS, interrupt, refuse
from headgate.sandbox.gemini_request import get, read, signature_of_call, signature_of_text
from headgate.sandbox.prompt import Answer, Json
from headgate.sandbox.reply import Call, Frame, Refused, Reply, Speaker

ACTIONS = ("generateContent", "streamGenerateContent", "countTokens")
_FINISH = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}
_TOKENS_A_CHUNK = 4
_MOST_CANDIDATES = 8


def answer(call: Call) -> Reply:
    """Answer a request to generate, streamed or not, or to count tokens."""
    if call.action == "countTokens":
        return _count(call)
    prompt = read(call)
    config = get(call.body, "generationConfig") or {}
    wanted = get(config, "candidateCount") or 1
    if not 1 <= wanted <= _MOST_CANDIDATES:
        raise Refused(400, f"candidate_count must be between 1 and {_MOST_CANDIDATES}.")
    answers = (call.think(prompt),) * wanted
    counts = call.house.cache.measure(prompt, answers)
    envelope = {"modelVersion": call.model, "responseId": call.new_id("")}
    entry = call.entry(envelope["responseId"], SPEAKER.name, counts)
    shown = bool(get(get(config, "thinkingConfig") or {}, "includeThoughts"))
    if call.streamed:
        sse = "alt=sse" in call.request.query
        payloads = _payloads(call, answers, counts, envelope, shown=shown)
        frames = _events(payloads) if sse else _array(payloads)
        content_type = "text/event-stream" if sse else GEMINI_JSON
        return Reply(frames=frames, content_type=content_type, headers=HEADERS, entry=entry)
    body: Json = {"candidates": [_candidate(call, i, one, shown=shown) for i, one in enumerate(answers)]}
    if not call.faults.nousage:
        body["usageMetadata"] = _usage(counts, counts.output - counts.reasoning)
    body |= envelope
    return Reply(body=_pretty(body), content_type=GEMINI_JSON, headers=HEADERS, entry=entry)


def _pretty(body: Json) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n"


def _count(call: Call) -> Reply:
    inner = get(call.body, "generateContentRequest")
    prompt = read(call.with_body(inner) if inner else call)
    total = input_tokens(prompt)
    body = {"totalTokens": total, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": total}]}
    return Reply(body=_pretty(body), content_type=GEMINI_JSON, headers=HEADERS)


def _usage(counts: Counts, candidates: int) -> Json:
    """Thoughts are counted beside the candidates, not among them."""
    usage: Json = {"promptTokenCount": counts.input}
    if candidates:
        usage["candidatesTokenCount"] = candidates
    usage["totalTokenCount"] = counts.input + candidates + counts.reasoning
    if counts.cached:
        usage["cachedContentTokenCount"] = counts.cached
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": counts.input}]
    if counts.cached:
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": counts.cached}]
    if counts.reasoning:
        usage["thoughtsTokenCount"] = counts.reasoning
    return usage


def _candidate(call: Call, index: int, one: Answer, *, shown: bool) -> Json:
    parts: list[Json] = []
    if one.reasoning and shown:
        parts.append({"text": "".join(one.reasoning), "thought": True})
    if one.text:
        text: Json = {"text": "".join(one.text)}
        parts.append(text | ({"thoughtSignature": signature_of_text()} if one.reasoning else {}))
    parts += _calls(call, one)
    content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    return {"content": content, "index": index} | _ending(one)


def _calls(call: Call, one: Answer) -> list[Json]:
    """The function calls; the first carries the signature of the thoughts before it."""
    parts: list[Json] = []
    for i, (name, arguments) in enumerate(one.calls):
        args = _parsed("".join(arguments))
        part: Json = {"functionCall": {"name": name, "args": args, "id": call.new_id("call_")}}
        if one.reasoning and not i:
            part["thoughtSignature"] = signature_of_call(name, args)
        parts.append(part)
    return parts


def _parsed(arguments: str) -> Any:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}


def _ending(one: Answer) -> Json:
    ending: Json = {"finishReason": _FINISH[one.finish]}
    if one.finish == "tool":
        ending["finishMessage"] = "Model generated function call(s)."
    if one.query:
        ending["groundingMetadata"] = _grounding(one)
    return ending


def _grounding(one: Answer) -> Json:
    """Places in the text are counted in bytes of UTF-8, and a start of zero is left out."""
    text = "".join(one.text)
    supports = []
    for i, source in enumerate(one.sources):
        segment: Json = {"startIndex": len(text[: source.start].encode())} if source.start else {}
        segment |= {"endIndex": len(text[: source.end].encode()), "text": source.quote}
        supports.append({"segment": segment, "groundingChunkIndices": [i]})
    return {
        "searchEntryPoint": {"renderedContent": "<div>Sandbox search</div>"},
        "groundingChunks": [{"web": {"uri": source.url, "title": source.title}} for source in one.sources],
        "groundingSupports": supports,
        "webSearchQueries": [one.query],
    }


# the stream


def _payloads(
    call: Call, answers: tuple[Answer, ...], counts: Counts, envelope: Json, *, shown: bool
) -> Iterator[tuple[Json, bool]]:
    """The chunks, and whether each is the last of its candidate."""
    said = 0
    for index, one in enumerate(answers):
        for parts, tokens, ending in _steps(call, one, shown=shown):
            said += tokens
            candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": index} | ending
            payload: Json = {"candidates": [candidate]}
            if not call.faults.nousage:
                payload["usageMetadata"] = _usage(counts, said)
            yield payload | envelope, bool(ending)


def _steps(call: Call, one: Answer, *, shown: bool) -> Iterator[tuple[list[Json], int, Json]]:
    """Parts, the tokens in them, and the ending where it comes."""
    if shown:
        for i in range(0, len(one.reasoning), _TOKENS_A_CHUNK):
            yield [{"text": "".join(one.reasoning[i : i + _TOKENS_A_CHUNK]), "thought": True}], 0, {}
    for i in range(0, len(one.text), _TOKENS_A_CHUNK):
        pieces = one.text[i : i + _TOKENS_A_CHUNK]
        yield [{"text": "".join(pieces)}], len(pieces), {}
    for part, (_, arguments) in zip(_calls(call, one), one.calls, strict=True):
        yield [part], 1 + len(arguments), {}
    last: Json = {"text": ""}
    if one.reasoning and not one.calls:
        last["thoughtSignature"] = signature_of_text()
    yield [last], 0, _ending(one)


def _events(payloads: Iterator[tuple[Json, bool]]) -> Iterator[Frame]:
    for payload, last in payloads:
        yield Frame(b"data: " + orjson.dumps(payload) + b"\r\n\r\n", token=not last, last=last)


def _array(payloads: Iterator[tuple[Json, bool]]) -> Iterator[Frame]:
    opening = b"["
    for payload, last in payloads:
        yield Frame(opening + orjson.dumps(payload, option=orjson.OPT_INDENT_2) + b"\n", token=not last, last=last)
        opening = b",\r\n"
    yield Frame(b"]\n", last=True)


SPEAKER = Speaker("gemini_generate", answer, refuse, interrupt)
