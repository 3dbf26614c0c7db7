"""Content blocks of answers and histories that are not plain text or media."""

from typing import Any

import pytest

from fakes.messages import decoded, encoded
from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    CacheHint,
    Part,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Text,
    ToolCall,
    ToolResult,
)
from headgate.protocols.anthropic_messages.ids import wire_id

CODE = {"type": "code_execution_result", "stdout": "4", "stderr": "", "return_code": 0, "content": []}
FETCHED = {
    "type": "web_fetch_result",
    "url": "https://a.example",
    "content": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "page"}},
}


def first(block: dict[str, Any], role: str = "assistant") -> Part:
    return decoded(messages=[{"role": role, "content": [block]}]).messages[0].parts[0]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "t", "signature": "Er"},
        {"type": "redacted_thinking", "data": "Em"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}, "caller": {}},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_bm25", "input": {}},
        {"type": "mcp_tool_use", "id": "m_1", "name": "echo", "server_name": "s", "input": {"x": []}},
        {
            "type": "mcp_tool_result",
            "tool_use_id": "m_1",
            "is_error": False,
            "content": [{"type": "text", "text": "a"}],
        },
        {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": FETCHED},
        {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": CODE},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "compaction", "content": "so far", "signature": "x"},
        {"type": "of_tomorrow", "deep": [{"a": None}]},
    ],
)
def test_every_block_comes_back_as_it_came(block: dict[str, Any]) -> None:
    """Known or not, nothing is lost towards the same protocol."""
    body, dropped = encoded(decoded(messages=[{"role": "assistant", "content": [block]}]))
    assert body["messages"][0]["content"] == [block]
    assert dropped == ()


def test_server_tools_have_our_names() -> None:
    """Other protocols know web search, fetch, code and MCP by one name each."""
    names = [
        first({"type": "server_tool_use", "id": "s", "name": name, "input": {}})
        for name in ("web_search", "web_fetch", "text_editor_code_execution", "other")
    ]
    assert [part.name for part in names if isinstance(part, ServerToolCall)] == [
        "web_search",
        "web_fetch",
        "code_execution",
        "other",
    ]
    mcp = first({"type": "mcp_tool_use", "id": "m", "name": "echo", "server_name": "s", "input": {"a": 1}})
    assert isinstance(mcp, ServerToolCall)
    assert (mcp.name, mcp.input) == ("mcp", '{"a":1}')


@pytest.mark.parametrize(
    ("kind", "content", "name", "output", "error"),
    [
        ("code_execution_tool_result", CODE, "code_execution", "4", None),
        ("web_fetch_tool_result", FETCHED, "web_fetch", "page", None),
        ("mcp_tool_result", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "mcp", "a\nb", None),
        ("web_search_tool_result", {"error_code": "max_uses_exceeded"}, "web_search", None, "max_uses_exceeded"),
        ("advisor_tool_result", {"type": "advisor_result", "text": "do"}, "advisor_tool_result", "do", None),
    ],
)
def test_what_a_server_tool_found_is_readable(
    kind: str, content: object, name: str, output: str | None, error: str | None
) -> None:
    """Text and errors are out in the open, the block in the bag."""
    part = first({"type": kind, "tool_use_id": "s", "content": content})
    assert isinstance(part, ServerToolResult)
    assert (part.call_id, part.name, part.output, part.error) == ("s", name, output, error)


def test_search_results_are_readable() -> None:
    """Address, title and age; the encrypted text stays Anthropic's."""
    found = {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "E", "page_age": "1 d"}
    part = first({"type": "web_search_tool_result", "tool_use_id": "s", "content": [found, {"type": "odd"}]})
    assert isinstance(part, ServerToolResult)
    assert part.results == (SearchResult(url="https://a", title="A", age="1 d"),)


def test_a_search_another_vendor_made_is_not_sent_to_anthropic() -> None:
    """We showed it to the client in Anthropic's form; it has no encrypted content to give back."""
    made = wire_id("ws.1")
    request = decoded(
        messages=[
            {
                "role": "assistant",
                "content": [
                    {"type": "server_tool_use", "id": made, "name": "web_search", "input": {}},
                    {"type": "web_search_tool_result", "tool_use_id": made, "content": []},
                    {"type": "text", "text": "ok"},
                ],
            }
        ]
    )
    call = request.messages[0].parts[0]
    assert isinstance(call, ServerToolCall)
    assert (call.id, call.provider_data) == ("ws.1", {})
    body, dropped = encoded(request)
    assert [block["type"] for block in body["messages"][0]["content"]] == ["text"]
    assert dropped == ("server_tools.foreign",)


def test_a_tool_call_brings_back_the_signature_in_its_id() -> None:
    """Gemini's thought signature reaches Gemini again, through an Anthropic client."""
    signature = Signature("gemini_generate", "Cg")
    call = first({"type": "tool_use", "id": wire_id("c", signature), "name": "f", "input": {}})
    assert call == ToolCall(id="c", name="f", arguments="{}", signature=signature)
    result = first({"type": "tool_result", "tool_use_id": wire_id("c", signature), "content": "x"}, "user")
    assert result == ToolResult(call_id="c", content=(Text(text="x"),))


def test_an_unusual_cache_mark_is_kept_whole() -> None:
    """Its lifetime is known to all, its other fields to Anthropic."""
    mark = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    block = {"type": "text", "text": "a", "cache_control": mark}
    part = first(block)
    assert isinstance(part, Text)
    assert part.cache == CacheHint(ttl="1h")
    assert encoded(decoded(messages=[{"role": "user", "content": [block]}]))[0]["messages"][0]["content"] == [block]


@pytest.mark.parametrize(
    "block",
    [
        {},
        {"type": 1},
        {"type": "text", "text": None},
        {"type": "tool_use", "id": "a", "name": "f", "input": []},
        {"type": "tool_result", "tool_use_id": "a", "content": 5},
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_result", "tool_use_id": "b"}]},
        {"type": "text", "text": "x", "citations": [1]},
        {"type": "text", "text": "x", "cache_control": "5m"},
        {"type": "redacted_thinking"},
    ],
)
def test_a_wrong_block_is_refused_by_its_path(block: dict[str, Any]) -> None:
    """Never a crash."""
    with pytest.raises(Refused, match=r"messages\.0\.content"):
        first(block, "user")
