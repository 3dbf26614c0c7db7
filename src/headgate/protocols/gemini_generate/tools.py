"""Tools and `toolConfig` to canonical tools and tool choice, and back."""

from collections.abc import Mapping

from headgate.canonical.custom_tools import as_function
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Target
from headgate.canonical.request import Request, ServerTool, Tool, ToolChoice, WebSearch
from headgate.protocols.gemini_generate.schema import json_schema
from headgate.protocols.gemini_generate.signatures import NAME
from headgate.protocols.gemini_generate.wire import MODE_NUMBERS, enum_name, invalid, items, obj, text

CONFIG = "toolConfig."
CALLING = "toolConfig.functionCallingConfig."

_SEARCHES = ("googleSearch", "googleSearchRetrieval", "enterpriseWebSearch")
_SERVER_NAMES = {
    "codeExecution": "code_execution",
    "urlContext": "web_fetch",
    "googleMaps": "google_maps",
    "fileSearch": "file_search",
    "computerUse": "computer_use",
}
# What Google has under its own name for tools that others run.
_SERVER_FIELDS = {
    "code_execution": "codeExecution",
    "web_fetch": "urlContext",
    "url_context": "urlContext",
    "code_interpreter": "codeExecution",
}
_MODES: dict[str, str] = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}

CanonicalTool = Tool | WebSearch | ServerTool


def decode_tools(value: Json) -> tuple[CanonicalTool, ...]:
    """`tools` in camelCase. A tool we have no name for is kept as a server tool of its own name."""
    out: list[CanonicalTool] = []
    for place, entry in enumerate(items(value, "tools")):
        where = f"tools[{place}]"
        for field, config in obj(entry, where).items():
            if config is None:
                continue
            if field == "functionDeclarations":
                declared = enumerate(items(config, f"{where}.{field}"))
                out += [_declaration(tool, f"{where}.{field}[{number}]") for number, tool in declared]
            elif field in _SEARCHES:
                out.append(_search(field, obj(config, f"{where}.{field}")))
            else:
                name = _SERVER_NAMES.get(field, field)
                out.append(ServerTool(name=name, provider_data={NAME: {field: config}}))
    return tuple(out)


def _declaration(value: Json, where: str) -> Tool:
    found = obj(value, where)
    name = text(found.get("name"), f"{where}.name")
    if not name:
        raise invalid(f"{where}.name", "a function's name is required")
    own = {key: item for key, item in found.items() if key not in {"name", "description"} and item is not None}
    schema = own.get("parametersJsonSchema")
    if schema is not None:
        parameters: dict[str, Json] | None = obj(schema, f"{where}.parametersJsonSchema")
        if len(own) == 1:
            own = {}
    else:
        parameters = json_schema(own["parameters"]) if "parameters" in own else None
    return Tool(
        name=name,
        description=text(found.get("description"), f"{where}.description"),
        parameters=parameters,
        provider_data={NAME: own} if own else {},
    )


def _search(field: str, config: dict[str, Json]) -> WebSearch:
    span = config.get("timeRangeFilter")
    dates = span if isinstance(span, dict) else {}
    blocked = config.get("excludeDomains")
    start, end = dates.get("startTime"), dates.get("endTime")
    return WebSearch(
        blocked_domains=tuple(str(domain) for domain in blocked) if isinstance(blocked, list) else (),
        from_date=start[:10] if isinstance(start, str) else None,
        to_date=end[:10] if isinstance(end, str) else None,
        provider_data={NAME: {field: config}},
    )


def decode_choice(value: Json) -> tuple[ToolChoice | None, dict[str, Json]]:
    """`toolConfig` in camelCase to the choice, and what else it says under dotted names."""
    config = obj(value, "toolConfig")
    calling = obj(config.get("functionCallingConfig"), "toolConfig.functionCallingConfig")
    kept: dict[str, Json] = {
        CONFIG + name: item for name, item in config.items() if name != "functionCallingConfig" and item is not None
    }
    kept.update(
        {
            CALLING + name: item
            for name, item in calling.items()
            if name not in {"mode", "allowedFunctionNames"} and item is not None
        }
    )
    mode = enum_name(calling.get("mode"), MODE_NUMBERS)
    mode = mode.upper() if mode else None
    names = [
        text(name, CALLING + "allowedFunctionNames") for name in items(calling.get("allowedFunctionNames"), CALLING)
    ]
    allowed = tuple(name for name in names if name)
    if mode is None or mode == "MODE_UNSPECIFIED":
        return (ToolChoice(mode="auto", names=allowed) if allowed else None), kept
    if mode not in _MODES:
        raise invalid(CALLING + "mode", f"'{mode[:40]}' is no mode")
    if mode == "VALIDATED" and not allowed:
        kept[CALLING + "mode"] = mode
    if mode == "ANY":
        return ToolChoice(mode="tool" if len(allowed) == 1 else "required", names=allowed), kept
    return ToolChoice(mode="none" if mode == "NONE" else "auto", names=allowed), kept


def encode_tools(request: Request, target: Target) -> tuple[list[Json], list[str]]:
    """`tools`, and the names of what could not be had."""
    dropped: list[str] = []
    declared = [_encode_declaration(tool) for tool in request.tools if isinstance(tool, Tool)]
    out: list[Json] = []
    told = False
    for tool in request.tools:
        if isinstance(tool, Tool):
            dropped += ["cache_control"] if tool.cache else []
            dropped += ["tools.strict"] if tool.strict and NAME not in tool.provider_data else []
            out += [] if told else [{"functionDeclarations": declared}]
            told = True
            continue
        wanted, lost = _encode_search(tool, target) if isinstance(tool, WebSearch) else _encode_server_tool(tool)
        # Until Gemini 3 functions and Google's own tools exclude each other: together they are a 400
        # (https://ai.google.dev/gemini-api/docs/function-calling, "multi-tool use", 2026-11).
        if wanted is not None and declared and request.origin != NAME and target.quirks.thinking != "level":
            wanted, lost = None, [f"tools.{_name(tool)}"]
        dropped += lost
        if wanted is not None:
            out.append(wanted)
    return out, dropped


def _name(tool: WebSearch | ServerTool) -> str:
    return "web_search" if isinstance(tool, WebSearch) else tool.name


def _encode_declaration(tool: Tool) -> Json:
    tool = as_function(tool) if tool.custom else tool
    out: dict[str, Json] = {"name": tool.name}
    if tool.description is not None:
        out["description"] = tool.description
    own = tool.provider_data.get(NAME)
    if own is not None:
        return {**out, **own}
    if tool.parameters:
        out["parametersJsonSchema"] = dict(tool.parameters)
    return out


def _encode_search(tool: WebSearch, target: Target) -> tuple[Json | None, list[str]]:
    own = tool.provider_data.get(NAME)
    if own is not None:
        return dict(own), []
    if target.quirks.web_search == "none":
        return None, ["tools.web_search"]
    wishes = {
        "max_uses": tool.max_uses,
        "context": tool.context,
        "allowed_domains": tool.allowed_domains,
        "blocked_domains": tool.blocked_domains,
        "user_location": tool.user_location,
        "required": tool.required,
    }
    dropped = [f"tools.web_search.{name}" for name, value in wishes.items() if value]
    config: dict[str, Json] = {}
    if tool.from_date and tool.to_date:
        config["timeRangeFilter"] = {
            "startTime": _moment(tool.from_date, "00:00:00"),
            "endTime": _moment(tool.to_date, "23:59:59"),
        }
    elif tool.from_date or tool.to_date:
        # The filter must have both ends (google-genai 3.4, `Interval`).
        dropped.append("tools.web_search.from_date" if tool.from_date else "tools.web_search.to_date")
    return {target.quirks.web_search_tool or "googleSearch": config}, dropped


def _moment(date: str, clock: str) -> str:
    return date if "T" in date else f"{date}T{clock}Z"


def _encode_server_tool(tool: ServerTool) -> tuple[Json | None, list[str]]:
    own = tool.provider_data.get(NAME)
    if own is not None:
        return dict(own), []
    field = _SERVER_FIELDS.get(tool.name)
    return ({field: {}}, []) if field else (None, [f"tools.{tool.name}"])


def encode_choice(request: Request, target: Target, tools: list[Json]) -> tuple[dict[str, Json], list[str]]:
    """`toolConfig`, and the names of what could not be had."""
    out: dict[str, Json] = {}
    dropped: list[str] = []
    declares = any(isinstance(tool, dict) and "functionDeclarations" in tool for tool in tools)
    calling: dict[str, Json] = {}
    if request.tool_choice is not None:
        if declares or request.origin == NAME:
            calling = _calling(request.tool_choice)
        elif request.tool_choice.mode in {"required", "tool"}:
            dropped.append("tool_choice")
    if request.parallel_tool_calls is False and declares:
        dropped.append("parallel_tool_calls")
    if request.origin == NAME:
        calling.update(_kept(request.extensions, CALLING))
        out.update({name: item for name, item in _kept(request.extensions, CONFIG).items() if "." not in name})
    elif declares and len(tools) > 1 and target.quirks.thinking == "level":
        out["includeServerSideToolInvocations"] = True  # asked for where functions and Google's own tools meet
    if calling:
        out["functionCallingConfig"] = calling
    return out, dropped


def _calling(choice: ToolChoice) -> dict[str, Json]:
    names: list[Json] = list(choice.names)
    match choice.mode:
        case "none":
            return {"mode": "NONE"}
        case "auto" if names:
            # Names narrow the choice only under ANY and VALIDATED; the latter leaves the model free to write text.
            return {"mode": "VALIDATED", "allowedFunctionNames": names}
        case "auto":
            return {"mode": "AUTO"}
        case "required" | "tool":
            return {"mode": "ANY", "allowedFunctionNames": names} if names else {"mode": "ANY"}


def _kept(extensions: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    return {name.removeprefix(prefix): item for name, item in extensions.items() if name.startswith(prefix)}
