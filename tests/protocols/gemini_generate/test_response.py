"""Whole answers."""

import msgspec
import pytest
from google.genai import types

from fakes.google import answer, read, written
from headgate.canonical.failure import Blame, Kind, Refused
from headgate.canonical.parts import (
    Audio,
    Image,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.stream import Candidate, Response
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate import CODEC


def test_parts_finish_and_identity() -> None:
    """Thoughts, text, pictures and calls, each signed (new-api #5528)."""
    response = read(
        answer(
            {"text": "hm", "thought": True, "thoughtSignature": "Ug=="},
            {"text": "Hi", "thoughtSignature": "VA=="},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "SQ=="},
            {"functionCall": {"name": "f", "args": {"a_b": 1}}, "thoughtSignature": "Qw=="},
        )
    )
    assert (response.id, response.model) == ("r1", "gemini-2.5-flash")
    candidate = response.candidates[0]
    assert candidate.finish == "tool_calls"
    assert candidate.parts == (
        Reasoning(text="hm", signature=Signature("gemini_generate", "Ug==")),
        Text(text="Hi", signature=Signature("gemini_generate", "VA==")),
        Image(source=Source(data="AAAA", media_type="image/png"), signature=Signature("gemini_generate", "SQ==")),
        ToolCall(id="call_r1_0", name="f", arguments='{"a_b":1}', signature=Signature("gemini_generate", "Qw==")),
    )
    assert read(written(response)).candidates[0].parts == candidate.parts


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    """And goes back as Google's block."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}, "modelVersion": "m"}
    response = read(blocked)
    assert [candidate.finish for candidate in response.candidates] == ["content_filter"]
    assert written(response) == blocked


def test_several_answers_keep_their_numbers() -> None:
    """candidateCount."""
    body = answer({"text": "a"})
    body["candidates"].append({"content": {"parts": [{"text": "b"}]}, "index": 1, "finishReason": "MAX_TOKENS"})
    response = read(body)
    assert [candidate.finish for candidate in response.candidates] == ["stop", "length"]
    assert [candidate["index"] for candidate in written(response)["candidates"]] == [0, 1]


def test_what_others_answer_is_read_by_googles_sdk() -> None:
    """Every part kind, and nothing is lost that Google can say."""
    parts: tuple[Part, ...] = (
        Reasoning(text="hm", signature=Signature("anthropic_messages", "sig")),
        Reasoning(redacted=Signature("anthropic_messages", "secret")),
        Text(text="Hi"),
        Refusal(text="No."),
        ToolCall(id="toolu_1", name="f", arguments='{"a":1}'),
        Image(source=Source(data="iVBORw0KGgo=")),
        Audio(source=Source(data="AAAA", media_type="audio/wav"), transcript="Hello"),
        ServerToolCall(id="s", name="code_execution", input='{"code":"1"}'),
        ServerToolResult(call_id="s", name="code_execution", output="1"),
        ServerToolCall(id="t", name="mcp", input='{"x":1}'),
        ServerToolResult(call_id="t", name="mcp", output="y"),
    )
    usage = Usage(input=5, cache_read=3, output=2, reasoning=1)
    candidate = Candidate(parts=parts, finish="tool_calls")
    body = written(Response(id="msg_1", model="claude", candidates=(candidate,), usage=usage))
    with pytest.warns(UserWarning, match="MCP"):
        sdk = types.GenerateContentResponse._from_response(response=body, kwargs={})
    assert sdk.candidates is not None
    assert sdk.candidates[0].finish_reason is types.FinishReason.STOP
    assert sdk.usage_metadata is not None
    assert sdk.usage_metadata.prompt_token_count == 8
    assert sdk.usage_metadata.thoughts_token_count == 1
    found = read(body).candidates[0].parts
    assert found[0] == parts[0]
    assert found[1] == parts[1]
    assert found[3] == parts[4] or found[4] == parts[4]


def test_unreadable_answers_blame_the_upstream() -> None:
    """So that another channel is tried."""
    for body in (b"", b"<html>", b"[]", b'{"candidates":5}', b'{"candidates":[{"content":{"parts":[{"odd":1}]}}]}'):
        with pytest.raises(Refused) as refused:
            CODEC.decode_response(body)
        assert (refused.value.failure.kind, refused.value.failure.blame) == (Kind.UPSTREAM, Blame.UPSTREAM)


def test_an_error_in_an_answer_is_that_error() -> None:
    """Some proxies answer 200 to it."""
    with pytest.raises(Refused) as refused:
        CODEC.decode_response(b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}')
    assert refused.value.failure.kind is Kind.RATE_LIMITED


def test_usage_and_tier() -> None:
    """Google's `standard` is everyone's default."""
    body = answer({"text": "a"})
    body["usageMetadata"] = {"promptTokenCount": 3, "candidatesTokenCount": 1, "serviceTier": "standard"}
    response = read(body)
    assert (response.usage, response.service_tier) == (Usage(input=3, output=1), "default")
    assert written(response)["usageMetadata"]["serviceTier"] == "standard"


def test_counting_is_answered() -> None:
    """`countTokens`."""
    assert CODEC.encode_count is not None
    assert msgspec.json.decode(CODEC.encode_count(7)) == {"totalTokens": 7}
