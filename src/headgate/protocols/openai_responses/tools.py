"""Tools and tool choice, both ways.

A function of a namespace is flattened to `namespace__name`, since no other protocol has namespaces, and told apart
again by its declaration. A hosted tool is known by our name for it; its declaration is kept for upstreams of this
protocol.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request, ServerTool, Tool, ToolChoice, WebSearch
from headgate.protocols.openai_responses.native_tools import BY_TYPE, as_tool
from headgate.protocols.openai_responses.wire import (
    Object,
    bad,
    bag,
    need_str,
    own,
    own_object,
    rest,
    take_bool,
    take_object,
    take_objects,
    take_str,
    take_strings,
)

AnyTool = Tool | WebSearch | ServerTool

SERVER_NAMES = {
    "code_interpreter": "code_execution",
    "computer_use_preview": "computer_use",
    "computer": "computer_use",
}
# Hosted tools that need no setting up, by our names: the only ones that can be asked for on behalf of another protocol.
_DECLARABLE: dict[str, Object] = {
    "code_execution": {"type": "code_interpreter", "container": {"type": "auto"}},
    "image_generation": {"type": "image_generation"},
}
_CONTEXT: dict[str, Literal["low", "medium", "high"]] = {"low": "low", "medium": "medium", "high": "high"}
_MODES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}
_SEARCH_TYPES = ("web_search", "web_search_preview")
_EMPTY_SCHEMA: Object = {"type": "object", "properties": {}}


def flat_name(name: str, namespace: str | None) -> str:
    return name if namespace in (None, "", name) else f"{namespace}__{name}"


def decode_tools(fields: Mapping[str, Json]) -> tuple[AnyTool, ...]:
    """The tools of a request.

    Raises:
        Refused: a tool without a type or a name, or with members of the wrong type.
    """
    found: list[AnyTool] = []
    for index, tool in enumerate(take_objects(fields, "tools")):
        found.extend(_decode_tool(tool, f"tools[{index}]"))
    return tuple(found)


def _decode_tool(tool: Object, where: str) -> list[AnyTool]:
    match kind := need_str(tool, "type", where):
        case "function" | "custom":
            return [_decode_callable(tool, where, None)]
        case "namespace":
            space = rest(tool, "tools", "type")
            inner = take_objects(tool, "tools", where)
            return [_decode_callable(one, f"{where}.tools[{number}]", space) for number, one in enumerate(inner)]
        case _ if is_search(kind):
            return [_decode_search(tool, where)]
        case _ if kind in BY_TYPE and _runs_at_caller(tool):
            return [as_tool(BY_TYPE[kind], tool)]
        case _:
            return [ServerTool(name=SERVER_NAMES.get(kind, kind), provider_data=bag(tool=tool))]


def is_search(kind: str) -> bool:
    """All versions of the web search tool (`web_search_2025_08_26`, `web_search_preview_2025_03_11`...)."""
    return kind.startswith(_SEARCH_TYPES)


def _runs_at_caller(tool: Object) -> bool:
    """A shell in a container is the vendor's own."""
    environment = tool.get("environment")
    return not isinstance(environment, dict) or environment.get("type") == "local"


def _decode_callable(tool: Object, where: str, namespace: Object | None) -> Tool:
    name = need_str(tool, "name", where)
    custom = tool.get("type") == "custom"
    extra = rest(tool, "type", "name", "description", "parameters", "strict", "format")
    space = namespace.get("name") if namespace else None
    return Tool(
        name=flat_name(name, space if isinstance(space, str) else None),
        description=take_str(tool, "description", where),
        parameters=None if custom else take_object(tool, "parameters", where),
        strict=take_bool(tool, "strict", where),
        custom=custom,
        grammar=_grammar(take_object(tool, "format", where)) if custom else None,
        provider_data=bag(extra=extra or None, namespace=namespace, name=name if namespace else None),
    )


def _grammar(form: Object | None) -> Object | None:
    """`{"syntax", "definition"}`, as Chat Completions nests it."""
    return rest(form, "type") if form and form.get("type") == "grammar" else None


def _decode_search(tool: Object, where: str) -> WebSearch:
    filters = take_object(tool, "filters", where) or {}
    size = take_str(tool, "search_context_size", where)
    return WebSearch(
        context=_CONTEXT.get(size or ""),
        allowed_domains=tuple(take_strings(filters, "allowed_domains", f"{where}.filters")),
        blocked_domains=tuple(
            take_strings(filters, "blocked_domains", f"{where}.filters")
            or take_strings(filters, "excluded_domains", f"{where}.filters")  # xAI (docs.x.ai/docs/guides/tools)
        ),
        user_location=take_object(tool, "user_location", where),
        provider_data=bag(tool=tool),
    )


def encode_tools(tools: Iterable[AnyTool], quirks: Quirks, dropped: list[str], *, strict: bool) -> list[Object]:
    """Tools on the wire; what cannot be declared is added to `dropped`.

    `strict` says that a function which does not mention strictness is left to the API, which takes it as strict; for
    callers of protocols where the default is the opposite, the opposite is said.
    """
    wire: list[Object] = []
    spaces: dict[str, list[Json]] = {}
    for tool in tools:
        match tool:
            case Tool():
                _add_callable(wire, spaces, tool, strict=strict)
            case WebSearch():
                encoded = _encode_search(tool, quirks, dropped)
                wire.extend([encoded] if encoded else [])
            case ServerTool():
                declared = own_object(tool.provider_data, "tool") or _DECLARABLE.get(tool.name)
                if declared is None:
                    dropped.append(f"tools.{tool.name}")
                else:
                    wire.append(declared)
    return wire


def _add_callable(wire: list[Object], spaces: dict[str, list[Json]], tool: Tool, *, strict: bool) -> None:
    space = own_object(tool.provider_data, "namespace")
    if space is None:
        wire.append(own_object(tool.provider_data, "tool") or _encode_callable(tool, strict=strict))
        return
    name = str(space.get("name"))
    if name not in spaces:
        spaces[name] = []
        wire.append({"type": "namespace", **space, "tools": spaces[name]})
    spaces[name].append(_encode_callable(tool, strict=strict))


def _encode_callable(tool: Tool, *, strict: bool) -> Object:
    kept = own(tool.provider_data)
    name = kept.get("name") or tool.name
    wire: Object = {"type": "custom" if tool.custom else "function", "name": name}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.custom:
        wire["format"] = {"type": "grammar", **tool.grammar} if tool.grammar else {"type": "text"}
    else:
        wire["parameters"] = dict(tool.parameters) if tool.parameters is not None else None if strict else _EMPTY_SCHEMA
        if tool.strict is not None or not strict:
            wire["strict"] = bool(tool.strict)
    extra = kept.get("extra")
    return {**wire, **extra} if isinstance(extra, dict) else wire


def _encode_search(tool: WebSearch, quirks: Quirks, dropped: list[str]) -> Object | None:
    if quirks.web_search == "none":
        dropped.append("tools.web_search")
        return None
    declared = own_object(tool.provider_data, "tool")
    if declared is not None:
        return {**declared, "type": quirks.web_search_tool} if quirks.web_search_tool else declared
    wire: Object = {"type": quirks.web_search_tool or "web_search"}
    if tool.allowed_domains:
        wire["filters"] = {"allowed_domains": list(tool.allowed_domains)}
    if tool.context:
        wire["search_context_size"] = tool.context
    if tool.user_location:
        wire["user_location"] = {"type": "approximate", **_location(tool.user_location)}
    if tool.blocked_domains:
        dropped.append("tools.web_search.blocked_domains")
    if tool.max_uses is not None:
        dropped.append("tools.web_search.max_uses")
    dropped.extend(f"tools.web_search.{name}" for name in ("from_date", "to_date") if getattr(tool, name))
    return wire


def _location(place: Mapping[str, Json]) -> Object:
    """The place itself; Chat Completions wraps it as `{"type": "approximate", "approximate": {...}}`."""
    inner = place.get("approximate")
    return inner if isinstance(inner, dict) else dict(place)


def decode_choice(value: Json) -> ToolChoice | None:
    """Tool choice in all its forms.

    Raises:
        Refused: a form that the API does not have.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if value in _MODES:
            return ToolChoice(mode=_MODES[value])
        raise bad("'tool_choice' must be 'none', 'auto', 'required' or an object", "tool_choice")
    if not isinstance(value, dict):
        raise bad("'tool_choice' must be a string or an object", "tool_choice")
    if value.get("type") == "allowed_tools":
        names = tuple(_chosen(tool) for tool in take_objects(value, "tools", "tool_choice"))
        return ToolChoice(mode="required" if value.get("mode") == "required" else "auto", names=names)
    return ToolChoice(mode="tool", names=(_chosen(value),))


def _chosen(choice: Object) -> str:
    """The name by which a choice means a tool. A server's tool of MCP is named `mcp:label` or `mcp:label:tool`."""
    kind = need_str(choice, "type", "tool_choice")
    if kind in ("function", "custom"):
        return flat_name(need_str(choice, "name", "tool_choice"), take_str(choice, "namespace", "tool_choice"))
    if kind == "mcp":
        label, name = take_str(choice, "server_label"), take_str(choice, "name")
        return ":".join(word for word in ("mcp", label, name) if word)
    return "web_search" if is_search(kind) else SERVER_NAMES.get(kind, kind)


def encode_choice(request: Request, wire_tools: Sequence[Object], dropped: list[str]) -> Json:
    """Tool choice on the wire, or None; a choice of a tool that is not declared is dropped."""
    choice = request.tool_choice
    if choice is None:
        searching = any(isinstance(tool, WebSearch) and tool.required for tool in request.tools)
        return "required" if searching and len(wire_tools) == 1 else None
    kept = own_object(request.provider_data, "choice")
    if kept is not None:
        return kept
    known = [found for name in choice.names if (found := _find(name, wire_tools)) is not None]
    if choice.mode == "none" or not choice.names:
        return choice.mode if choice.mode != "tool" else "required"
    if len(known) < len(choice.names):
        dropped.append("tool_choice")
    if not known:
        return None
    if choice.mode == "tool":
        return known[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": [*known]}


def _find(name: str, wire_tools: Sequence[Object]) -> Object | None:
    """The choice that means the tool of this name."""
    for tool in wire_tools:
        kind = str(tool.get("type"))
        if kind in ("function", "custom") and tool.get("name") == name:
            return {"type": kind, "name": name}
        if kind == "namespace":
            space, inner = str(tool.get("name")), tool.get("tools")
            for one in inner if isinstance(inner, list) else ():
                if isinstance(one, dict) and flat_name(str(one.get("name")), space) == name:
                    return {"type": str(one.get("type")), "name": str(one.get("name")), "namespace": space}
        if kind == "mcp" and name.startswith("mcp:"):
            _, label, inner_name = [*name.split(":", 2), "", ""][:3]
            if tool.get("server_label") == label:
                return {"type": "mcp", "server_label": label, **({"name": inner_name} if inner_name else {})}
        if name == ("web_search" if is_search(kind) else SERVER_NAMES.get(kind, kind)):
            return {"type": kind}
    return None
