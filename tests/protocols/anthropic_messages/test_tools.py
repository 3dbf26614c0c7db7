"""Tools and tool choice."""

from typing import Any

import pytest

from fakes.messages import asking, decoded, encoded
from headgate.canonical.failure import Refused
from headgate.canonical.parts import CacheHint
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import ServerTool, Tool, ToolChoice, WebSearch

F = Tool(name="f", description="d", parameters={"type": "object", "properties": {}})
G = Tool(name="g")


def tools(*declared: Tool | WebSearch | ServerTool, quirks: Quirks | None = None, **fields: Any) -> tuple[Any, Any]:
    body, dropped = encoded(asking(tools=declared, **fields), quirks or Quirks())
    return body.get("tools"), dropped


def test_a_tool_is_declared() -> None:
    """With a schema of type object even where none was given, and its cache mark."""
    declared, dropped = tools(F, Tool(name="g", parameters={"properties": {}}, cache=CacheHint()), G)
    empty = {"type": "object", "properties": {}}
    assert declared == [
        {"name": "f", "description": "d", "input_schema": empty},
        {"name": "g", "input_schema": empty, "cache_control": {"type": "ephemeral"}},
        {"name": "g", "input_schema": empty},
    ]
    assert dropped == ()


def test_a_strict_tool_is_closed_and_strict_where_the_model_can() -> None:
    """Strictness needs closed objects; older models have none."""
    strict = Tool(name="f", parameters={"type": "object", "properties": {}}, strict=True)
    declared, _ = tools(strict)
    assert declared[0]["strict"] is True
    assert declared[0]["input_schema"]["additionalProperties"] is False
    declared, dropped = tools(strict, quirks=Quirks(json_schema=False))
    assert "strict" not in declared[0]
    assert dropped == ("tools.strict",)


def test_an_open_map_is_not_closed() -> None:
    """A schema for additional properties is the caller's meaning."""
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": {"type": "object"},
        "enum": [{"type": "object"}],
    }
    declared, _ = tools(Tool(name="f", parameters=schema, strict=True))
    assert declared[0]["input_schema"] == {
        **schema,
        "additionalProperties": {"type": "object", "additionalProperties": False},
    }


def test_a_custom_tool_takes_one_string() -> None:
    """Its grammar is told in words."""
    grammar: dict[str, Any] = {"syntax": "lark", "definition": "start: x"}
    declared, dropped = tools(Tool(name="f", custom=True, grammar=grammar))
    assert declared[0]["input_schema"]["required"] == ["input"]
    assert "start: x" in declared[0]["description"]
    assert dropped == ()


def test_an_impossible_name_is_refused() -> None:
    """Dots and blanks are not accepted by the API."""
    with pytest.raises(Refused, match=r"tool name 'a\.b'"):
        tools(Tool(name="a.b"))


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="auto"), None, {"type": "auto"}),
        (ToolChoice(mode="none"), False, {"type": "none"}),
        (ToolChoice(mode="required"), True, {"type": "any", "disable_parallel_tool_use": False}),
        (
            ToolChoice(mode="tool", names=("f",)),
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
        (ToolChoice(mode="required", names=("f",)), None, {"type": "tool", "name": "f"}),
        (ToolChoice(mode="required", names=("f", "g")), None, {"type": "any"}),
    ],
)
def test_a_choice_is_written(choice: ToolChoice | None, parallel: bool | None, wire: object) -> None:
    """All of OpenAI's forms."""
    body, dropped = encoded(asking(tools=(F, G), tool_choice=choice, parallel_tool_calls=parallel))
    assert body.get("tool_choice") == wire
    assert dropped == ()


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="required"), False),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", names=("f",)), None),
        ({"type": "none"}, ToolChoice(mode="none"), None),
    ],
)
def test_a_choice_is_read(wire: object, choice: ToolChoice, parallel: bool | None) -> None:
    """Peers drop it."""
    request = decoded(tool_choice=wire)
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


def test_where_only_some_tools_are_allowed_only_those_are_declared() -> None:
    """OpenAI's allowed_tools, in both modes."""
    for mode, wire in (("auto", "auto"), ("required", "tool")):
        body, _ = encoded(asking(tools=(F, G), tool_choice=ToolChoice(mode=mode, names=("g",))))  # type: ignore[arg-type]
        assert [tool["name"] for tool in body["tools"]] == ["g"]
        assert body["tool_choice"]["type"] == wire


def test_a_choice_without_tools_says_nothing_or_is_refused() -> None:
    """The API has no choice without tools."""
    body, _ = encoded(asking(tool_choice=ToolChoice(mode="none")))
    assert "tool_choice" not in body
    with pytest.raises(Refused, match="no tool is offered"):
        encoded(asking(tool_choice=ToolChoice(mode="required")))


@pytest.mark.parametrize(("context", "uses"), [("low", 1), ("medium", 5), ("high", 10), (None, None)])
def test_web_search_is_bounded_by_the_wished_context(context: Any, uses: int | None) -> None:
    """Contract 6.6."""
    declared, _ = tools(WebSearch(context=context))
    assert declared[0]["type"] == "web_search_20250305"
    assert declared[0].get("max_uses") == uses


def test_web_search_keeps_domains_and_place() -> None:
    """OpenAI nests the place once more."""
    nested: dict[str, Any] = {"type": "approximate", "approximate": {"city": "Rome", "country": "IT"}}
    search = WebSearch(allowed_domains=("a.example",), user_location=nested, from_date="2026-01-01")
    declared, dropped = tools(search, quirks=Quirks(web_search_tool="web_search_20260318"))
    assert declared == [
        {
            "type": "web_search_20260318",
            "name": "web_search",
            "allowed_domains": ["a.example"],
            "user_location": {"type": "approximate", "city": "Rome", "country": "IT"},
        }
    ]
    assert dropped == ("tools.web_search.from_date",)
    declared, dropped = tools(WebSearch(allowed_domains=("a",), blocked_domains=("b",)))
    assert "blocked_domains" not in declared[0]
    assert dropped == ("tools.web_search.blocked_domains",)
    assert tools(WebSearch(blocked_domains=("b",)))[0][0]["blocked_domains"] == ["b"]


def test_web_search_a_host_has_not_is_named() -> None:
    """Some hosts of Claude have no search."""
    assert tools(WebSearch(), quirks=Quirks(web_search="none")) == (None, ("tools.web_search",))


def test_a_required_search_is_forced() -> None:
    """The only way to make the model search."""
    body, _ = encoded(asking(tools=(WebSearch(required=True),)))
    assert body["tool_choice"] == {"type": "tool", "name": "web_search"}


@pytest.mark.parametrize("version", ["20250305", "20260209", "20260318"])
def test_web_search_of_every_version_is_known_and_kept(version: str) -> None:
    """To others it is a search, to Anthropic the very declaration."""
    wire = {
        "type": f"web_search_{version}",
        "name": "web_search",
        "max_uses": 5,
        "blocked_domains": ["b"],
        "user_location": {"type": "approximate", "city": "Rome", "timezone": None},
        "allowed_callers": ["direct"],
    }
    request = decoded(tools=[wire])
    search = request.tools[0]
    assert isinstance(search, WebSearch)
    assert (search.max_uses, search.blocked_domains, search.user_location) == (5, ("b",), {"city": "Rome"})
    body, _ = encoded(request)
    assert body["tools"] == [{**wire, "user_location": {"type": "approximate", "city": "Rome"}}]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("code_execution_20260521", "code_execution"), ("computer_20250124", "computer_use"), ("mcp_toolset", "mcp")],
)
def test_other_server_tools_keep_their_declaration(kind: str, name: str) -> None:
    """They come out as they came in."""
    request = decoded(tools=[{"type": kind, "name": "x", "odd": 1}])
    assert [tool.name for tool in request.tools if isinstance(tool, ServerTool)] == [name]
    assert encoded(request)[0]["tools"] == [{"type": kind, "name": "x", "odd": 1}]


def test_other_vendors_server_tools_are_translated_or_named() -> None:
    """Reading addresses and running code exist here too."""
    declared, dropped = tools(
        ServerTool(name="url_context"), ServerTool(name="code_execution"), ServerTool(name="file_search")
    )
    assert [tool["name"] for tool in declared] == ["web_fetch", "code_execution"]
    assert dropped == ("tools.file_search",)


def test_a_callers_own_declaration_is_not_corrected() -> None:
    """What an Anthropic client declares reaches Anthropic as declared, mistakes included."""
    wire = {"type": "custom", "name": "f", "input_schema": {"$ref": "#/x"}, "strict": True, "defer_loading": True}
    assert encoded(decoded(tools=[wire]))[0]["tools"] == [{key: value for key, value in wire.items() if key != "type"}]
