"""Tools and how they may be chosen, in both directions.

A tool without a version in its `type` is the caller's own. Versioned ones are Anthropic's: web search is known to every
protocol, the others (web fetch, code execution, computer use, memory, MCP...) keep their declaration in the bag.
"""

import re

from headgate.canonical.custom_tools import as_function
from headgate.canonical.failure import refuse
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request, ServerTool, Tool, ToolChoice, WebSearch
from headgate.protocols.anthropic_messages.wire import (
    ORIGIN,
    Obj,
    bag,
    cache_control,
    cache_hint,
    field,
    objects,
    odd_cache,
    optional,
    own,
    rest,
    strings,
)
from headgate.protocols.losses import Losses

AnyTool = Tool | WebSearch | ServerTool

_WEB_SEARCH = "web_search_20250305"
_VERSION = re.compile(r"_2\d{7}$")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_OURS = {"computer": "computer_use", "mcp_toolset": "mcp"}
_CONTEXT_USES = {"low": 1, "medium": 5, "high": 10}
_PLACE = ("city", "region", "country", "timezone")
_DECLARED: dict[str, Obj] = {
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "url_context": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_execution": {"type": "code_execution_20250825", "name": "code_execution"},
    "code_interpreter": {"type": "code_execution_20250825", "name": "code_execution"},
}
"""What stands for another vendor's server tool."""


def decode_tools(body: Obj) -> tuple[AnyTool, ...]:
    return tuple(_decode_tool(tool, f"tools.{position}") for position, tool in enumerate(objects(body, "tools", "")))


def _decode_tool(tool: Obj, where: str) -> AnyTool:
    kind = optional(tool, "type", str, where)
    if kind in {None, "custom"}:
        return _decode_own(tool, where)
    assert kind is not None
    name = _VERSION.sub("", kind)
    if name == "web_search":
        return _decode_search(tool, where)
    return ServerTool(name=_OURS.get(name, name), provider_data=bag(tool))


def _decode_own(tool: Obj, where: str) -> Tool:
    known = ("type", "name", "description", "input_schema", "strict", "cache_control")
    return Tool(
        name=field(tool, "name", str, where),
        description=optional(tool, "description", str, where),
        parameters=field(tool, "input_schema", dict, where),
        strict=optional(tool, "strict", bool, where),
        cache=cache_hint(tool, where),
        provider_data=bag({**rest(tool, *known), **odd_cache(tool)}),
    )


def _decode_search(tool: Obj, where: str) -> WebSearch:
    place = optional(tool, "user_location", dict, where) or {}
    return WebSearch(
        max_uses=optional(tool, "max_uses", int, where),
        allowed_domains=strings(tool, "allowed_domains", where),
        blocked_domains=strings(tool, "blocked_domains", where),
        user_location={key: place[key] for key in _PLACE if place.get(key) is not None} or None,
        provider_data=bag(rest(tool, "max_uses", "allowed_domains", "blocked_domains", "user_location")),
    )


def decode_choice(body: Obj) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether tools may be called in parallel (None: unsaid)."""
    choice = optional(body, "tool_choice", dict, "")
    if choice is None:
        return None, None
    single = optional(choice, "disable_parallel_tool_use", bool, "tool_choice")
    parallel = None if single is None else not single
    match choice.get("type"):
        case "auto":
            return ToolChoice(mode="auto"), parallel
        case "none":
            return ToolChoice(mode="none"), parallel
        case "any":
            return ToolChoice(mode="required"), parallel
        case "tool":
            return ToolChoice(mode="tool", names=(field(choice, "name", str, "tool_choice"),)), parallel
        case kind:
            raise refuse(f"tool_choice.type: {kind!r} is not one of auto, any, tool, none", param="tool_choice.type")


def encode_tools(request: Request, quirks: Quirks, losses: Losses) -> list[Obj]:
    """The tools to declare. Where only some may be called, only those are declared: the API has no other way."""
    choice = request.tool_choice
    allowed = set(choice.names) if choice and choice.mode in {"auto", "required"} and choice.names else None
    tools: list[Obj] = []
    for tool in request.tools:
        match tool:
            case Tool():
                if allowed is None or tool.name in allowed:
                    native = request.origin == ORIGIN
                    tools.append(_encode_native(tool) if native else _encode_own(tool, quirks, losses))
            case WebSearch():
                tools.extend(_encode_search(tool, quirks, losses))
            case ServerTool():
                tools.extend(_encode_server(tool, losses))
    return tools


def _encode_native(tool: Tool) -> Obj:
    """A tool that was declared in this protocol, as it was declared."""
    encoded: Obj = {"name": tool.name, "input_schema": tool.parameters}
    if tool.description is not None:
        encoded["description"] = tool.description
    if tool.strict is not None:
        encoded["strict"] = tool.strict
    return {**encoded, **cache_control(tool.cache), **own(tool.provider_data)}


def _encode_own(tool: Tool, quirks: Quirks, losses: Losses) -> Obj:
    if not _NAME.fullmatch(tool.name):
        raise refuse(f"tool name {tool.name!r} is not made of 1 to 128 letters, digits, '_' and '-'", param="tools")
    if tool.custom:
        tool = as_function(tool)
    encoded: Obj = {"name": tool.name, "input_schema": _schema(tool)}
    if tool.description:
        encoded["description"] = tool.description
    if tool.strict and not quirks.json_schema:
        losses.drop("tools.strict")
    elif tool.strict:
        encoded["strict"] = True
        encoded["input_schema"] = closed(encoded["input_schema"])
    return {**encoded, **cache_control(tool.cache), **own(tool.provider_data)}


def _schema(tool: Tool) -> Obj:
    """The API wants an object schema, also for a tool without arguments."""
    if not tool.parameters:
        return {"type": "object", "properties": {}}
    return {"type": "object", **tool.parameters}


def closed(schema: Json) -> Json:
    """The schema with every object closed to properties it does not name, as structured outputs demand
    (platform.claude.com, structured outputs, read 2026-11-23)."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: value if key in {"enum", "const", "default"} else closed(value) for key, value in schema.items()}
    kind = schema.get("type")
    if (kind == "object" or (isinstance(kind, list) and "object" in kind)) and not isinstance(
        schema.get("additionalProperties"), dict
    ):
        result["additionalProperties"] = False
    return result


def _encode_search(tool: WebSearch, quirks: Quirks, losses: Losses) -> list[Obj]:
    if quirks.web_search == "none":
        losses.drop("tools.web_search")
        return []
    for wish in ("from_date", "to_date"):
        if getattr(tool, wish):
            losses.drop(f"tools.web_search.{wish}")
    uses = tool.max_uses or (_CONTEXT_USES[tool.context] if tool.context else None)
    encoded: Obj = {"type": quirks.web_search_tool or _WEB_SEARCH, "name": "web_search"}
    if uses:
        encoded["max_uses"] = uses
    if tool.allowed_domains:
        encoded["allowed_domains"] = tool.allowed_domains
        if tool.blocked_domains:
            losses.drop("tools.web_search.blocked_domains")
    elif tool.blocked_domains:
        encoded["blocked_domains"] = tool.blocked_domains
    place = _place(tool)
    if place:
        encoded["user_location"] = {"type": "approximate", **place}
    return [{**encoded, **own(tool.provider_data)}]


def _place(tool: WebSearch) -> Obj:
    """Where the caller is; OpenAI's chat form nests it once more."""
    given = tool.user_location or {}
    nested = given.get("approximate")
    source = nested if isinstance(nested, dict) else given
    return {key: source[key] for key in _PLACE if source.get(key)}


def _encode_server(tool: ServerTool, losses: Losses) -> list[Obj]:
    declared = own(tool.provider_data) or _DECLARED.get(tool.name)
    if declared is None:
        losses.drop(f"tools.{tool.name}")
        return []
    return [dict(declared)]


def encode_choice(request: Request, tools: list[Obj]) -> Obj | None:
    """The `tool_choice` object; None where nothing need be said."""
    choice = request.tool_choice
    single = request.parallel_tool_calls is False
    if not tools:
        if choice and choice.mode in {"required", "tool"}:
            raise refuse("tool_choice asks for a tool, but no tool is offered", param="tool_choice")
        return None
    if choice is None and any(isinstance(tool, WebSearch) and tool.required for tool in request.tools):
        choice = ToolChoice(mode="tool", names=("web_search",))
    encoded = _choice(choice or ToolChoice(mode="auto"))
    if single and encoded["type"] != "none":
        encoded["disable_parallel_tool_use"] = True
    elif request.parallel_tool_calls and choice and encoded["type"] != "none":
        encoded["disable_parallel_tool_use"] = False
    return encoded if choice or single else None


def _choice(choice: ToolChoice) -> Obj:
    match choice.mode:
        case "auto":
            return {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required":
            return {"type": "tool", "name": choice.names[0]} if len(choice.names) == 1 else {"type": "any"}
        case "tool":
            return {"type": "tool", "name": choice.names[0]} if choice.names else {"type": "any"}


def forces(choice: Obj | None) -> bool:
    """Whether a tool must be called, which no model allows while it thinks."""
    return choice is not None and choice["type"] in {"any", "tool"}
