"""Reading an OpenAI Responses request: its input items, with those of the responses before it."""

from typing import Any

from headgate.sandbox import free_text, seals
from headgate.sandbox.attachments import document, picture
from headgate.sandbox.openai_errors import check_length, check_tool_name
from headgate.sandbox.prompt import Item, Json, Prompt, Tool, ToolCall, ToolResult, Turn
from headgate.sandbox.reply import Call, Refused

SEALED = "openai reasoning"
_LONGEST_CALL_ID = 64
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def items_of(call: Call) -> list[Json]:
    """The request's own input as a list of items."""
    given = call.body.get("input")
    if given is None:
        raise Refused(400, "Missing required parameter: 'input'.", "missing", "input")
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else list(given)


def history_of(call: Call) -> list[Json]:
    """The items of the responses that this one continues. Raises Refused if they are not kept."""
    previous = call.body.get("previous_response_id")
    if not previous:
        return []
    kept = call.house.responses.get(previous)
    if kept is None:
        text = f"Previous response with id '{previous}' not found."
        raise Refused(400, text, "previous", "previous_response_id")
    return [*kept["history"], *kept["items"], *kept["response"]["output"]]


def read(call: Call) -> Prompt:
    """The prompt of a request. Raises Refused."""
    body = call.body
    items = [*history_of(call), *items_of(call)]
    _check_items(items)
    turns = [Turn("system", (str(body["instructions"]),))] if body.get("instructions") else []
    turns += [turn for i, item in enumerate(items) if (turn := _turn(item, f"input[{i}]")) is not None]
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < 16):
        text = f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit}."
        raise Refused(400, text, "value", "max_output_tokens")
    tools = body.get("tools") or []
    return Prompt(
        model=call.model,
        turns=tuple(turns),
        tools=tuple(_tool(tool, i) for i, tool in enumerate(tools) if tool.get("type") in {"function", "custom"}),
        choice=_choice(body.get("tool_choice") or "auto"),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=_schema((body.get("text") or {}).get("format")),
        reasoning=_reasons(call),
        web_search=any(str(tool.get("type")).startswith("web_search") for tool in tools),
        max_tokens=limit,
    )


def _reasons(call: Call) -> bool:
    effort = (call.body.get("reasoning") or {}).get("effort")
    return effort != "none" if effort else "thinking" in call.model


def _choice(choice: Any) -> str:
    if isinstance(choice, str):
        return choice
    if choice.get("type") == "allowed_tools":
        return str(choice.get("mode", "auto"))
    return str(choice.get("name") or "auto")


def _turn(item: Json, where: str) -> Turn | None:
    check_length(str(item.get("call_id", "")), _LONGEST_CALL_ID, f"{where}.call_id")
    match item.get("type", "message"):
        case "message":
            return _message(item, where)
        case "function_call":
            return Turn("assistant", (ToolCall(item["call_id"], item["name"], item["arguments"]),))
        case "custom_tool_call":
            return Turn("assistant", (ToolCall(item["call_id"], item["name"], item["input"]),))
        case "function_call_output" | "custom_tool_call_output":
            return _output(item, where)
        case "reasoning":
            _check_reasoning(item)
            return None
        case "item_reference" | "compaction" | "mcp_list_tools":
            return None
        case str(kind) if kind.endswith(("_call", "_call_output")):
            return None  # the vendor's other tools: taken as part of the history, not understood
        case kind:
            raise Refused(400, f"Invalid value: '{kind}'.", "value", f"{where}.type")


def _message(item: Json, where: str) -> Turn:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        expected = "'assistant', 'system', 'developer', and 'user'"
        raise Refused(400, f"Invalid value: '{role}'. Supported values are: {expected}.", "value", f"{where}.role")
    if isinstance(content, str):
        return Turn(_ROLES[role], (content,))  # type: ignore[arg-type]
    parts = tuple(_part(part, f"{where}.content[{i}]", role) for i, part in enumerate(content or ()))
    return Turn(_ROLES[role], parts)  # type: ignore[arg-type]


def _part(part: Json, where: str, role: str) -> Item:
    kind = part.get("type")
    spoken = {"output_text", "refusal"} if role == "assistant" else {"input_text", "input_image", "input_file"}
    if kind not in spoken:
        expected = " and ".join(f"'{name}'" for name in sorted(spoken))
        raise Refused(400, f"Invalid value: '{kind}'. Supported values are: {expected}.", "value", f"{where}.type")
    match kind:
        case "input_image":
            return picture(str(part.get("image_url") or f"https://files.example.com/{part.get('file_id')}"), where)
        case "input_file":
            return document(part, where)
        case "refusal":
            return str(part["refusal"])
        case _:
            return str(part["text"])


def _output(item: Json, where: str) -> Turn:
    output = item["output"]
    if isinstance(output, str):
        return Turn("tool", (ToolResult(item["call_id"], output),))
    parts = [_part(part, f"{where}.output[{i}]", "user") for i, part in enumerate(output)]
    text = "\n".join(part for part in parts if isinstance(part, str))
    files = [part for part in parts if not isinstance(part, str)]
    return Turn("tool", (ToolResult(item["call_id"], text), *files))


def _check_reasoning(item: Json) -> None:
    """Sealed reasoning must come back as it was given; what is not sealed is not looked at."""
    sealed = item.get("encrypted_content")
    if sealed is not None and seals.opened(sealed, SEALED) is None:
        text = (
            f"The encrypted content for item {item.get('id')} could not be verified. Reason: Encrypted content could "
            "not be decrypted or parsed."
        )
        raise Refused(400, text, "sealed")


def _check_items(items: list[Json]) -> None:
    """Calls and their outputs belong together, and reasoning stands before what it led to."""
    calls = {item["call_id"] for item in items if str(item.get("type")).endswith("_call") and "call_id" in item}
    outputs = {item["call_id"] for item in items if str(item.get("type")).endswith("_call_output")}
    for orphan in sorted(outputs - calls):
        raise Refused(400, f"No tool call found for function call output with call_id {orphan}.", "", "input")
    for orphan in sorted(calls - outputs):
        raise Refused(400, f"No tool output found for function call {orphan}.", "", "input")
    for item, following in zip(items, [*items[1:], None], strict=True):
        lonely = following is None or following.get("role", "assistant") != "assistant"
        if item.get("type") == "reasoning" and lonely:
            text = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
            raise Refused(400, text, "", "input")


def _tool(tool: Json, index: int) -> Tool:
    if not tool.get("name"):
        raise Refused(400, f"Missing required parameter: 'tools[{index}].name'.", "missing", f"tools[{index}].name")
    check_tool_name(tool["name"], f"tools[{index}].name")
    schema = free_text.SCHEMA if tool["type"] == "custom" else tool.get("parameters") or {}
    return Tool(tool["name"], str(tool.get("description") or ""), schema)


def _schema(wanted: Json | None) -> Json | None:
    match (wanted or {}).get("type"):
        case "json_object":
            return {}
        case "json_schema":
            return dict((wanted or {}).get("schema") or {})
        case _:
            return None
