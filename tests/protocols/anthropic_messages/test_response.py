"""Whole answers, of this protocol and of others."""

from typing import Any

import msgspec
import pytest
from anthropic.types import Message as SdkMessage

from fakes.messages import asking
from headgate.canonical.failure import Blame, Refused
from headgate.canonical.parts import (
    Audio,
    Citation,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
    Video,
)
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages import CODEC
from headgate.protocols.anthropic_messages.ids import is_wrapped, read_id
from headgate.protocols.anthropic_messages.thinking import unseal


def answered(*parts: Part, finish: FinishReason = "stop", **fields: Any) -> dict[str, Any]:
    """The message a client gets for an answer of another protocol, checked by Anthropic's own types."""
    response = Response(
        **{"id": "chatcmpl-1", "model": "gpt", "candidates": (Candidate(parts=parts, finish=finish),), **fields}
    )
    wire: dict[str, Any] = msgspec.json.decode(CODEC.encode_response(response, asking()))
    SdkMessage.model_validate(wire)
    return wire


def content(*parts: Part) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = answered(*parts)["content"]
    return blocks


def test_a_foreign_answer_becomes_a_whole_message() -> None:
    """With every field that clients rely on."""
    wire = answered(Text(text="Hi"), usage=Usage(input=3, output=4), service_tier="default")
    assert wire == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 4,
            "service_tier": "standard",
        },
    }


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("pause", "pause_turn"),
        ("context_length", "model_context_window_exceeded"),
        ("error", "max_tokens"),
    ],
)
def test_every_finish_reason_has_a_word(finish: FinishReason, word: str) -> None:
    """And no answer is without one."""
    assert answered(Text(text="x"), finish=finish)["stop_reason"] == word


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_length"),
        ("of_tomorrow", "stop"),
    ],
)
def test_every_stop_reason_is_understood_and_kept(word: str, finish: str) -> None:
    """Also one that is not known yet."""
    body = b'{"content":[],"stop_reason":"%s","stop_sequence":"X"}' % word.encode()
    response = CODEC.decode_response(body)
    assert response.candidates[0].finish == finish
    assert response.candidates[0].stop_sequence == "X"
    assert msgspec.json.decode(CODEC.encode_response(response, asking()))["stop_reason"] == word


def test_an_answer_that_ends_in_a_tool_call_says_so() -> None:
    """Some vendors call it a natural end, and a client would not run the tool."""
    call = ToolCall(id="c", name="f", arguments='{"a":1}')
    wire = answered(Text(text="Let me see."), call)
    assert wire["stop_reason"] == "tool_use"
    assert wire["content"][1] == {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}
    assert answered(call, Text(text="Done."))["stop_reason"] == "end_turn"


def test_a_refusal_is_its_words_and_its_reason() -> None:
    """OpenAI says it in a part of its own."""
    wire = answered(Refusal(text="No."))
    assert wire["content"] == [{"type": "text", "text": "No."}]
    assert wire["stop_reason"] == "refusal"


def test_thoughts_of_others_are_thinking_blocks_that_come_back() -> None:
    """Unsigned with an empty signature, encrypted ones redacted, the rest sealed (peers: signatures lost)."""
    plain, signed, hidden, item = (
        Reasoning(text="a"),
        Reasoning(text="b", signature=Signature("gemini_generate", "C")),
        Reasoning(redacted=Signature("openai_responses", "g")),
        Reasoning(text="d", id="rs_1", redacted=Signature("openai_responses", "g"), summary=True),
    )
    blocks = content(plain, signed, hidden, item)
    assert blocks[0] == {"type": "thinking", "thinking": "a", "signature": ""}
    assert blocks[2]["type"] == "redacted_thinking"
    assert [unseal(blocks[at]["thinking"], blocks[at]["signature"]) for at in (1, 3)] == [signed, item]
    body = {"model": "m", "messages": [{"role": "assistant", "content": blocks}]}
    returned = CODEC.decode_request(msgspec.json.encode(body), None, False)
    assert returned.messages[0].parts == (plain, signed, hidden, item)


def test_a_signature_on_a_call_rides_in_its_id() -> None:
    """A tool_use block has no field for it."""
    signature = Signature("gemini_generate", "Cg+/=")
    block = content(ToolCall(id="call_1", name="f", arguments="{}", signature=signature))[0]
    assert read_id(block["id"]) == ("call_1", signature)


def test_a_search_of_others_is_shown_as_a_search() -> None:
    """Call, results and citations in Anthropic's form, under ids that tell they are not."""
    cited = Text(text="ok", citations=(Citation(url="https://a", title="A"), Citation(title="nowhere")))
    blocks = content(
        ServerToolCall(id="ws_1", name="web_search", input='{"query":"q"}'),
        ServerToolResult(call_id="ws_1", name="web_search", results=(SearchResult(url="https://a"),)),
        ServerToolResult(call_id="ws_2", name="web_search", error="boom"),
        cited,
    )
    assert [block["type"] for block in blocks] == [
        "server_tool_use",
        "web_search_tool_result",
        "web_search_tool_result",
        "text",
    ]
    assert blocks[0]["id"] == blocks[1]["tool_use_id"]
    assert is_wrapped(blocks[0]["id"])
    assert blocks[0]["input"] == {"query": "q"}
    assert blocks[1]["content"][0]["title"] == "https://a"
    assert blocks[2]["content"]["error_code"] == "unavailable"
    assert len(blocks[3]["citations"]) == 1


def test_a_run_of_others_is_shown_as_a_run() -> None:
    """Output and error of code."""
    blocks = content(
        ServerToolCall(id="c", name="code_execution", input="not json"),
        ServerToolResult(call_id="c", name="code_execution", output="4"),
        ServerToolResult(call_id="c", name="code_execution", error="boom"),
    )
    assert blocks[0]["input"] == {}
    assert [block["content"]["return_code"] for block in blocks[1:]] == [0, 1]


def test_what_has_no_block_here_is_shown_as_text_or_not_at_all() -> None:
    """A picture as Markdown, speech as its transcript; other vendors' own tools are not of this world."""
    blocks = content(
        Image(source=Source(data="QQ==", media_type="image/png")),
        Image(source=Source(url="https://a/p.png")),
        Audio(source=Source(data="QQ=="), transcript="Hello"),
        Audio(source=Source(data="QQ==")),
        Text(text=""),
        Refusal(),
        Video(source=Source()),
        File(source=Source()),
        ServerToolCall(id="i", name="image_generation"),
        ServerToolResult(call_id="i", name="image_generation"),
    )
    assert [block["text"] for block in blocks] == [
        "![image](data:image/png;base64,QQ==)",
        "![image](https://a/p.png)",
        "Hello",
    ]


def test_arguments_that_are_no_object_reach_the_client_whole() -> None:
    """The SDK demands an object."""
    block = content(
        ToolCall(id="c", name="f", arguments='{"broken'), ToolCall(id="d", name="g", custom=True, arguments="x")
    )
    assert [one["input"] for one in block] == [{"_raw_arguments": '{"broken'}, {"input": "x"}]


def test_only_the_first_of_several_answers_is_told() -> None:
    """A client of this protocol cannot ask for more."""
    two = (Candidate(parts=(Text(text="1"),)), Candidate(parts=(Text(text="2"),)))
    assert answered(candidates=two)["content"] == [{"type": "text", "text": "1"}]
    assert answered(candidates=())["content"] == []


def test_an_answer_without_usage_has_zeros() -> None:
    """The field is never missing."""
    assert answered(Text(text="x"))["usage"]["output_tokens"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"content":[7]}',
        b'{"content":[{"type":"thinking"}]}',
        b'{"content":[],"usage":{"input_tokens":"1"}}',
        b'{"content":[],"stop_reason":4}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_cannot_be_read_blames_the_upstream(body: bytes) -> None:
    """A 502, not the caller's fault."""
    with pytest.raises(Refused) as caught:
        CODEC.decode_response(body)
    assert (caught.value.failure.http_status, caught.value.failure.blame) == (502, Blame.UPSTREAM)
