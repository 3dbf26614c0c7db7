"""Reading an Anthropic Messages request, as strictly as the original does."""

import re
from typing import Any

import orjson

from headgate.sandbox import seals
from headgate.sandbox.attachments import decoded
from headgate.sandbox.prompt import Document, Item, Json, Picture, Prompt, Role, Tool, ToolCall, ToolResult, Turn
from headgate.sandbox.reply import Call, Refused

THINKING = "anthropic thinking"
REDACTED = "anthropic redacted thinking"
_KNOWN = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "system",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
        "tools",
        "tool_choice",
        "thinking",
        "service_tier",
        "container",
        "mcp_servers",
        "context_management",
        "output_config",
        "output_format",
        "inference_geo",
        "cache_control",
        "betas",
        "billing_policy",
        "compaction",
        "diagnostics",
        "fallback_credit_token",
        "fallbacks",
        "speed",
        "thread",
        "user_profile_id",
        "workspace_id",
    ]
)
_SMALLEST_BUDGET = 1024
_MOST_MARKS = 4
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def read(call: Call, *, counting: bool = False) -> Prompt:
    """The prompt of a request. Raises Refused with the original's wording where it has one."""
    body = call.body
    if "anthropic-version" not in call.request.headers:
        raise Refused(400, "anthropic-version: header is required")
    for name in ("messages",) if counting else ("max_tokens", "messages"):
        if body.get(name) is None:
            raise Refused(400, f"{name}: Field required")
    for name in body:
        if name not in _KNOWN:
            raise Refused(400, f"{name}: Extra inputs are not permitted")
    limit = body.get("max_tokens")
    if not counting and (not isinstance(limit, int) or limit < 1):
        raise Refused(400, "max_tokens: Input should be greater than or equal to 1")
    messages = body["messages"]
    if not messages:
        raise Refused(400, "messages: at least one message is required")
    choice = body.get("tool_choice") or {"type": "auto"}
    thinks = _thinks(body, choice)
    _check_tool_turns(messages, thinks=thinks and body["thinking"]["type"] == "enabled")
    tools = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    return Prompt(
        model=call.model,
        turns=_check_marks(_turns(body, messages)),
        tools=tuple(_tool(tool, i) for i, tool in enumerate(tools)),
        choice={"any": "required", "tool": str(choice.get("name"))}.get(choice["type"], choice["type"]),
        parallel=not choice.get("disable_parallel_tool_use"),
        schema=_schema(body),
        reasoning=thinks,
        web_search=any(str(tool.get("type", "")).startswith("web_search_") for tool in body.get("tools") or ()),
        max_tokens=limit,
        stops=tuple(body.get("stop_sequences") or ()),
    )


def blocks_of(content: Any) -> list[Json]:
    """Content as a list of blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _thinks(body: Json, choice: Json) -> bool:
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking["type"] == "disabled":
        return False
    if thinking["type"] == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int):
            raise Refused(400, "thinking.enabled.budget_tokens: Field required")
        if budget < _SMALLEST_BUDGET:
            text = "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
            raise Refused(400, text)
        if budget >= body.get("max_tokens", budget + 1):
            raise Refused(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    if choice["type"] in {"any", "tool"}:
        raise Refused(400, "Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature", 1) != 1:
        raise Refused(400, "`temperature` may only be set to 1 when thinking is enabled.")
    return True


def _check_marks(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    marks = sum(1 for turn in turns if turn.cache_s)
    if marks > _MOST_MARKS:
        text = f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {marks}."
        raise Refused(400, text)
    return turns


def _turns(body: Json, messages: list[Json]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    marked = [tool for tool in body.get("tools") or () if tool.get("cache_control")]
    if marked:
        turns.append(Turn("system", (), _cache_s(marked[-1])))
    for block in blocks_of(body.get("system") or []):
        turns.append(Turn("system", (str(block["text"]),), _cache_s(block)))
    for i, message in enumerate(messages):
        role = _checked_role(message.get("role"), messages[i - 1].get("role") if i else None, f"messages.{i}.role")
        turns.extend(_message_turns(role, blocks_of(message["content"]), f"messages.{i}.content"))
    if body.get("cache_control"):
        last = turns.pop()
        turns.append(Turn(last.role, last.items, _cache_s(body)))
    return tuple(turns)


def _checked_role(role: object, before: object, where: str) -> Role:
    """Models since Opus 4.8 take a system message, but only right after what the user said."""
    match role:
        case "user" | "assistant":
            return role
        case "system" if before == "user":
            return role
        case "system":
            raise Refused(400, f"{where}: role 'system' must follow a 'user' message")
        case _:
            raise Refused(400, f"{where}: Input should be 'user', 'assistant' or 'system'")


def _message_turns(role: Role, blocks: list[Json], where: str) -> list[Turn]:
    """A message, ended anew at every cache breakpoint."""
    turns: list[Turn] = []
    items: list[Item] = []
    for i, block in enumerate(blocks):
        items.extend(_items(block, f"{where}.{i}"))
        if block.get("cache_control"):
            turns.append(Turn(role, tuple(items), _cache_s(block)))
            items = []
    return [*turns, Turn(role, tuple(items))] if items or not turns else turns


def _cache_s(block: Json) -> int:
    control = block.get("cache_control")
    return 0 if not control else 3600 if control.get("ttl") == "1h" else 300


def _items(block: Json, where: str) -> list[Item]:
    match block.get("type"):
        case "text":
            if not block["text"]:
                raise Refused(400, "messages: text content blocks must be non-empty")
            return [str(block["text"])]
        case "image":
            source = block["source"]
            if source["type"] == "base64":
                return [Picture(decoded(source["data"], f"{where}.image.source.base64"))]
            return [Picture(url=str(source.get("url") or source.get("file_id")))]
        case "document":
            return [_document(block, where)]
        case "tool_use":
            if not _NAME.fullmatch(str(block["id"])):
                raise Refused(400, f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
            return [ToolCall(block["id"], block["name"], orjson.dumps(block["input"]).decode())]
        case "tool_result":
            return _result(block, where)
        case "thinking":
            if not seals.holds(block.get("signature"), THINKING, block["thinking"]):
                raise Refused(400, f"{where}: Invalid `signature` in `thinking` block")
            return []
        case "redacted_thinking":
            if seals.opened(block.get("data"), REDACTED) is None:
                raise Refused(400, f"{where}: Invalid `data` in `redacted_thinking` block")
            return []
        case "server_tool_use" | "web_search_tool_result" | "search_result":
            return []
        case kind:
            raise Refused(
                400, f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
            )


def _document(block: Json, where: str) -> Document:
    source, name = block["source"], str(block.get("title") or "")
    match source["type"]:
        case "base64":
            return Document(decoded(source["data"], where), source["media_type"], name)
        case "text":
            return Document(source["data"].encode(), "text/plain", name)
        case "content":
            text = "\n".join(part.get("text", "") for part in blocks_of(source["content"]))
            return Document(text.encode(), "text/plain", name)
        case _:
            return Document(b"", "", name or str(source.get("url") or source.get("file_id")))


def _result(block: Json, where: str) -> list[Item]:
    """A tool's result: its text, then the files that came with it."""
    parts = blocks_of(block.get("content") or [])
    text = "\n".join(str(part["text"]) for part in parts if part["type"] == "text")
    files = [item for part in parts if part["type"] in {"image", "document"} for item in _items(part, where)]
    return [ToolResult(block["tool_use_id"], text), *files]


def _check_tool_turns(messages: list[Json], *, thinks: bool) -> None:
    """Every tool use is answered in the next message, and every result answers one of the message before."""
    asked: set[str] = set()
    for i, message in enumerate(messages):
        blocks = blocks_of(message["content"])
        results = {block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"}
        if asked - results:
            missing = ", ".join(sorted(asked - results))
            text = (
                f"messages.{i - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: {missing}"
                ". Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )
            raise Refused(400, text)
        if results - asked:
            text = (
                f"messages.{i}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {results - asked}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
            raise Refused(400, text)
        uses = [block for block in blocks if block.get("type") == "tool_use"]
        asked = {use["id"] for use in uses}
        followed_by_results = i == len(messages) - 2
        if thinks and uses and followed_by_results and blocks[0]["type"] not in {"thinking", "redacted_thinking"}:
            text = (
                f"messages.{i}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                f"`{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a "
                "thinking block."
            )
            raise Refused(400, text)
    if asked:
        text = (
            f"messages.{len(messages) - 1}: `tool_use` ids were found without `tool_result` blocks immediately after."
        )
        raise Refused(400, text)


def _tool(tool: Json, index: int) -> Tool:
    schema = tool["input_schema"]
    if not tool.get("name"):
        raise Refused(400, f"tools.{index}.custom.name: Field required")
    if not _TOOL_NAME.fullmatch(tool["name"]):
        raise Refused(400, f"tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if "type" not in schema:
        raise Refused(400, f"tools.{index}.custom.input_schema.type: Field required")
    if schema["type"] != "object":
        raise Refused(400, f"tools.{index}.custom.input_schema.type: Input should be 'object'")
    return Tool(tool["name"], str(tool.get("description") or ""), schema)


def _schema(body: Json) -> Json | None:
    wanted = body.get("output_format") or (body.get("output_config") or {}).get("format")
    return dict(wanted["schema"]) if wanted and wanted.get("type") == "json_schema" else None
