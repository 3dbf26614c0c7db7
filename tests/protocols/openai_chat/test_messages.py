"""Messages and their content, both ways."""

import json
from typing import Any

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import Message, Request
from headgate.protocols.openai_chat.request import decode_request, encode_request

PNG = "iVBORw0KGgo="
MINE = Signature(origin="openai_chat", value="mine")
THEIRS = Signature(origin="anthropic_messages", value="theirs")


def decode(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return decode_request(json.dumps({"model": "m", "messages": messages}).encode(), None, False).messages


def parts(role: str = "user", **members: Any) -> tuple[Part, ...]:
    return decode({"role": role, **members})[0].parts


def encode(
    *messages: Message, origin: Any = "openai_chat", **quirks: Any
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    request = Request(origin=origin, model="m", messages=messages)
    encoded = encode_request(request, Target(model="m", quirks=Quirks(**quirks)))
    return json.loads(encoded.body)["messages"], encoded.dropped


def again(*messages: dict[str, Any], **quirks: Any) -> list[dict[str, Any]]:
    return encode(*decode(*messages), **quirks)[0]


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        ({"type": "text", "text": "x"}, Text(text="x")),
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}, "new": 1},
            Text(text="x", cache=CacheHint(ttl="1h"), provider_data={"openai_chat": {"new": 1}}),
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
            Image(source=Source(url="https://x/y.png"), detail="low"),
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            Image(source=Source(data=PNG, media_type="image/png")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Audio(source=Source(data="AAAA", media_type="audio/mpeg")),
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
            File(source=Source(data="AAAA", media_type="application/pdf"), filename="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, File(source=Source(file_id="file-1"))),
        (
            {"type": "document_url", "document_url": "https://x/a.pdf", "document_name": "a"},
            File(
                source=Source(url="https://x/a.pdf"),
                filename="a",
                provider_data={"openai_chat": {"type": "document_url"}},
            ),
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://x/a.mp4"}},
            Video(
                source=Source(url="https://x/a.mp4"),
                provider_data={"openai_chat": {"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}},
            ),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal(text="no")),
    ],
)
def test_every_part_is_understood_and_written_back(wire: dict[str, Any], part: Part) -> None:
    """Decoding and encoding are each other's inverse."""
    assert parts(content=[wire, wire]) == (part, part)
    assert again({"role": "user", "content": [wire, wire]}) == [{"role": "user", "content": [wire, wire]}]


def test_data_address_without_base64_is_understood() -> None:
    """As small pictures are written by hand."""
    (image,) = parts(content=[{"type": "image_url", "image_url": "data:image/svg+xml,%3Csvg/%3E"}])
    assert image == Image(source=Source(data="PHN2Zy8+", media_type="image/svg+xml"))


def test_plain_text_document_is_sent_as_text() -> None:
    """There is no part for one."""
    document = File(source=Source(), text="body", filename="notes.txt")
    assert encode(Message(role="user", parts=(document,)))[0][0]["content"] == "notes.txt:\n\nbody"


@pytest.mark.parametrize(
    "part",
    [
        Video(source=Source(data="AAAA", media_type="video/mp4")),
        Image(source=Source(file_id="x")),
        Audio(source=Source(url="https://x/a.mp3")),
    ],
)
def test_content_without_words_is_refused(part: Part) -> None:
    """Never a silent loss."""
    with pytest.raises(Refused) as refused:
        encode(Message(role="user", parts=(part,)), origin="gemini_generate")
    assert refused.value.failure.param == "messages"


HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "hi", "name": "ann"},
    {
        "role": "assistant",
        "content": "looking",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1 '}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "4 + 4"}},
        ],
        "reasoning_content": "hm",
    },
    {"role": "tool", "tool_call_id": "c1", "content": "one"},
    {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "assistant", "content": None, "refusal": "no"},
    {"role": "assistant", "content": None, "audio": {"id": "audio_1"}},
]


def test_history_comes_through() -> None:
    """Text beside parallel calls, broken arguments as the model wrote them, results in text and in parts."""
    assert again(*HISTORY) == HISTORY
    assert decode(HISTORY[2])[0].parts == (
        Reasoning(text="hm"),
        Text(text="looking"),
        ToolCall(id="c1", name="f", arguments='{"a": 1 '),
        ToolCall(id="c2", name="g", arguments="4 + 4", custom=True),
    )


def test_functions_of_2023_come_through() -> None:
    """A call without id, and the message that answers it by name."""
    history: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
    ]
    assert again(*history) == history
    call, result = decode(*history)
    assert isinstance(call.parts[0], ToolCall)
    assert isinstance(result.parts[0], ToolResult)
    assert result.parts[0].call_id == call.parts[0].id


def test_images_of_a_tool_follow_in_a_user_message() -> None:
    """Tool messages take only text; the picture comes right after the last of them, and says where it is from."""
    picture = Image(source=Source(data=PNG, media_type="image/png"))
    results = (
        ToolResult(call_id="c1", content=(Text(text="see"), picture)),
        ToolResult(call_id="c2", content=(Text(text="fine"),)),
    )
    wire, dropped = encode(Message(role="tool", parts=results), Message(role="user", parts=(Text(text="so?"),)))
    assert [message["role"] for message in wire] == ["tool", "tool", "user"]
    assert "attached below" in wire[0]["content"][1]["text"]
    label, image, question = wire[2]["content"]
    assert "c1" in label["text"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    assert question["text"] == "so?"
    assert dropped == ()
    assert encode(Message(role="tool", parts=results))[0][2]["role"] == "user"


def test_images_of_an_assistant_follow_in_a_user_message() -> None:
    """An answer's Markdown picture comes back as one, and reaches the upstream as one."""
    text = f"here:\n\n![image](data:image/png;base64,{PNG})"
    (message,) = decode({"role": "assistant", "content": text})
    assert message.parts == (Text(text="here:\n\n"), Image(source=Source(data=PNG, media_type="image/png")))
    wire, _ = encode(message)
    assert [one["role"] for one in wire] == ["assistant", "user"]
    assert wire[1]["content"][1]["type"] == "image_url"


def test_failed_tool_says_so() -> None:
    """There is no flag for it."""
    results = (
        ToolResult(call_id="1", content=(Text(text="boom"),), is_error=True),
        ToolResult(call_id="2", content=(Text(text="Error: boom"),), is_error=True),
        ToolResult(call_id="3", is_error=True),
    )
    wire, _ = encode(Message(role="tool", parts=results))
    assert [message["content"] for message in wire] == ["Error: boom", "Error: boom", "Error"]


def test_cache_hints_go_to_those_who_asked_here() -> None:
    """OpenAI refuses members it does not know, so a foreign caller's hints stay away, and are named."""
    text = Text(text="x", cache=CacheHint())
    assert encode(Message(role="user", parts=(text,)))[0][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    wire, dropped = encode(Message(role="user", parts=(text,)), origin="anthropic_messages")
    assert (wire[0]["content"], dropped) == ("x", ("cache_control",))
    wire, dropped = encode(Message(role="user", parts=(text,)), origin="anthropic_messages", cache_control=True)
    assert ("cache_control" in wire[0]["content"][0], dropped) == (True, ())
    assert parts(content="x", cache_control={"type": "ephemeral"}) == (text,)


def test_message_of_thoughts_alone_has_a_content() -> None:
    """Null is a 400 where neither calls nor a refusal stand in its place."""
    wire, _ = encode(Message(role="assistant", parts=(Reasoning(text="hm"),)))
    assert wire == [{"role": "assistant", "content": "", "reasoning_content": "hm"}]


def test_thoughts_go_back_in_the_upstreams_field() -> None:
    """Own signatures with the details, others' never."""
    thoughts = (Reasoning(text="a", signature=MINE), Reasoning(text="b", signature=THEIRS), Reasoning(redacted=THEIRS))
    message = Message(role="assistant", parts=(*thoughts, Text(text="x")))
    wire, dropped = encode(message)
    assert (wire[0]["reasoning_content"], "reasoning_details" in wire[0]) == ("ab", False)
    assert dropped == ("reasoning.foreign",)
    wire, _ = encode(message, reasoning_field="reasoning")
    assert wire[0]["reasoning"] == "ab"
    assert wire[0]["reasoning_details"] == [{"type": "reasoning.text", "text": "a", "signature": "mine", "index": 0}]
    wire, dropped = encode(message, reasoning_field="none")
    assert wire[0].keys() == {"role", "content"}
    assert dropped == ("reasoning.foreign", "reasoning")


def test_signed_thoughts_of_a_client_are_understood() -> None:
    """What we gave a client in the list comes back with its origin; a text told twice counts once."""
    details = [
        {"type": "reasoning.text", "text": "a", "signature": "hg1.am.theirs", "format": "x", "index": 0},
        {"type": "reasoning.encrypted", "data": "hg1.am.theirs", "id": "r1", "index": 1},
        {"type": "reasoning.summary", "summary": "s", "index": 2},
        {"type": "reasoning.encrypted", "index": 3},
    ]
    found = parts("assistant", content="x", reasoning_content="a", reasoning_details=details)
    assert found[:3] == (
        Reasoning(text="a", signature=THEIRS, provider_data={"openai_chat": {"format": "x", "index": 0}}),
        Reasoning(redacted=THEIRS, id="r1", provider_data={"openai_chat": {"index": 1}}),
        Reasoning(text="s", summary=True, provider_data={"openai_chat": {"index": 2}}),
    )


def test_thoughts_inside_content_are_understood() -> None:
    """Mistral's form."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert parts("assistant", content=[thinking, {"type": "text", "text": "x"}]) == (
        Reasoning(text="hm"),
        Text(text="x"),
    )


def test_call_signature_of_gemini_survives() -> None:
    """Its compatible surface keeps it beside the function; one of Gemini's own API travels wrapped, to clients only."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    own = {**call, "extra_content": {"google": {"thought_signature": "mine"}}}
    assert again({"role": "assistant", "content": None, "tool_calls": [own]})[0]["tool_calls"] == [own]
    wrapped = {**call, "extra_content": {"google": {"thought_signature": "hg1.gg.sig"}}}
    (message,) = decode({"role": "assistant", "content": None, "tool_calls": [wrapped]})
    assert isinstance(message.parts[0], ToolCall)
    assert message.parts[0].signature == Signature(origin="gemini_generate", value="sig")
    wire, dropped = encode(message)
    assert wire[0]["tool_calls"] == [call]
    assert dropped == ("reasoning.foreign",)


def test_what_another_upstreams_tools_did_is_named() -> None:
    """The answer's text remains."""
    message = Message(role="assistant", parts=(ServerToolCall(id="s", name="web_search"), Text(text="found")))
    wire, dropped = encode(message, origin="anthropic_messages")
    assert (wire[0]["content"], dropped) == ("found", ("server_tools.foreign",))


def test_arguments_as_an_object_are_taken_as_text() -> None:
    """Some clients forget to write them as text."""
    call = {"id": "c", "function": {"name": "f", "arguments": {"a": 1}}}
    assert parts("assistant", tool_calls=[call]) == (ToolCall(id="c", name="f", arguments='{"a":1}'),)
