"""Tools, the choice among them, and the wish to search the web, both ways."""

from collections.abc import Mapping, Sequence

from headgate.canonical.custom_tools import as_function
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request, ServerTool, Tool, ToolChoice, WebSearch
from headgate.protocols.losses import Losses
from headgate.protocols.openai_chat.content import decode_cache, encode_cache
from headgate.protocols.openai_chat.wire import JsonObject, bag, objects, optional, own, required, rest, wrong

AnyTool = Tool | WebSearch | ServerTool

_PLACE = ("city", "country", "region", "timezone")


def decode_tools(wire: JsonObject) -> tuple[AnyTool, ...]:
    """Everything the model may use: `tools`, the `functions` of 2023, and web search in any of its spellings.

    Raises:
        Refused: a tool without a name, or a member of the wrong type.
    """
    tools: list[AnyTool] = []
    for place, tool in enumerate(objects(optional(wire, "tools", list, "") or [], "tools")):
        tools.append(_decode_tool(tool, f"tools[{place}]"))
    for place, function in enumerate(objects(optional(wire, "functions", list, "") or [], "functions")):
        tools.append(_decode_function(function, f"functions[{place}]", JsonObject()))
    return (*tools, *_decode_searches(wire))


def _decode_tool(tool: JsonObject, where: str) -> AnyTool:
    match optional(tool, "type", str, where):
        case "function" | None:
            return _decode_function(required(tool, "function", dict, where), f"{where}.function", tool)
        case "custom":
            return _decode_custom(required(tool, "custom", dict, where), f"{where}.custom")
        case "openrouter:web_search" | "web_search" | "web_search_preview":
            return _decode_search_tool(tool, where)
        case other:
            return ServerTool(name=other, provider_data=bag(tool))


def _decode_function(function: JsonObject, where: str, tool: JsonObject) -> Tool:
    return Tool(
        name=required(function, "name", str, where),
        description=optional(function, "description", str, where),
        parameters=optional(function, "parameters", dict, where),
        strict=optional(function, "strict", bool, where),
        cache=decode_cache(tool, where),
        provider_data=bag(rest(tool, "type", "function", "cache_control")),
    )


def _decode_custom(custom: JsonObject, where: str) -> Tool:
    format_ = optional(custom, "format", dict, where) or {}
    grammar = optional(format_, "grammar", dict, f"{where}.format")
    return Tool(
        name=required(custom, "name", str, where),
        description=optional(custom, "description", str, where),
        custom=True,
        grammar=grammar,
    )


def _decode_search_tool(tool: JsonObject, where: str) -> WebSearch:
    """A declared search tool: OpenRouter's, Zhipu's, or the Responses API's on a server that takes it here."""
    given = optional(tool, "parameters", dict, where) or tool
    context = given.get("search_context_size")
    return WebSearch(
        max_uses=optional(given, "max_total_results", int, where),
        context=context if context in ("low", "medium", "high") else None,
        allowed_domains=_texts(given, "allowed_domains", where),
        blocked_domains=_texts(given, "excluded_domains", where),
        provider_data=bag({"tool": tool}),
    )


def _decode_searches(wire: JsonObject) -> list[WebSearch]:
    """`web_search_options` (OpenAI), `search_parameters` (xAI, retired there), `enable_search` (Qwen), `plugins`
    (OpenRouter). Each keeps its own words for an upstream that speaks them."""
    searches: list[WebSearch] = []
    options = optional(wire, "web_search_options", dict, "")
    if options is not None:
        searches.append(_decode_options(options))
    parameters = optional(wire, "search_parameters", dict, "")
    if parameters is not None and parameters.get("mode") != "off":
        searches.append(_decode_parameters(parameters))
    if optional(wire, "enable_search", bool, ""):
        own_options = optional(wire, "search_options", dict, "") or {}
        required_ = own_options.get("forced_search") is True
        said = {"enable_search": True} | ({"search_options": own_options} if own_options else {})
        searches.append(WebSearch(required=required_, provider_data=bag(said)))
    for plugin in web_plugins(wire):
        searches.append(WebSearch(provider_data=bag({"plugin": plugin})))
    return searches


def web_plugins(wire: JsonObject) -> list[JsonObject]:
    """OpenRouter's plugins that search the web."""
    plugins = objects(optional(wire, "plugins", list, "") or [], "plugins")
    return [plugin for plugin in plugins if plugin.get("id") == "web"]


def _decode_options(options: JsonObject) -> WebSearch:
    where = "web_search_options"
    size = optional(options, "search_context_size", str, where)
    if size is not None and size not in ("low", "medium", "high"):
        raise wrong(f"{where}.search_context_size", "expected low, medium or high")
    location = optional(options, "user_location", dict, where) or {}
    place = optional(location, "approximate", dict, f"{where}.user_location") or location
    return WebSearch(
        context=size,  # type: ignore[arg-type]  # checked above
        user_location={name: place[name] for name in _PLACE if place.get(name) is not None} or None,
        provider_data=bag({"web_search_options": options}),
    )


def _decode_parameters(parameters: JsonObject) -> WebSearch:
    where = "search_parameters"
    sources = objects(optional(parameters, "sources", list, where) or [], f"{where}.sources")
    allowed = [site for source in sources for site in _texts(source, "allowed_websites", where)]
    blocked = [site for source in sources for site in _texts(source, "excluded_websites", where)]
    country = next((source["country"] for source in sources if isinstance(source.get("country"), str)), None)
    return WebSearch(
        allowed_domains=tuple(allowed),
        blocked_domains=tuple(blocked),
        user_location={"country": country} if country else None,
        from_date=optional(parameters, "from_date", str, where),
        to_date=optional(parameters, "to_date", str, where),
        required=parameters.get("mode") == "on",
        provider_data=bag({"search_parameters": parameters}),
    )


def _texts(members: JsonObject, name: str, where: str) -> tuple[str, ...]:
    return tuple(item for item in optional(members, name, list, where) or () if isinstance(item, str))


def decode_choice(wire: JsonObject) -> ToolChoice | None:
    """`tool_choice`, or the `function_call` of 2023.

    Raises:
        Refused: a choice that nobody knows.
    """
    choice = wire.get("tool_choice")
    if choice is None:
        choice = wire.get("function_call")
        if isinstance(choice, dict):
            return ToolChoice(mode="tool", names=(required(choice, "name", str, "function_call"),))
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(mode=choice)
        case "any":  # Mistral's word
            return ToolChoice(mode="required")
        case {"type": "function" | "custom" as kind}:
            named = required(choice, kind, dict, "tool_choice")
            return ToolChoice(mode="tool", names=(required(named, "name", str, f"tool_choice.{kind}"),))
        case {"type": "allowed_tools"}:
            return _decode_allowed(required(choice, "allowed_tools", dict, "tool_choice"))
        case _:
            raise wrong("tool_choice", "expected none, auto, required, a function, a custom tool or allowed tools")


def _decode_allowed(allowed: JsonObject) -> ToolChoice:
    where = "tool_choice.allowed_tools"
    names: list[str] = []
    for tool in objects(required(allowed, "tools", list, where), f"{where}.tools"):
        named = tool.get("function") or tool.get("custom") or tool
        names.append(required(named if isinstance(named, dict) else {}, "name", str, f"{where}.tools"))
    mode = optional(allowed, "mode", str, where) or "auto"
    if mode not in ("auto", "required"):
        raise wrong(f"{where}.mode", "expected auto or required")
    return ToolChoice(mode="required" if mode == "required" else "auto", names=tuple(names))


def encode_tools(request: Request, quirks: Quirks, losses: Losses, *, hints: bool) -> JsonObject:
    """The members `tools`, `functions`, and whatever asks for web search."""
    legacy = bool(own(request.provider_data).get("functions"))
    tools: list[JsonObject] = []
    members: JsonObject = {}
    for tool in request.tools:
        match tool:
            case Tool():
                offered = tool if quirks.custom_tools or not tool.custom else as_function(tool)
                tools.append(_encode_function(offered, losses, hints=hints))
            case WebSearch():
                _encode_search(tool, quirks, losses, tools, members)
            case ServerTool() if own(tool.provider_data):
                tools.append(dict(own(tool.provider_data)))
            case ServerTool():
                losses.drop(f"tools.{tool.name}")
    if tools and legacy:
        members["functions"] = [tool["function"] for tool in tools if "function" in tool]
    elif tools:
        members["tools"] = tools
    return members


def _encode_function(tool: Tool, losses: Losses, *, hints: bool) -> JsonObject:
    described = {"description": tool.description} if tool.description is not None else {}
    if tool.custom:
        format_ = {"format": {"type": "grammar", "grammar": dict(tool.grammar)}} if tool.grammar else {}
        return {"type": "custom", "custom": {"name": tool.name, **described, **format_}}
    function: JsonObject = {"name": tool.name, **described}
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    if not hints and tool.cache is not None:
        losses.drop("cache_control")
    extra = {**encode_cache(tool.cache), **own(tool.provider_data)} if hints else {}
    return {"type": "function", "function": function, **extra}


def _encode_search(
    search: WebSearch, quirks: Quirks, losses: Losses, tools: list[JsonObject], members: JsonObject
) -> None:
    """Add what asks this upstream to search, in its own words where the caller used them."""
    said = own(search.provider_data)
    match quirks.web_search:
        case "native" if isinstance(said.get("tool"), dict):
            tools.append(dict(_object(said["tool"])))
        case "native":
            members["web_search_options"] = _object(said.get("web_search_options")) or _options(search)
            _name_lost(search, losses, *_DATES, *_DOMAINS, "max_uses")
        case "search_parameters":
            members["search_parameters"] = _object(said.get("search_parameters")) or _parameters(search)
            _name_lost(search, losses, "max_uses", "context", "user_location")
            if search.allowed_domains:
                _name_lost(search, losses, "blocked_domains")
        case "enable_search":
            members["enable_search"] = True
            options = dict(_object(said.get("search_options")))
            if search.required:
                options["forced_search"] = True
            if options:
                members["search_options"] = options
            _name_lost(search, losses, *_DATES, *_DOMAINS, "max_uses", "context", "user_location")
        case "plugin":
            members.setdefault("plugins", []).append(_object(said.get("plugin")) or {"id": "web"})
            _name_lost(search, losses, *_DATES, *_DOMAINS, "max_uses", "context", "user_location")
        case "none":
            losses.drop("tools.web_search")


def _options(search: WebSearch) -> JsonObject:
    options: JsonObject = {"search_context_size": search.context} if search.context else {}
    if search.user_location:
        place = {name: search.user_location[name] for name in _PLACE if search.user_location.get(name) is not None}
        options["user_location"] = {"type": "approximate", "approximate": place}
    return options


def _parameters(search: WebSearch) -> JsonObject:
    parameters: JsonObject = {"mode": "on" if search.required else "auto", "return_citations": True}
    source: JsonObject = {"type": "web"}
    if search.allowed_domains:
        source["allowed_websites"] = list(search.allowed_domains)
    elif search.blocked_domains:
        source["excluded_websites"] = list(search.blocked_domains)
    if len(source) > 1:
        parameters["sources"] = [source]
    for name, date in (("from_date", search.from_date), ("to_date", search.to_date)):
        if date is not None:
            parameters[name] = date
    return parameters


_DATES = ("from_date", "to_date")
_DOMAINS = ("allowed_domains", "blocked_domains")


def _name_lost(search: WebSearch, losses: Losses, *wishes: str) -> None:
    for wish in wishes:
        if getattr(search, wish):
            losses.drop(f"tools.web_search.{wish}")


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def encode_choice(choice: ToolChoice | None, tools: Sequence[AnyTool], *, legacy: bool) -> JsonObject:
    """The member that says which tool to use."""
    if choice is None:
        return {}
    if legacy:
        named = {"name": choice.names[0]} if choice.mode == "tool" else choice.mode
        return {"function_call": named}
    custom = {tool.name for tool in tools if isinstance(tool, Tool) and tool.custom}
    named_tools = [_named(name, custom) for name in choice.names]
    if choice.mode == "tool" and named_tools:
        return {"tool_choice": named_tools[0]}
    if named_tools and choice.mode in ("auto", "required"):
        allowed = {"mode": choice.mode, "tools": named_tools}
        return {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
    return {"tool_choice": "required" if choice.mode == "tool" else choice.mode}


def _named(name: str, custom: set[str]) -> JsonObject:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}
