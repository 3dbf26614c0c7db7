"""The cheap look at a request, and the patching of one that is passed through."""

from typing import Any

import msgspec
import pytest

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import Refused
from headgate.canonical.quirks import Quirks
from headgate.protocols.anthropic_messages.peek import passes, patch, peek


def look(**body: Any) -> Peek:
    full = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **body}
    return peek(msgspec.json.encode(full), None)


def test_a_plain_request_is_seen() -> None:
    """Model, limit and size of a simple question."""
    seen = look()
    assert seen == Peek(model="claude", wants_usage=True, max_output_tokens=9, text_bytes=2)


def test_the_path_names_the_model_where_the_body_does_not() -> None:
    """Hosts like Vertex put the model into the address."""
    assert peek(b'{"messages":[{"role":"user","content":"Hi"}]}', "claude").model == "claude"


def test_text_is_counted_in_utf8_bytes_wherever_it_stands() -> None:
    """System, blocks, thoughts, tool inputs, nested results and documents all become prompt tokens."""
    assert look(system="你好").text_bytes == 6 + 2
    content = [
        {"type": "text", "text": "12345"},
        {"type": "thinking", "thinking": "123", "signature": "x" * 500},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "1234"}]},
        {"type": "tool_result", "tool_use_id": "t", "content": "12"},
        {"type": "tool_result", "tool_use_id": "t", "content": None},
    ]
    assert look(messages=[{"role": "user", "content": content}]).text_bytes == 5 + 3 + len('{"a":1}') + 4 + 2 + 4


def test_inline_media_is_counted_but_never_as_text() -> None:
    """A megabyte of base64 is one picture, not a quarter of a million tokens."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 1000}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    seen = look(messages=[{"role": "user", "content": [picture, pdf, result]}])
    assert (seen.images, seen.documents) == (2, 1)
    assert seen.text_bytes < 20


def test_documents_of_text_count_as_text() -> None:
    """Plain text and content blocks inside a document are read by the model as text."""
    plain = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abcd"}}
    nested = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "efg"}]}}
    seen = look(messages=[{"role": "user", "content": [plain, nested]}])
    assert seen.documents == 0
    assert seen.text_bytes == len('"abcd"') + 3


def test_tools_and_web_search_are_noticed() -> None:
    """Declared tools count as text; a tool of the caller's that is only called web_search is not one."""
    mine = {"name": "web_search_2", "input_schema": {"type": "object"}}
    theirs = {"type": "web_search_20260318", "name": "web_search"}
    assert (look(tools=[]).tools, look(tools=None).tools, look(tools=[mine]).tools) == (False, False, True)
    assert (look(tools=[mine]).web_search, look(tools=[mine, theirs]).web_search) == (False, True)
    assert look(tools=[mine]).text_bytes > look().text_bytes + 30


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (b"", None, "not valid JSON"),
        (b"[]", None, "expected `object`"),
        (b'{"model":"m"}', "messages", "field messages is required"),
        (b'{"messages":[{"role":"user","content":"x"}]}', "model", "field model is required"),
        (b'{"model":"m","messages":[]}', "messages", "at least one message"),
        (b'{"model":3,"messages":[]}', "model", "model: expected `str | null`, got `int`"),
        (b'{"model":"m","messages":[{"role":"user"}]}', "messages.0.content", "field messages.0.content is required"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "messages.0.content", "messages.0.content: exp"),
        (b'{"model":"m","messages":[{"role":"u","content":"x"}],"max_tokens":"9"}', "max_tokens", "max_tokens: exp"),
        (b'{"model":"m","messages":[{"role":"u","content":"x"}],"max_tokens":-1}', "max_tokens", "negative"),
        (b'{"model":"m","messages":[],"x":' + b"[" * 100_000, None, "nested too deeply"),
    ],
)
def test_a_bad_request_is_refused_with_the_field_at_fault(body: bytes, param: str | None, words: str) -> None:
    """The caller learns which field is wrong, and how."""
    with pytest.raises(Refused, match=words.replace("|", r"\|")) as caught:
        peek(body, None)
    assert caught.value.failure.param == param
    assert caught.value.failure.http_status == 400


def test_nothing_to_patch_is_the_same_object() -> None:
    """A body that already says it is sent as it came."""
    body = b'{ "model": "claude", "x": [1, 2] }'
    assert patch(body, Patch()) is body
    assert patch(body, Patch(ask_usage=True)) is body
    assert patch(body, Patch(model="claude", set_fields={"x": [1, 2]})) == b'{"model":"claude","x":[1,2]}'
    assert patch(body, Patch(model="claude")) is body


def test_only_named_fields_change() -> None:
    """Unknown fields keep their bytes, whatever their spelling."""
    body = b'{"model":"a","odd":{"n":1.50,"t":"\\u4f60"},"messages":[ ]}'
    changed = patch(body, Patch(model="b", max_output_tokens=5, set_fields={"speed": "fast"}))
    assert changed == (b'{"model":"b","odd":{"n":1.50,"t":"\\u4f60"},"messages":[ ],"speed":"fast","max_tokens":5}')


def test_a_lower_limit_lowers_the_thinking_budget() -> None:
    """The API refuses a budget that is not smaller than the limit."""
    body = b'{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000}}'
    lowered = msgspec.json.decode(patch(body, Patch(max_output_tokens=2000)))
    assert lowered == {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1999}}
    assert msgspec.json.decode(patch(body, Patch(max_output_tokens=500)))["thinking"] == {"type": "disabled"}
    assert msgspec.json.decode(patch(body, Patch(max_output_tokens=8500)))["thinking"]["budget_tokens"] == 8000


def test_a_body_that_cannot_be_patched_is_refused() -> None:
    """Bytes that are no object cannot be patched."""
    for body in (b"[1]", b"{", b"[" * 100_000):
        with pytest.raises(Refused):
            patch(body, Patch(model="m"))


def test_a_late_system_message_only_passes_to_models_that_take_it() -> None:
    """Claude Code sends one to every model that it does not know."""
    body = msgspec.json.encode({"messages": [{"role": "user", "content": "1"}, {"role": "system", "content": "2"}]})
    assert not passes(body, Quirks())
    assert passes(body, Quirks(system_messages=True))
    assert passes(b'{"messages": [{"role": "user", "content": "the \\"role\\": \\"system\\""}]}', Quirks())
