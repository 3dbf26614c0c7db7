"""Tools, the choice among them, and the wish to search the web."""

import json
from typing import Any

import pytest

from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import Request, ServerTool, Tool, ToolChoice, WebSearch
from headgate.protocols.openai_chat.request import decode_request, encode_request


def decode(**members: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}
    return decode_request(json.dumps(body).encode(), None, False)


def encode(request: Request, **quirks: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    encoded = encode_request(request, Target(model="m", quirks=Quirks(**quirks)))
    return {name: value for name, value in json.loads(encoded.body).items() if name not in ("model", "messages")}, (
        encoded.dropped
    )


FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}}
TOOLS = [
    {"type": "function", "function": FUNCTION, "cache_control": {"type": "ephemeral"}},
    {"type": "custom", "custom": {"name": "g", "description": "d", "format": GRAMMAR}},
    {"type": "custom", "custom": {"name": "h"}},
    {"type": "openrouter:advisor", "parameters": {"x": 1}},
]


def test_tools_come_through() -> None:
    """Functions, free-text tools with a grammar, and tools that only the upstream knows."""
    request = decode(tools=TOOLS)
    assert isinstance(request.tools[1], Tool)
    assert request.tools[1].grammar == {"syntax": "lark", "definition": "start: A"}
    assert encode(request) == ({"tools": TOOLS}, ())


def test_functions_of_2023_come_through() -> None:
    """And the choice among them."""
    members = {"functions": [FUNCTION], "function_call": {"name": "f"}}
    assert encode(decode(**members)) == (members, ())
    assert decode(functions=[FUNCTION], function_call="none").tool_choice == ToolChoice(mode="none")


def test_foreign_server_tools_are_named() -> None:
    """An upstream's own tools exist only there."""
    request = Request(
        origin="gemini_generate",
        model="m",
        messages=(),
        tools=(ServerTool(name="code_execution", provider_data={"gemini_generate": {"codeExecution": {}}}),),
    )
    assert encode(request) == ({}, ("tools.code_execution",))


@pytest.mark.parametrize(
    ("wire", "choice"),
    [
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(mode="tool", names=("f",))),
        ({"type": "custom", "custom": {"name": "g"}}, ToolChoice(mode="tool", names=("g",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "g"}},
                    ],
                },
            },
            ToolChoice(mode="required", names=("f", "g")),
        ),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice(mode="auto", names=("f",)),
        ),
    ],
)
def test_every_choice_comes_through(wire: object, choice: ToolChoice) -> None:
    """In all forms."""
    request = decode(tools=TOOLS, tool_choice=wire)
    assert request.tool_choice == choice
    assert encode(request)[0]["tool_choice"] == wire


def test_mistrals_word_for_required_is_understood() -> None:
    """It says any."""
    assert encode(decode(tools=TOOLS, tool_choice="any"))[0]["tool_choice"] == "required"


PLACE = {"type": "approximate", "approximate": {"city": "Utrecht", "country": "NL"}}
SAID: list[tuple[str, dict[str, Any], WebSearch]] = [
    (
        "native",
        {"web_search_options": {"search_context_size": "low", "user_location": PLACE}},
        WebSearch(context="low", user_location={"city": "Utrecht", "country": "NL"}),
    ),
    (
        "search_parameters",
        {
            "search_parameters": {
                "mode": "on",
                "sources": [{"type": "web", "allowed_websites": ["x.ai"], "country": "NL"}, {"type": "news"}],
                "from_date": "2026-01-01",
                "max_search_results": 5,
            }
        },
        WebSearch(required=True, allowed_domains=("x.ai",), from_date="2026-01-01", user_location={"country": "NL"}),
    ),
    (
        "enable_search",
        {"enable_search": True, "search_options": {"forced_search": True}},
        WebSearch(required=True),
    ),
    ("plugin", {"plugins": [{"id": "web", "max_results": 3}]}, WebSearch()),
    (
        "native",
        {"tools": [{"type": "openrouter:web_search", "parameters": {"search_context_size": "high"}}]},
        WebSearch(context="high"),
    ),
]


@pytest.mark.parametrize(("style", "wire", "search"), SAID)
def test_every_way_to_search_is_understood(style: str, wire: dict[str, Any], search: WebSearch) -> None:
    """And goes back in the same words to an upstream that speaks them."""
    request = decode(**wire)
    (found,) = request.tools
    assert isinstance(found, WebSearch)
    assert (
        WebSearch(**{name: getattr(found, name) for name in found.__struct_fields__ if name != "provider_data"})
        == search
    )
    assert encode(request, web_search=style)[0] == wire


FOREIGN = WebSearch(
    context="low",
    max_uses=3,
    allowed_domains=("a.com",),
    from_date="2026-01-01",
    user_location={"city": "Utrecht"},
)
LOST = tuple(
    f"tools.web_search.{name}" for name in ("from_date", "allowed_domains", "max_uses", "context", "user_location")
)


@pytest.mark.parametrize(
    ("style", "wire", "dropped"),
    [
        (
            "native",
            {
                "web_search_options": {
                    "search_context_size": "low",
                    "user_location": {"type": "approximate", "approximate": {"city": "Utrecht"}},
                }
            },
            LOST[:3],
        ),
        (
            "search_parameters",
            {
                "search_parameters": {
                    "mode": "auto",
                    "return_citations": True,
                    "sources": [{"type": "web", "allowed_websites": ["a.com"]}],
                    "from_date": "2026-01-01",
                }
            },
            LOST[2:],
        ),
        ("enable_search", {"enable_search": True}, LOST),
        ("plugin", {"plugins": [{"id": "web"}]}, LOST),
        ("none", {}, ("tools.web_search",)),
    ],
)
def test_foreign_search_is_asked_for_in_the_upstreams_way(
    style: str, wire: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    """What has no word is named."""
    request = Request(origin="anthropic_messages", model="m", messages=(), tools=(FOREIGN,))
    assert encode(request, web_search=style) == (wire, dropped)


def test_other_plugins_survive() -> None:
    """Only the one that searches is ours to translate."""
    plugins = [{"id": "file-parser"}, {"id": "web"}]
    wire = encode(decode(plugins=plugins), web_search="plugin")[0]
    assert sorted(plugin["id"] for plugin in wire["plugins"]) == ["file-parser", "web"]
    assert "plugins" in encode(decode(plugins=[{"id": "x"}]))[0]


def test_free_text_tools_become_functions_where_there_are_none() -> None:
    """Offered, chosen and called as the function that stands for them."""
    call = {"id": "c", "type": "custom", "custom": {"name": "h", "input": "4 + 4"}}
    request = decode(
        messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": None, "tool_calls": [call]}],
        tools=[{"type": "custom", "custom": {"name": "h"}}],
        tool_choice={"type": "custom", "custom": {"name": "h"}},
    )
    wire = json.loads(encode_request(request, Target(model="m", quirks=Quirks(custom_tools=False))).body)
    assert wire["tools"][0]["function"]["parameters"]["required"] == ["input"]
    assert wire["tool_choice"] == {"type": "function", "function": {"name": "h"}}
    assert wire["messages"][1]["tool_calls"][0]["function"] == {"name": "h", "arguments": '{"input":"4 + 4"}'}
