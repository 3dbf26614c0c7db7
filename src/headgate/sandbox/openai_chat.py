"""OpenAI Chat Completions as the sandbox speaks it. Reasoning is shown as `reasoning_content`, as DeepSeek does."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson

from headgate.sandbox import free_text
from headgate.sandbox.attachments import decoded, document, picture
from headgate.sandbox.counts import Counts
from headgate.sandbox.free_text import plain_input
from headgate.sandbox.openai_errors import check_length, check_tool_name, interrupt, refuse, reply_headers
from headgate.sandbox.prompt import Answer, Document, Item, Json, Prompt, Tool, ToolCall, ToolResult, Turn
from headgate.sandbox.reply import EVENTS, Call, Frame, Refused, Reply, Speaker
from headgate.sandbox.tokens import split

FINGERPRINT = "fp_sandbox"
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_FINISH = {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool": "tool_calls"}
_FILLER = "sandboxsandboxsandbox"
_MOST_CHOICES = 128
_LONGEST_CALL_ID = 40


def answer(call: Call) -> Reply:
    """Answer a chat completion request, streamed if it asks for that."""
    body = call.body
    if not isinstance(body.get("stream_options") or {}, dict) or not isinstance(body.get("top_logprobs") or 0, int):
        raise Refused(400, "Invalid type for 'stream_options' or 'top_logprobs'.", "type", "stream_options")
    prompt = _prompt(call)
    answers = tuple(_variant(call.think(prompt), index) for index in range(_choice_count(body)))
    counts = call.house.cache.measure(prompt, answers)
    answer_id = call.new_id("chatcmpl-")
    entry = call.entry(answer_id, SPEAKER.name, counts)
    if call.streamed:
        frames = _frames(call, answer_id, answers, counts)
        return Reply(frames=frames, content_type=EVENTS, headers=reply_headers(call), entry=entry)
    choices = [_choice(call, index, one) for index, one in enumerate(answers)]
    envelope = _envelope(call, answer_id, "chat.completion") | {"choices": choices}
    if not call.faults.nousage:
        envelope["usage"] = _usage(counts)
    envelope |= {"service_tier": "default", "system_fingerprint": FINGERPRINT}
    return Reply(body=orjson.dumps(envelope), headers=reply_headers(call), entry=entry)


# reading


def _prompt(call: Call) -> Prompt:
    body = call.body
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise Refused(400, "Missing required parameter: 'messages'.", "missing", "messages")
    if not messages:
        raise Refused(400, "Invalid 'messages': empty array. Expected an array with minimum length 1.", "", "messages")
    turns = tuple(_turn(message, f"messages[{i}]") for i, message in enumerate(messages))
    _check_results(turns)
    choice, parallel = body.get("tool_choice") or "auto", body.get("parallel_tool_calls", True)
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise Refused(400, f"Invalid 'max_tokens': expected a value >= 1, but got {limit}.", "value", "max_tokens")
    stop = body.get("stop") or ()
    effort = body.get("reasoning_effort")
    return Prompt(
        model=call.model,
        turns=turns,
        tools=tuple(_tool(tool, i) for i, tool in enumerate(body.get("tools") or ())),
        choice=choice if isinstance(choice, str) else _chosen(choice),
        parallel=parallel is not False,
        schema=_schema(body.get("response_format")),
        reasoning=effort != "none" if effort else "thinking" in call.model,
        web_search=isinstance(body.get("web_search_options"), dict),
        max_tokens=limit,
        stops=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _turn(message: Any, where: str) -> Turn:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        role = message.get("role") if isinstance(message, dict) else None
        expected = ", ".join(f"'{name}'" for name in _ROLES)
        raise Refused(400, f"Invalid value: '{role}'. Supported values are: {expected}.", "value", f"{where}.role")
    role, content = message["role"], message.get("content")
    if content is None and role != "assistant":
        text = f"Invalid value for 'content': expected a string, got null. ({where}.content)"
        raise Refused(400, text, "", f"{where}.content")
    items: list[Item] = []
    if isinstance(content, str):
        items.append(content)
    elif isinstance(content, list):
        items.extend(_item(part, f"{where}.content[{i}]") for i, part in enumerate(content))
    elif content is not None:
        raise Refused(400, f"Invalid type for '{where}.content'.", "type", f"{where}.content")
    if role == "tool":
        text = "\n".join(item for item in items if isinstance(item, str))
        return Turn("tool", (ToolResult(str(message.get("tool_call_id", "")), text),))
    for i, call in enumerate(message.get("tool_calls") or ()):
        check_length(str(call.get("id")), _LONGEST_CALL_ID, f"{where}.tool_calls[{i}].id")
        called = call.get(call.get("type") or "function") or {}
        given = called.get("arguments", called.get("input", ""))
        items.append(ToolCall(str(call.get("id")), str(called.get("name")), str(given)))
    return Turn(_ROLES[role], tuple(items))  # type: ignore[arg-type]


def _item(part: Any, where: str) -> Item:
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "text" | "refusal":
            return str(part[kind])
        case "image_url":
            return picture(str(part["image_url"].get("url", "")), where)
        case "input_audio":
            audio = part["input_audio"]
            return Document(decoded(str(audio.get("data", "")), where), f"audio/{audio.get('format', 'wav')}")
        case "file":
            return document(part["file"], where)
        case None:
            raise Refused(400, f"Missing required parameter: '{where}.type'.", "missing", f"{where}.type")
        case _:
            raise Refused(400, f"Invalid value: '{kind}'.", "value", f"{where}.type")


def _chosen(choice: Json) -> str:
    return str((choice.get(choice.get("type", "function")) or {}).get("name", "auto"))


def _tool(tool: Any, index: int) -> Tool:
    kind = "custom" if isinstance(tool, dict) and tool.get("type") == "custom" else "function"
    declared = tool.get(kind) if isinstance(tool, dict) else None
    if not isinstance(declared, dict) or not declared.get("name"):
        where = f"tools[{index}].{kind}"
        raise Refused(400, f"Missing required parameter: '{where}'.", "missing", where)
    check_tool_name(str(declared["name"]), f"tools[{index}].{kind}.name")
    schema = free_text.SCHEMA if kind == "custom" else declared.get("parameters") or {}
    return Tool(str(declared["name"]), str(declared.get("description") or ""), schema)


def _custom_names(call: Call) -> set[str]:
    return {tool["custom"]["name"] for tool in call.body.get("tools") or () if tool.get("type") == "custom"}


def _schema(response_format: Any) -> Json | None:
    if not isinstance(response_format, dict) or response_format.get("type") in {None, "text"}:
        return None
    if response_format.get("type") == "json_object":
        return {}
    return dict(response_format.get("json_schema", {}).get("schema") or {})


def _check_results(turns: tuple[Turn, ...]) -> None:
    """Every tool call is answered right after it, and every result answers one."""
    open_calls: set[str] = set()
    for i, turn in enumerate(turns):
        if turn.role == "tool":
            answered = {item.id for item in turn.items if isinstance(item, ToolResult)}
            if not answered <= open_calls:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with "
                    "'tool_calls'."
                )
                raise Refused(400, text, "", f"messages.[{i}].role")
            open_calls -= answered
            continue
        if open_calls:
            break
        open_calls = {item.id for item in turn.items if isinstance(item, ToolCall)}
    if open_calls:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(sorted(open_calls))
        )
        raise Refused(400, text, "", "messages")


def _choice_count(body: Json) -> int:
    wanted = body.get("n") or 1
    if not isinstance(wanted, int) or not 1 <= wanted <= _MOST_CHOICES:
        raise Refused(400, f"Invalid 'n': expected a value between 1 and {_MOST_CHOICES}.", "value", "n")
    return wanted


def _variant(one: Answer, index: int) -> Answer:
    """Later choices say which they are."""
    if not index or not one.text or one.finish != "stop":
        return one
    return Answer(one.reasoning, (*one.text, *split(f" (choice {index + 1})")), (), "stop")


# writing


def _envelope(call: Call, answer_id: str, kind: str) -> Json:
    return {"id": answer_id, "object": kind, "created": call.at_s, "model": call.model}


def _choice(call: Call, index: int, one: Answer) -> Json:
    message: Json = {"role": "assistant", "content": "".join(one.text) if one.text or not one.calls else None}
    if one.reasoning:
        message["reasoning_content"] = "".join(one.reasoning)
    if one.calls:
        custom = _custom_names(call)
        message["tool_calls"] = [
            {"id": call.new_id("call_"), **_called(name, "".join(arguments), custom)} for name, arguments in one.calls
        ]
    message |= {"refusal": None, "annotations": _annotations(one)}
    logprobs = {"content": _logprobs(call, one.text), "refusal": None} if call.body.get("logprobs") else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": _FINISH[one.finish]}


def _called(name: str, arguments: str, custom: set[str]) -> Json:
    if name in custom:
        return {"type": "custom", "custom": {"name": name, "input": plain_input(arguments)}}
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _annotations(one: Answer) -> list[Json]:
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "end_index": source.end,
                "start_index": source.start,
                "title": source.title,
                "url": source.url,
            },
        }
        for source in one.sources
    ]


def _logprobs(call: Call, tokens: tuple[str, ...]) -> list[Json]:
    """The model is quite sure of every token; the others it thought of are made up."""
    others = min(20, int(call.body.get("top_logprobs") or 0))
    return [_token(token, 0) | {"top_logprobs": [_token(token, rank) for rank in range(others)]} for token in tokens]


def _token(token: str, rank: int) -> Json:
    said = token if not rank else f"{token}~{rank}"
    return {"token": said, "logprob": -0.01 - 3.0 * rank, "bytes": list(said.encode())}


def _usage(counts: Counts) -> Json:
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _frames(call: Call, answer_id: str, answers: tuple[Answer, ...], counts: Counts) -> Iterator[Frame]:
    options = call.body.get("stream_options") or {}
    include_usage = bool(options.get("include_usage")) and not call.faults.nousage
    padded = options.get("include_obfuscation") is not False
    envelope = _envelope(call, answer_id, "chat.completion.chunk")
    envelope |= {"service_tier": "default", "system_fingerprint": FINGERPRINT}
    after: Json = {"usage": None} if include_usage else {}
    for index, one in enumerate(answers):
        for delta, finish, token in _deltas(call, one):
            choice: Json = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
            if call.body.get("logprobs") and "content" in delta:
                said = (delta["content"],) if delta["content"] else ()
                choice["logprobs"] = {"content": _logprobs(call, said), "refusal": None}
            padding = {"obfuscation": _FILLER[len(str(delta.get("content") or "")) :]} if padded else {}
            yield Frame(_event(envelope | {"choices": [choice]} | after | padding), token, last=finish is not None)
    if include_usage:
        padding = {"obfuscation": ""} if padded else {}
        yield Frame(_event(envelope | {"choices": [], "usage": _usage(counts)} | padding), last=True)
    yield Frame(b"data: [DONE]\n\n", last=True)


def _deltas(call: Call, one: Answer) -> Iterator[tuple[Json, str | None, bool]]:
    """The deltas of one choice, with the finish reason, and whether each carries generated content."""
    opening: Json = {"role": "assistant", "content": "" if one.text or not one.calls else None, "refusal": None}
    yield opening, None, False
    for token in one.reasoning:
        yield {"reasoning_content": token}, None, True
    for token in one.text:
        yield {"content": token}, None, True
    if one.sources:
        yield {"annotations": _annotations(one)}, None, False
    custom = _custom_names(call)
    for index, (name, arguments) in zip(count(), one.calls, strict=False):
        yield {"tool_calls": [{"index": index, "id": call.new_id("call_"), **_called(name, "", custom)}]}, None, True
        kind, member = ("custom", "input") if name in custom else ("function", "arguments")
        for piece in (plain_input("".join(arguments)),) if name in custom else arguments:
            yield {"tool_calls": [{"index": index, kind: {member: piece}}]}, None, True
    yield {}, _FINISH[one.finish], False


def _event(payload: Json) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


SPEAKER = Speaker("openai_chat", answer, refuse, interrupt)
