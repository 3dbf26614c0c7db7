"""Anthropic Messages as the sandbox speaks it, with token counting."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from headgate.sandbox import seals
from headgate.sandbox.anthropic_errors import interrupt, refuse, reply_headers
from headgate.sandbox.anthropic_request import REDACTED, THINKING, read
from headgate.sandbox.counts import Counts, input_tokens
from headgate.sandbox.prompt import Answer, Json, Source
from headgate.sandbox.reply import EVENTS, Call, Frame, Reply, Speaker
from headgate.sandbox.tokens import split

_STOP_REASONS = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "tool": "tool_use"}
# The vendor's documented magic words that make a model answer with a redacted block:
# https://docs.claude.com/en/docs/build-with-claude/extended-thinking
_REDACTION_WORDS = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"


@dataclass(frozen=True, slots=True)
class _Block:
    """A content block as it is started, filled and shown whole."""

    start: Json
    deltas: tuple[Json, ...]
    whole: Json


def answer(call: Call) -> Reply:
    """Answer a messages request, or count its tokens."""
    if call.action == "count_tokens":
        prompt = read(call, counting=True)
        return Reply(body=orjson.dumps({"input_tokens": input_tokens(prompt)}), headers=reply_headers(call))
    prompt = read(call)
    one = call.think(prompt)
    counts = call.house.cache.measure(prompt, (one,), explicit=True)
    redacted = any(_REDACTION_WORDS in turn.text for turn in prompt.turns)
    blocks = tuple(_blocks(call, one, redacted=redacted))
    answer_id = call.new_id("msg_")
    entry = call.entry(answer_id, SPEAKER.name, counts)
    message: Json = {
        "model": call.model,
        "id": answer_id,
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }
    if call.streamed:
        frames = _frames(call, message, blocks, one, counts)
        return Reply(frames=frames, content_type=EVENTS, headers=reply_headers(call), entry=entry)
    message |= {"content": [block.whole for block in blocks], **_ending(one)}
    if not call.faults.nousage:
        message["usage"] = _usage(counts) | _details(one, counts)
    return Reply(body=orjson.dumps(message), headers=reply_headers(call), entry=entry)


def _ending(one: Answer) -> Json:
    return {
        "stop_reason": _STOP_REASONS[one.finish],
        "stop_sequence": one.stopped_by or None,
        "stop_details": None,
    }


def _usage(counts: Counts) -> Json:
    written = counts.written_5m + counts.written_1h
    return {
        "input_tokens": counts.input - counts.cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": counts.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.written_5m,
            "ephemeral_1h_input_tokens": counts.written_1h,
        },
        "output_tokens": counts.output,
        "service_tier": "standard",
        "inference_geo": "global",
    }


def _details(one: Answer, counts: Counts) -> Json:
    """The parts of usage that only some answers have."""
    details: Json = {}
    if counts.reasoning:
        details["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    if one.query:
        details["server_tool_use"] = {"web_search_requests": 1, "web_fetch_requests": 0}
    return details


# blocks


def _blocks(call: Call, one: Answer, *, redacted: bool) -> Iterator[_Block]:
    if one.reasoning and redacted:
        block = {"type": "redacted_thinking", "data": seals.enclose(REDACTED, "".join(one.reasoning))}
        yield _Block(block, (), block)
    elif one.reasoning:
        yield _thinking(one, shown=(call.body.get("thinking") or {}).get("display") != "omitted")
    if one.query:
        yield from _search(call, one)
    yield from _texts(one)
    for name, arguments in one.calls:
        yield _tool_use(call.new_id("toolu_"), name, arguments)


def _thinking(one: Answer, *, shown: bool) -> _Block:
    pieces = one.reasoning if shown else ()
    text = "".join(pieces)
    signature = seals.seal(THINKING, text)
    deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    deltas.append({"type": "signature_delta", "signature": signature})
    start = {"type": "thinking", "thinking": "", "signature": ""}
    return _Block(start, tuple(deltas), {"type": "thinking", "thinking": text, "signature": signature})


def _search(call: Call, one: Answer) -> Iterator[_Block]:
    use_id = call.new_id("srvtoolu_")
    start = {"type": "server_tool_use", "id": use_id, "name": "web_search", "input": {}}
    asked = {"query": one.query}
    deltas = ({"type": "input_json_delta", "partial_json": orjson.dumps(asked).decode()},)
    yield _Block(start, deltas, start | {"input": asked})
    found = [
        {
            "type": "web_search_result",
            "title": source.title,
            "url": source.url,
            "encrypted_content": seals.enclose("anthropic search", source.quote),
            "page_age": None,
        }
        for source in one.sources
    ]
    result = {"type": "web_search_tool_result", "tool_use_id": use_id, "content": found}
    yield _Block(result, (), result)


def _texts(one: Answer) -> Iterator[_Block]:
    """The text in one block, or cut around each cited sentence."""
    if not one.sources:
        if one.text:
            yield _text(one.text, ())
        return
    text, at = "".join(one.text), 0
    for source in one.sources:
        if source.start > at:
            yield _text(split(text[at : source.start]), ())
        yield _text(split(text[source.start : source.end]), (source,))
        at = source.end


def _text(pieces: tuple[str, ...], sources: tuple[Source, ...]) -> _Block:
    citations = [
        {
            "type": "web_search_result_location",
            "cited_text": source.quote,
            "url": source.url,
            "title": source.title,
            "encrypted_index": seals.enclose("anthropic citation", source.url),
        }
        for source in sources
    ]
    cited: Json = {"citations": []} if citations else {}
    deltas: list[Json] = [{"type": "citations_delta", "citation": citation} for citation in citations]
    deltas += [{"type": "text_delta", "text": piece} for piece in pieces]
    whole: Json = ({"citations": citations} if citations else {}) | {"type": "text", "text": "".join(pieces)}
    return _Block(cited | {"type": "text", "text": ""}, tuple(deltas), whole)


def _tool_use(use_id: str, name: str, arguments: tuple[str, ...]) -> _Block:
    start = {"type": "tool_use", "id": use_id, "name": name, "input": {}, "caller": {"type": "direct"}}
    deltas = tuple({"type": "input_json_delta", "partial_json": piece} for piece in ("", *arguments))
    return _Block(start, deltas, start | {"input": _parsed("".join(arguments))})


def _parsed(arguments: str) -> Any:
    """The arguments, or none of them where the token limit cut them off."""
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {}


# the stream


def _frames(call: Call, message: Json, blocks: tuple[_Block, ...], one: Answer, counts: Counts) -> Iterator[Frame]:
    counted = not call.faults.nousage
    opening = {"usage": _usage(counts) | {"output_tokens": 1}} if counted else {}
    yield _frame({"type": "message_start", "message": message | opening})
    for index, block in enumerate(blocks):
        yield _frame({"type": "content_block_start", "index": index, "content_block": block.start})
        if not index:
            yield _frame({"type": "ping"})
        for delta in block.deltas:
            yield _frame({"type": "content_block_delta", "index": index, "delta": delta}, token=True)
        yield _frame({"type": "content_block_stop", "index": index})
    ending: Json = {"type": "message_delta", "delta": _ending(one)}
    if counted:
        usage = _usage(counts)
        for name in ("cache_creation", "service_tier", "inference_geo"):
            del usage[name]
        ending["usage"] = usage | _details(one, counts)
    yield _frame(ending, last=True)
    yield _frame({"type": "message_stop"}, last=True)


def _frame(payload: Json, *, token: bool = False, last: bool = False) -> Frame:
    return Frame(b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), orjson.dumps(payload)), token, last)


SPEAKER = Speaker("anthropic_messages", answer, refuse, interrupt)
