"""OpenAI Responses as the sandbox speaks it, with stored responses."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from headgate.sandbox import seals
from headgate.sandbox.counts import Counts, input_tokens
from headgate.sandbox.free_text import plain_input
from headgate.sandbox.openai_errors import error, refuse, reply_headers
from headgate.sandbox.prompt import Answer, Json
from headgate.sandbox.reply import EVENTS, Call, Frame, House, Refused, Reply, Request, Speaker
from headgate.sandbox.responses_request import SEALED, history_of, items_of, read

_KEPT = 2000
_FILLER = "sandboxsandboxsandbox"


@dataclass(frozen=True, slots=True)
class _Item:
    """An output item as it is added, what happens inside it, and as it is when done."""

    added: Json
    inner: tuple[Json, ...]
    done: Json


def answer(call: Call) -> Reply:
    """Answer a request to create a response, or to count its input."""
    prompt = read(call)
    if call.action == "input_tokens":
        counted = {"object": "response.input_tokens", "input_tokens": input_tokens(prompt)}
        return Reply(body=orjson.dumps(counted), headers=reply_headers(call))
    one = call.think(prompt)
    counts = call.house.cache.measure(prompt, (one,))
    answer_id = call.new_id("resp_")
    items = tuple(_items(call, one))
    blank = _blank(call, answer_id)
    finished = blank | _ending(call, one) | {"output": [item.done for item in items]}
    finished["usage"] = None if call.faults.nousage else _usage(counts)
    if call.body.get("store") is not False:
        _keep(call, finished)
    entry = call.entry(answer_id, SPEAKER.name, counts)
    if call.streamed:
        frames = _frames(blank, items, finished)
        return Reply(frames=frames, content_type=EVENTS, headers=reply_headers(call), entry=entry)
    shown = blank | {"status": "queued"} if call.body.get("background") else finished
    return Reply(body=orjson.dumps(shown), headers=reply_headers(call), entry=entry)


def stored(house: House, request: Request) -> Reply:
    """Answer for a response made earlier: get, delete, cancel, list its input. Raises Refused."""
    answer_id, _, rest = request.path.partition("/responses/")[2].partition("/")
    kept = house.responses.get(answer_id)
    if kept is None:
        raise Refused(404, f"Response with id '{answer_id}' not found.", "", "")
    match request.method, rest:
        case "GET", "":
            return Reply(body=orjson.dumps(kept["response"]))
        case "DELETE", "":
            del house.responses[answer_id]
            return Reply(body=orjson.dumps({"id": answer_id, "object": "response", "deleted": True}))
        case "GET", "input_items":
            return Reply(body=orjson.dumps(_input_items(kept["items"])))
        case "POST", "cancel":
            if not kept["response"]["background"]:
                raise Refused(400, "Only responses created with background=true can be cancelled.")
            return Reply(body=orjson.dumps(kept["response"]))
        case _:
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")


def interrupt(refused: Refused, call: Call) -> bytes:
    """The refusal as the two events that end a failed stream."""
    number = call.faults.interrupt
    what = error(refused)
    failed = _blank(call, call.new_id("resp_")) | {
        "status": "failed",
        "error": {"code": what["code"] or what["type"], "message": what["message"]},
    }
    events = (
        {"type": "error", "sequence_number": number, "error": what},
        {"type": "response.failed", "sequence_number": number + 1, "response": failed},
    )
    return b"".join(_event(event) for event in events)


def _keep(call: Call, finished: Json) -> None:
    house = call.house
    house.responses[finished["id"]] = {"response": finished, "items": items_of(call), "history": history_of(call)}
    while len(house.responses) > _KEPT:
        house.responses.popitem(last=False)


def _input_items(items: list[Json]) -> Json:
    data: list[Json] = []
    for number, item in enumerate(items):
        content = item.get("content")
        shown = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
        data.append({"id": f"msg_sandbox{number}", "type": "message", "status": "completed", **item, "content": shown})
    data.reverse()  # newest first, as the original lists them
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": False}


def _blank(call: Call, answer_id: str) -> Json:
    """The response as it stands when it is created."""
    body = call.body
    reasoning = body.get("reasoning") or {}
    text = body.get("text") or {}
    return {
        "id": answer_id,
        "object": "response",
        "created_at": call.at_s,
        "status": "in_progress",
        "background": bool(body.get("background")),
        "completed_at": None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": call.model,
        "moderation": None,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "presence_penalty": 0.0,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention") or "in_memory",
        "reasoning": {
            "context": "current_turn",
            "effort": reasoning.get("effort") or ("medium" if "thinking" in call.model else None),
            "summary": reasoning.get("summary"),
        },
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": body.get("service_tier") or "default",
        "store": body.get("store") is not False,
        "temperature": body.get("temperature", 1.0),
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation") or "disabled",
        "usage": None,
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def _ending(call: Call, one: Answer) -> Json:
    if one.finish == "length":
        return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return {"status": "completed", "completed_at": call.at_s}


def _usage(counts: Counts) -> Json:
    return {
        "input_tokens": counts.input,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input + counts.output,
    }


# items


def _items(call: Call, one: Answer) -> Iterator[_Item]:
    if one.reasoning:
        yield _reasoning(call, one.reasoning)
    if one.query:
        yield _search(call, one)
    if one.text:
        yield _message(call, one)
    custom = {tool.get("name") for tool in call.body.get("tools") or () if tool.get("type") == "custom"}
    for name, arguments in one.calls:
        status = "incomplete" if one.finish == "length" else "completed"
        if name in custom:
            yield _custom_call(call, name, "".join(arguments), status)
        else:
            yield _function_call(call, name, arguments, status)


def _reasoning(call: Call, pieces: tuple[str, ...]) -> _Item:
    """The summary is shown where one was asked for; the reasoning itself only sealed, where that was asked for."""
    text = "".join(pieces)
    item: Json = {"id": call.new_id("rs_"), "type": "reasoning", "content": [], "summary": []}
    if "reasoning.encrypted_content" in (call.body.get("include") or ()):
        item["encrypted_content"] = seals.enclose(SEALED, text)
    if not (call.body.get("reasoning") or {}).get("summary"):
        return _Item(item, (), item)
    place = {"item_id": item["id"], "summary_index": 0}
    kind = "response.reasoning_summary"
    inner: list[Json] = [{"type": f"{kind}_part.added", **place, "part": {"type": "summary_text", "text": ""}}]
    inner += [{"type": f"{kind}_text.delta", **place, "delta": piece} for piece in pieces]
    inner.append({"type": f"{kind}_text.done", **place, "text": text})
    part = {"type": "summary_text", "text": text}
    inner.append({"type": f"{kind}_part.done", **place, "part": part})
    return _Item(item, tuple(inner), item | {"summary": [part]})


def _search(call: Call, one: Answer) -> _Item:
    item = {"id": call.new_id("ws_"), "type": "web_search_call", "status": "in_progress"}
    steps = ("in_progress", "searching", "completed")
    inner = tuple({"type": f"response.web_search_call.{step}", "item_id": item["id"]} for step in steps)
    return _Item(item, inner, item | {"status": "completed", "action": {"type": "search", "query": one.query}})


def _message(call: Call, one: Answer) -> _Item:
    item: Json = {"id": call.new_id("msg_"), "type": "message", "status": "in_progress", "content": []}
    item["role"] = "assistant"
    place = {"item_id": item["id"], "content_index": 0}
    text = "".join(one.text)
    notes = [
        {
            "type": "url_citation",
            "end_index": source.end,
            "start_index": source.start,
            "title": source.title,
            "url": source.url,
        }
        for source in one.sources
    ]
    part = {"type": "output_text", "annotations": notes, "logprobs": [], "text": text}
    inner: list[Json] = [
        {"type": "response.content_part.added", **place, "part": part | {"annotations": [], "text": ""}}
    ]
    padded = (call.body.get("stream_options") or {}).get("include_obfuscation") is not False
    for piece in one.text:
        padding = {"obfuscation": _FILLER[len(piece) :]} if padded else {}
        inner.append({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": [], **padding})
    for number, note in enumerate(notes):
        added = {"annotation_index": number, "annotation": note}
        inner.append({"type": "response.output_text.annotation.added", **place, **added})
    inner.append({"type": "response.output_text.done", **place, "logprobs": [], "text": text})
    inner.append({"type": "response.content_part.done", **place, "part": part})
    status = "incomplete" if one.finish == "length" else "completed"
    return _Item(item, tuple(inner), item | {"status": status, "content": [part]})


def _function_call(call: Call, name: str, arguments: tuple[str, ...], status: str) -> _Item:
    item: Json = {"id": call.new_id("fc_"), "type": "function_call", "status": "in_progress", "arguments": ""}
    item |= {"call_id": call.new_id("call_"), "name": name}
    place = {"item_id": item["id"]}
    kind, text = "response.function_call_arguments", "".join(arguments)
    inner: list[Json] = [{"type": f"{kind}.delta", **place, "delta": piece} for piece in arguments]
    inner.append({"type": f"{kind}.done", **place, "arguments": text})
    return _Item(item, tuple(inner), item | {"status": status, "arguments": text})


def _custom_call(call: Call, name: str, arguments: str, status: str) -> _Item:
    """A tool that takes plain text instead of JSON."""
    text = plain_input(arguments)
    item: Json = {"id": call.new_id("ctc_"), "type": "custom_tool_call", "status": "in_progress", "input": ""}
    item |= {"call_id": call.new_id("call_"), "name": name}
    place = {"item_id": item["id"]}
    kind = "response.custom_tool_call_input"
    inner = ({"type": f"{kind}.delta", **place, "delta": text}, {"type": f"{kind}.done", **place, "input": text})
    return _Item(item, inner, item | {"status": status, "input": text})


# the stream


def _frames(blank: Json, items: tuple[_Item, ...], finished: Json) -> Iterator[Frame]:
    for number, (event, token, last) in enumerate(_events(blank, items, finished)):
        yield Frame(_event(event | {"sequence_number": number}), token, last)


def _events(blank: Json, items: tuple[_Item, ...], finished: Json) -> Iterator[tuple[Json, bool, bool]]:
    yield {"type": "response.created", "response": blank}, False, False
    yield {"type": "response.in_progress", "response": blank}, False, False
    for index, item in enumerate(items):
        yield {"type": "response.output_item.added", "output_index": index, "item": item.added}, False, False
        for inner in item.inner:
            yield inner | {"output_index": index}, inner["type"].endswith(".delta"), False
        yield {"type": "response.output_item.done", "output_index": index, "item": item.done}, False, False
    yield {"type": f"response.{finished['status']}", "response": finished}, False, True


def _event(payload: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), orjson.dumps(payload))


SPEAKER = Speaker("openai_responses", answer, refuse, interrupt)
