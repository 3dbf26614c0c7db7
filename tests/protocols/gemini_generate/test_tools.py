"""Tools and tool choice."""

import pytest

from fakes.google import BUDGET, LEVEL, again, asking, decoded, encoded
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import ServerTool, Tool, ToolChoice, WebSearch

WEATHER: dict[str, Json] = {"type": "object", "properties": {"zip_code": {"type": "string"}}}


def test_every_form_of_declaration_is_read() -> None:
    """OpenAPI schema, JSON schema, either spelling, and `tools` as one object (wire gemini/tool-call)."""
    own = {"type": "OBJECT", "properties": {"zip_code": {"type": "STRING"}}}
    for tools in (
        [{"functionDeclarations": [{"name": "w", "parameters": own}]}],
        [{"functionDeclarations": [{"name": "w", "parametersJsonSchema": WEATHER}]}],
        [{"function_declarations": [{"name": "w", "parameters_json_schema": WEATHER}]}],
        {"function_declarations": [{"name": "w", "parameters": own}]},
    ):
        request = decoded(tools=tools)
        tool = request.tools[0]
        assert isinstance(tool, Tool)
        assert (tool.name, tool.parameters) == ("w", WEATHER)
        assert again(request) == request


def test_googles_declaration_goes_back_exactly() -> None:
    """Behaviour and response schema included."""
    declared = {"name": "w", "description": "", "parameters": {"type": "OBJECT"}, "behavior": "NON_BLOCKING"}
    body, _ = encoded(decoded(tools=[{"functionDeclarations": [declared]}]))
    assert body["tools"] == [{"functionDeclarations": [declared]}]


def test_a_foreign_schema_goes_into_parameters_json_schema() -> None:
    """As it is."""
    body, _ = encoded(asking(tools=(Tool(name="w", description="d", parameters=WEATHER), Tool(name="n"))))
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "w", "description": "d", "parametersJsonSchema": WEATHER}, {"name": "n"}]}
    ]


def test_a_free_text_tool_becomes_a_function_of_one_string() -> None:
    """The agreed form of canonical.custom_tools."""
    body, _ = encoded(asking(tools=(Tool(name="sh", custom=True),)))
    schema = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert schema["required"] == ["input"]


@pytest.mark.parametrize("field", ["googleSearch", "googleSearchRetrieval", "enterpriseWebSearch", "google_search"])
def test_every_search_tool_is_a_web_search(field: str) -> None:
    """And goes back as the one it was."""
    request = decoded(tools=[{field: {}}])
    assert isinstance(request.tools[0], WebSearch)
    assert again(request) == request


def test_a_foreign_search_becomes_google_search_and_says_what_it_loses() -> None:
    """Domains and uses have no field; dates do."""
    search = WebSearch(max_uses=3, allowed_domains=("a.com",), from_date="2026-01-01", to_date="2026-02-01")
    body, dropped = encoded(asking(tools=(search,)))
    span = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2026-02-01T23:59:59Z"}
    assert body["tools"] == [{"googleSearch": {"timeRangeFilter": span}}]
    assert dropped == ("tools.web_search.max_uses", "tools.web_search.allowed_domains")
    old, _ = encoded(asking(tools=(WebSearch(),)), Quirks(web_search_tool="googleSearchRetrieval"))
    assert old["tools"] == [{"googleSearchRetrieval": {}}]
    assert encoded(asking(tools=(WebSearch(),)), Quirks(web_search="none"))[1] == ("tools.web_search",)


def test_server_tools_by_name() -> None:
    """Code execution and page reading exist here under other names; what does not exist is named."""
    tools = (ServerTool(name="code_execution"), ServerTool(name="web_fetch"), ServerTool(name="mcp"))
    body, dropped = encoded(asking(tools=tools))
    assert body["tools"] == [{"codeExecution": {}}, {"urlContext": {}}]
    assert dropped == ("tools.mcp",)
    request = decoded(tools=[{"codeExecution": {}, "urlContext": {}}, {"fileSearch": {"fileSearchStoreNames": ["a"]}}])
    assert [tool.name for tool in request.tools if isinstance(tool, ServerTool)] == [
        "code_execution",
        "web_fetch",
        "file_search",
    ]


def test_functions_and_search_together() -> None:
    """A 400 before Gemini 3: the search is named; from 3 on both go."""
    request = asking(tools=(Tool(name="w"), WebSearch()))
    body, dropped = encoded(request, BUDGET)
    assert body["tools"] == [{"functionDeclarations": [{"name": "w"}]}]
    assert dropped == ("tools.web_search",)
    body, dropped = encoded(request, LEVEL)
    assert body["tools"][1] == {"googleSearch": {}}
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert dropped == ()


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode="auto")),
        ({"mode": "NONE"}, ToolChoice(mode="none")),
        ({"mode": "ANY"}, ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["a"]}, ToolChoice(mode="tool", names=("a",))),
        ({"mode": "ANY", "allowed_function_names": ["a", "b"]}, ToolChoice(mode="required", names=("a", "b"))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["a"]}, ToolChoice(mode="auto", names=("a",))),
        ({"mode": "VALIDATED"}, ToolChoice(mode="auto")),
        ({"mode": 2}, ToolChoice(mode="required")),
    ],
)
def test_tool_choice_both_ways(calling: dict[str, object], choice: ToolChoice) -> None:
    """peers.md 1: toolConfig is ignored elsewhere."""
    request = decoded(toolConfig={"functionCallingConfig": calling})
    assert request.tool_choice == choice
    assert again(request) == request


def test_the_rest_of_tool_config_is_kept() -> None:
    """Place and server-side invocations are Google's own."""
    config = {"retrievalConfig": {"languageCode": "de"}, "functionCallingConfig": {"streamFunctionCallArguments": True}}
    assert encoded(decoded(toolConfig=config))[0]["toolConfig"] == config


def test_one_call_at_a_time_cannot_be_had() -> None:
    """Named, where there are functions."""
    assert encoded(asking(tools=(Tool(name="w"),), parallel_tool_calls=False))[1] == ("parallel_tool_calls",)


def test_an_unknown_mode_is_refused() -> None:
    """Not read as some other."""
    with pytest.raises(Refused, match="SOMETIMES"):
        decoded(toolConfig={"functionCallingConfig": {"mode": "SOMETIMES"}})
