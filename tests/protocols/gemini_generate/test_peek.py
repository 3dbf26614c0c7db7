"""Looking at a request, and changing little in it."""

from typing import Any

import msgspec
import pytest

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import Refused
from headgate.protocols.gemini_generate import CODEC


def look(**body: Any) -> Peek:
    return CODEC.peek(msgspec.json.encode(body), "models/gemini-2.5-flash")


def test_what_routing_and_pricing_need() -> None:
    """In camelCase."""
    peek = look(
        contents=[
            {
                "parts": [
                    {"text": "grün"},
                    {"inlineData": {"mimeType": "image/png", "data": "A" * 5000}},
                    {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
                    {"fileData": {"fileUri": "gs://x"}},
                ]
            }
        ],
        systemInstruction={"parts": [{"text": "abc"}]},
        tools=[{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
        generationConfig={"maxOutputTokens": 100, "candidateCount": 2},
    )
    assert peek == Peek(
        model="gemini-2.5-flash",
        wants_usage=True,
        max_output_tokens=100,
        n=2,
        text_bytes=5 + 3 + len(b'[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}}]'),
        images=1,
        audios=1,
        documents=1,
        tools=True,
        web_search=True,
    )


def test_snake_case_says_the_same() -> None:
    """peers.md 9: LiteLLM."""
    peek = look(
        contents={"parts": {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}},
        system_instruction={"parts": {"text": "abc"}},
        tools={"function_declarations": [], "google_search": {}},
        generation_config={"max_output_tokens": "7"},
    )
    assert (peek.images, peek.max_output_tokens, peek.tools, peek.web_search) == (1, 7, True, True)


def test_tool_results_and_counting_requests() -> None:
    """Results are prompt too, pictures in them pictures."""
    response = {"name": "f", "response": {"a": 1}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "A"}}]}
    inner = {"contents": [{"parts": [{"functionResponse": response}]}]}
    peek = look(generateContentRequest=inner)
    assert (peek.text_bytes, peek.images) == (len(b'{"a":1}'), 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "contents is required"),
        (b'{"contents":[]}', "contents is required"),
        (b"", "Invalid JSON"),
        (b'{"contents":5}', "contents"),
        (b'{"contents":[{"parts":[{"text":5}]}]}', "text"),
        (b'{"contents":[{}],"generationConfig":{"maxOutputTokens":-1}}', "positive"),
        (b'{"contents":[{}],"generationConfig":{"maxOutputTokens":"x"}}', "whole number"),
    ],
)
def test_bad_requests_are_refused(body: bytes, words: str) -> None:
    """Before anything is spent."""
    with pytest.raises(Refused, match=words):
        CODEC.peek(body, "m")


def test_nothing_to_change_changes_nothing() -> None:
    """The very same object; the model stands in the path."""
    body = b'{ "contents" : [ {"role": "model", "parts": []} ] }'
    assert CODEC.patch(body, Patch(model="other")) is body
    assert CODEC.patch(body, Patch(ask_usage=True)) is body
    deep = b'{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"model":1}}}]}]}'
    assert CODEC.patch(deep, Patch(model="other")) is deep


def test_a_body_that_names_a_model_is_brought_in_line() -> None:
    """Recorded: gemini/stream-jsonarray-basic."""
    assert CODEC.patch(b'{"model":"models/a","contents":[ 1.0 ]}', Patch(model="b")) == (
        b'{"model":"models/b","contents":[ 1.0 ]}'
    )


def test_limit_and_overrides_leave_the_rest_byte_for_byte() -> None:
    """In the spelling the caller used."""
    body = b'{"contents":[ 1e3 ],"generation_config":{"max_output_tokens":5,"top_p":0.10}}'
    change = Patch(max_output_tokens=3, set_fields={"safetySettings": []})
    assert CODEC.patch(body, change) == (
        b'{"contents":[ 1e3 ],"generation_config":{"max_output_tokens":3,"top_p":0.10},"safetySettings":[]}'
    )
    assert CODEC.patch(b'{"generationConfig":null}', Patch(max_output_tokens=3)) == (
        b'{"generationConfig":{"maxOutputTokens":3}}'
    )
    with pytest.raises(Refused):
        CODEC.patch(b"[]", Patch(max_output_tokens=3))
